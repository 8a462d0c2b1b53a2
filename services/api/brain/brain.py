"""What every route stands on: the services as they were last seen, and what of them is for whom."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from brain import gathering
from brain.access.identity import RefusedError
from brain.adapters.adapter import Adapter, Call, Role
from brain.found import Found
from brain.gathering import Seen
from brain.metrics import Metrics
from brain.overview import ExposureMap, Overview
from brain.search import search
from brain.settings import Settings, of_file
from brain.upstream import Aged
from brain.verdict import Report
from brain.watch import Watch

STALE_AFTER: Final = 3.0
"""How many times the age at which a report is asked anew it may have before it counts as old."""
WAITED: Final = 0.8
"""How much of an overview's deadline is spent waiting for a service. The rest is for writing it, to all who wait."""
AS_WRITTEN: Final = 0.5
"""Seconds that an overview is handed out as it was written once: its ages are out by no more."""


@dataclass(frozen=True)
class Exposure:
    """The map of who reaches what, as it was given, and as an overview shows it."""

    document: Mapping[str, Any]
    map: ExposureMap


class Brain:
    """All that is served, without how it is served."""

    def __init__(
        self,
        settings: Settings,
        adapters: Sequence[Adapter],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.adapters = tuple(adapters)
        self.metrics = Metrics()
        self.watch = Watch(
            self.adapters,
            fresh_for=settings.fresh_for,
            look_deadline=settings.look_deadline,
            deadline=WAITED * settings.overview_deadline,
            clock=clock,
            now=now,
        )
        self.calls: Mapping[str, tuple[Adapter, Call]] = _by_name(self.adapters)
        self.links: Mapping[str, str] = {name: str(link) for name, link in settings.links.items()}
        self.exposure = of_file(settings.exposure_file, _exposure, None)
        self._clock = clock
        self._now = now
        self._began = clock()
        self._written: dict[Role, tuple[bytes, float]] = {}
        self._writing: dict[Role, asyncio.Task[bytes]] = {}

    async def overview(self, role: Role) -> Overview:
        """The home, as this role may see it. Takes the overview's deadline at most."""
        found = await self.watch.reports()
        exposure = self.exposure()
        return gathering.overview(
            self.settings.home,
            role,
            [self._seen(one, found[one.name]) for one in self.adapters],
            exposure=exposure.map if exposure else None,
            stale_after=self.stale_after,
            now=self._now(),
        )

    async def written_overview(self, role: Role) -> bytes:
        """The same as JSON, written at most twice a second for a role, however many ask."""
        written = self._written.get(role)
        if written is not None and self._clock() - written[1] <= AS_WRITTEN:
            return written[0]
        writing = self._writing.get(role)
        if writing is None:
            self._writing[role] = writing = asyncio.create_task(self._write(role))
        # Whoever goes away leaves it to the others who wait for it.
        return await asyncio.shield(writing)

    async def _write(self, role: Role) -> bytes:
        try:
            text = (await self.overview(role)).model_dump_json().encode()
            self._written[role] = text, self._clock()
            return text
        finally:
            del self._writing[role]

    async def seen(self, role: Role) -> list[Seen]:
        """The services that this role may see."""
        found = await self.watch.reports()
        return [self._seen(one, found[one.name]) for one in self.adapters if role in one.roles]

    async def seen_one(self, role: Role, service: str) -> Seen:
        """One of them. Raises RefusedError (404), whether it isn't there or isn't for them."""
        adapter = self.watch.adapters.get(service)
        if adapter is None or role not in adapter.roles:
            raise RefusedError(404, "There is no such service.")
        return self._seen(adapter, await self.watch.report(service))

    async def search(self, role: Role, text: str, page: int, size: int) -> Found:
        """What all sources find."""
        return await search(
            self.adapters,
            role,
            text,
            page=page,
            size=size,
            deadline=self.settings.search_deadline,
            links=self.links,
        )

    @property
    def stale_after(self) -> float:
        """Seconds after which a report is older than it should be."""
        return STALE_AFTER * max(self.settings.fresh_for, self.settings.look_every)

    @property
    def now(self) -> datetime:
        """The time."""
        return self._now()

    @property
    def is_ready(self) -> bool:
        """Whether every service was looked at, or had its time for it: no service keeps this one from starting."""
        return self.watch.has_seen_all or self._clock() - self._began > self.settings.look_deadline

    def measure(self) -> None:
        """Brings the metrics of services up to date."""
        for service, report in self.watch.peek().items():
            if report is None:
                self.metrics.looked(service, None, self._clock() - self._began)
            else:
                self.metrics.looked(service, report.value.verdict, report.age_seconds)
        self.metrics.listeners.set(self.watch.listeners)

    def _seen(self, adapter: Adapter, report: Aged[Report] | None) -> Seen:
        return Seen(
            adapter.name,
            adapter.title,
            adapter.roles,
            report,
            self.links.get(adapter.name, ""),
            self.settings.wanted(adapter.name),
        )


def _by_name(adapters: Sequence[Adapter]) -> Mapping[str, tuple[Adapter, Call]]:
    calls: dict[str, tuple[Adapter, Call]] = {}
    for adapter in adapters:
        for name, call in adapter.calls.items():
            if name in calls:
                raise ValueError(f"{adapter.name} and {calls[name][0].name} both offer the call {name}")
            calls[name] = adapter, call
    return calls


def _exposure(text: str) -> Exposure:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("this isn't a map of who reaches what")
    return Exposure(document, gathering.exposure_map(document))
