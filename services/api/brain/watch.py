"""The home's services, each looked at in its own time, so that none has to wait for another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from brain.adapters.adapter import Adapter
from brain.upstream import Aged, Fresh
from brain.verdict import Report, Verdict

log = logging.getLogger(__name__)

BEHIND: Final = 32
"""Changes that a listener may leave unread before it is told no more."""


class Watch:
    """What the services are like, as far as it was seen.

    fresh_for: seconds that a look is as good as a new one. look_deadline: seconds that one look may take. deadline:
    seconds that whoever asks waits for one that is missing. clock: seconds, from any beginning. now: the time.
    """

    def __init__(
        self,
        adapters: Sequence[Adapter],
        *,
        fresh_for: float,
        look_deadline: float,
        deadline: float,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.adapters: Mapping[str, Adapter] = {one.name: one for one in adapters}
        if len(self.adapters) != len(adapters):
            raise ValueError("two adapters have the same name")
        self._look_deadline = look_deadline
        self._now = now
        self._seen: dict[str, Report] = {}
        self._listeners: dict[asyncio.Queue[Report], Hashable] = {}
        self._kept = {
            name: Fresh(self._looking(one), fresh_for=fresh_for, deadline=deadline, clock=clock)
            for name, one in self.adapters.items()
        }

    async def reports(self) -> Mapping[str, Aged[Report] | None]:
        """All reports, by service; None for one that is yet to come. Takes the deadline at most."""
        found = {name: kept.peek() for name, kept in self._kept.items()}
        missing = [name for name, report in found.items() if report is None or report.is_stale]
        if missing:
            await asyncio.gather(*map(self.report, missing))
            # What came first is older by now, by as long as the last was waited for.
            found = dict(self.peek())
        return found

    async def report(self, service: str) -> Aged[Report] | None:
        """The report of one. Raises KeyError."""
        try:
            return await self._kept[service].get()
        except TimeoutError:
            return None

    def peek(self) -> Mapping[str, Aged[Report] | None]:
        """All reports, as they are, without asking."""
        return {name: kept.peek() for name, kept in self._kept.items()}

    @property
    def has_seen_all(self) -> bool:
        """Whether every service was looked at once."""
        return self._seen.keys() == self.adapters.keys()

    async def run(self, every: float) -> None:
        """Look at all of them again and again, for as long as it is let."""
        while True:
            await self.reports()
            await asyncio.sleep(every)

    async def close(self) -> None:
        """Stop looking."""
        await asyncio.gather(*(kept.close() for kept in self._kept.values()))

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def listening(self, who: Hashable) -> int:
        """At how many places this one listens."""
        return sum(one == who for one in self._listeners.values())

    def hears(self, queue: asyncio.Queue[Report]) -> bool:
        """Whether a listener is still told of changes."""
        return queue in self._listeners

    @contextmanager
    def listen(self, who: Hashable = None) -> Iterator[asyncio.Queue[Report]]:
        """A queue of reports whose verdict or reasons aren't what they were. One that isn't read gets no more."""
        queue: asyncio.Queue[Report] = asyncio.Queue(BEHIND)
        self._listeners[queue] = who
        try:
            yield queue
        finally:
            self._listeners.pop(queue, None)

    def _looking(self, adapter: Adapter) -> Callable[[], Awaitable[Report]]:
        async def look() -> Report:
            report = await self._look(adapter)
            self._tell(adapter.name, report)
            return report

        return look

    async def _look(self, adapter: Adapter) -> Report:
        try:
            async with asyncio.timeout(self._look_deadline):
                return await adapter.look()
        except TimeoutError:
            why = f"Looking at it took longer than {self._look_deadline:g} s."
        except Exception:
            # Adapters don't raise. One that does takes nobody with it.
            log.exception("an adapter failed", extra={"fields": {"service": adapter.name}})
            why = "Looking at it failed: an error of this program."
        return Report(
            service=adapter.name, title=adapter.title, verdict=Verdict.UNKNOWN, reasons=(why,), at=self._now()
        )

    def _tell(self, service: str, report: Report) -> None:
        before = self._seen.get(service)
        self._seen[service] = report
        if before is not None and (before.verdict, before.reasons) == (report.verdict, report.reasons):
            return
        for queue in tuple(self._listeners):
            try:
                queue.put_nowait(report)
            except asyncio.QueueFull:
                self._listeners.pop(queue, None)
