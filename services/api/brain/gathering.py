"""The home in one answer, put together of what its services told: pure functions, and who may see what.

What they read of a report's `facts`, whichever service has them (sizes in bytes):

    gpus      [{node, model, slices, used}]
    storage   [{name, used_bytes, size_bytes}]
    alerts    [{name, severity: urgent|warning|info, summary, since}]
    playing   [{title, who, device, how, paused}]
    counts    {what: number}; `bytes` isn't one of them
    figures   {disk: [{node, mount, used_bytes, size_bytes}], gpu_memory: [{node, used_bytes, size_bytes}]}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from brain.access.identity import INFRASTRUCTURE
from brain.adapters.adapter import Role
from brain.overview import (
    Alert,
    Count,
    ExposureMap,
    Gpu,
    Overview,
    Part,
    Playing,
    Store,
    Tile,
    Wanted,
)
from brain.upstream import Aged
from brain.verdict import Record, Report, Verdict, worst

T = TypeVar("T", bound=Record)

SOURCES: Final[Mapping[str, frozenset[str]]] = {
    "gpus": frozenset({"kubernetes"}),
    "storage": frozenset({"immich", "jellyfin", "prometheus"}),
    "alerts": frozenset({"prometheus"}),
    "playing": frozenset({"jellyfin"}),
    "counts": frozenset({"immich", "jellyfin"}),
}
"""Who should tell of a part: if none does, their reasons are why."""
_SEVERITIES: Final = {"urgent": "critical"}


@dataclass(frozen=True)
class Seen:
    """A service with its report; None while there is none. link: where people open it. needs: the key it waits for."""

    name: str
    title: str
    roles: frozenset[Role]
    report: Aged[Report] | None
    link: str = ""
    needs: Wanted | None = None


def overview(
    home: str,
    role: Role,
    services: Iterable[Seen],
    *,
    exposure: ExposureMap | None,
    stale_after: float,
    now: datetime,
) -> Overview:
    """The home, as this role may see it. stale_after: seconds after which a report is older than it should be."""
    seen = [one for one in services if role in one.roles]
    tiles = tuple(tile(one, stale_after=stale_after, now=now) for one in seen)
    inside = role in INFRASTRUCTURE

    def part(name: str, items: Callable[[Sequence[Seen]], Iterable[T]]) -> Part[T] | None:
        return _part(name, seen, items, stale_after)

    return Overview(
        home=home,
        verdict=worst(one.verdict for one in tiles),
        services=tiles,
        gpus=part("gpus", _gpus) if inside else None,
        storage=part("storage", _storage) if inside else None,
        alerts=part("alerts", _alerts) if inside else None,
        playing=part("playing", _playing) if inside else None,
        counts=part("counts", _counts),
        exposure=exposure if inside else None,
        at=now,
    )


def tile(one: Seen, *, stale_after: float, now: datetime) -> Tile:
    """A service as an overview shows it."""
    if one.report is None:
        return Tile(
            service=one.name,
            title=one.title,
            verdict=Verdict.UNKNOWN,
            reasons=("It hasn't answered yet.",),
            at=now,
            link=one.link,
        )
    report, age = one.report.value, one.report.age_seconds
    return Tile(
        service=one.name,
        title=one.title,
        verdict=report.verdict,
        reasons=report.reasons,
        at=report.at,
        age=round(age, 1),
        is_stale=age > stale_after,
        needs=one.needs,
        link=one.link,
    )


def exposure_map(document: Mapping[str, Any]) -> ExposureMap:
    """What an overview shows of a map of who reaches what. Raises ValueError for one that isn't of that shape.

    Apps, machines and storage, and of everything else what others than pods of the home can reach.
    """
    try:
        rows = [
            {"title": row["title"], "group": row["group"], "open_to": _open(row)}
            for row in document["rows"]
            if row["kind"] in ("app", "machine", "storage") or set(_open(row)) - {"pods"}
        ]
        return ExposureMap.model_validate({"columns": document["columns"], "rows": rows})
    except (KeyError, TypeError, AttributeError):
        raise ValueError("this isn't a map of who reaches what") from None


def _open(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key for key, cell in row["cells"].items() if cell["open"])


def _part(
    name: str, seen: Sequence[Seen], items: Callable[[Sequence[Seen]], Iterable[T]], stale_after: float
) -> Part[T] | None:
    """One part; None when no service of this home would tell of it."""
    telling = [one for one in seen if one.report and (name in _facts(one) or (name == "storage" and _figures(one)))]
    silent = [one for one in seen if one.name in SOURCES[name] and one not in telling]
    if not telling:
        return Part(unknown=" ".join(map(_why, silent))) if silent else None
    ages = [one.report.age_seconds for one in telling if one.report]
    try:
        # A GPU's memory is measured by another than who tells of its slices.
        found = tuple(items(seen))
    except (ValidationError, KeyError, TypeError, AttributeError, ValueError):
        return Part(unknown="What was told of it isn't understood here.")
    return Part(items=found, age=round(max(ages), 1), is_stale=max(ages) > stale_after)


def _why(one: Seen) -> str:
    if one.report is None:
        return f"{one.title} hasn't answered yet."
    reasons = one.report.value.reasons
    return f"{one.title}: {reasons[0]}" if reasons else f"{one.title} doesn't tell."


def _facts(one: Seen) -> Mapping[str, Any]:
    return one.report.value.facts if one.report else {}


def _figures(one: Seen) -> Mapping[str, Any]:
    figures = _facts(one).get("figures")
    return figures if isinstance(figures, Mapping) else {}


def _gpus(seen: Sequence[Seen]) -> Iterable[Gpu]:
    memory = {one["node"]: one for service in seen for one in _figures(service).get("gpu_memory", ())}
    for service in seen:
        for one in _facts(service).get("gpus", ()):
            measured = memory.get(one["node"], {})
            yield Gpu(
                node=one["node"],
                model=one.get("model") or "",
                slices_taken=one["used"],
                slices_there=one["slices"],
                vram_used=_whole(measured.get("used_bytes")),
                vram_total=_whole(measured.get("size_bytes")),
            )


def _storage(seen: Sequence[Seen]) -> Iterable[Store]:
    for service in seen:
        for one in _facts(service).get("storage", ()):
            used, total = int(one["used_bytes"]), int(one["size_bytes"])
            yield Store(name=one["name"], what=service.title, used=used, total=total)
        for one in _figures(service).get("disk", ()):
            used, total = int(one["used_bytes"]), int(one["size_bytes"])
            yield Store(name=one["node"], what=one.get("mount") or "", used=used, total=total)


def _alerts(seen: Sequence[Seen]) -> Iterable[Alert]:
    for service in seen:
        for one in _facts(service).get("alerts", ()):
            severity = _SEVERITIES.get(one["severity"], one["severity"])
            yield Alert(name=one["name"], severity=severity, summary=one.get("summary") or "", since=one["since"])


def _playing(seen: Sequence[Seen]) -> Iterable[Playing]:
    for service in seen:
        for one in _facts(service).get("playing", ()):
            yield Playing(
                who=one["who"],
                title=one["title"],
                on=one.get("device") or "",
                how=one.get("how") or "",
                is_paused=one.get("paused", False),
            )


def _counts(seen: Sequence[Seen]) -> Iterable[Count]:
    for service in seen:
        for what, number in _facts(service).get("counts", {}).items():
            if what != "bytes" and isinstance(number, int):
                yield Count(what=what.capitalize(), number=number)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def without_facts(report: Aged[Report]) -> Aged[Report]:
    """A report for somebody who may know that a service is all right, but not what is in it."""
    return replace(report, value=report.value.model_copy(update={"facts": {}}))
