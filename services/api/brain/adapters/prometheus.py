"""Prometheus: what is wrong in the home as alerts tell it, and a few figures.

Asked without a key, from within the cluster. Its API: https://prometheus.io/docs/prometheus/latest/querying/api/

Facts: `alerts` [{name, severity, summary, since}], the urgent ones first; `figures`, by name: `memory` and `disk`
[{node, used_bytes, size_bytes}] (a disk with its `mount`), `gpu_memory` [{node, used_bytes, size_bytes}], `probes`
[{target, door, up}].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from brain.adapters.adapter import Call
from brain.adapters.service import (
    HOUSEHOLD,
    OPERATORS,
    Answer,
    Findings,
    Nothing,
    Page,
    Paged,
    Service,
    by_name,
    page_of,
    plain,
    several,
    together,
)
from brain.upstream import Upstream
from brain.verdict import Record, Verdict

Severity = Literal["urgent", "warning", "info"]
"""Those of the home's alerts. Anything else counts as a warning: better told once too often."""
_SEVERITIES: Final[tuple[Severity, ...]] = ("urgent", "warning", "info")
MOST_NAMED: Final = 5
SOURCE: Final = "prometheus"

_DISK: Final = '{fstype=~"ext4|xfs|btrfs"}'
QUERIES: Final[Mapping[str, str]] = {
    "memory_size": "max by (node) (node_memory_MemTotal_bytes)",
    "memory_free": "max by (node) (node_memory_MemAvailable_bytes)",
    "disk_size": f"max by (node, mountpoint) (node_filesystem_size_bytes{_DISK})",
    "disk_free": f"max by (node, mountpoint) (node_filesystem_avail_bytes{_DISK})",
    "gpu_size": "sum by (node) (nvidia_smi_memory_total_bytes)",
    "gpu_used": "sum by (node) (nvidia_smi_memory_used_bytes)",
    "probes": "min by (target, door) (probe_success)",
}
"""What is asked, by name: nothing else is, so nobody can make this ask what costs much."""


class AlertAnswer(Answer):
    """One of `GET /api/v1/alerts`."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = {}
    state: str
    since: AwareDatetime | None = Field(default=None, alias="activeAt")


class AlertsData(Answer):
    """All alerts."""

    alerts: tuple[AlertAnswer, ...]


class AlertsAnswer(Answer):
    """`GET /api/v1/alerts`."""

    status: Literal["success"]
    data: AlertsData


class Series(Answer):
    """One series of an instant vector. value: a time, and a number as text."""

    metric: Mapping[str, str]
    value: tuple[float, str]

    @property
    def number(self) -> float:
        """The value; not a number if it can't be read."""
        try:
            return float(self.value[1])
        except ValueError:
            return math.nan


class Vector(Answer):
    """An instant vector."""

    kind: Literal["vector"] = Field(alias="resultType")
    result: tuple[Series, ...]


class VectorAnswer(Answer):
    """`GET /api/v1/query`."""

    status: Literal["success"]
    data: Vector


class Alert(Record):
    """Something that is wrong. since: when it began."""

    name: str
    severity: Severity
    summary: str
    since: AwareDatetime | None = None


class Filled(Record):
    """How full something of a machine is. mount: where a disk is in its file system."""

    node: str
    used_bytes: int
    size_bytes: int
    mount: str | None = None


class Probe(Record):
    """Whether something can be reached, and through which door."""

    target: str
    door: str
    up: bool


class Figures(Record):
    """What the named queries say."""

    memory: tuple[Filled, ...] = ()
    disk: tuple[Filled, ...] = ()
    gpu_memory: tuple[Filled, ...] = ()
    probes: tuple[Probe, ...] = ()
    source: str = SOURCE


class Prometheus(Service):
    """The alerts and figures."""

    name = "prometheus"
    title = "Monitoring"
    roles = HOUSEHOLD

    async def inspect(self, findings: Findings) -> None:
        """Whether it is ready; then alerts and figures at once."""
        if "ready" not in (await self.upstream.text("/-/ready")).casefold():
            findings.say(Verdict.DOWN, "What answers at its address doesn't say that it is ready, as Prometheus would.")
            return
        alerts, figures = await together(
            findings.part("its alerts", _alerts(self.upstream)), findings.part("its figures", _figures(self.upstream))
        )
        if alerts is not None:
            findings.fact("alerts", alerts)
            findings.ahead(one.since for one in alerts)
            self._tell(findings, alerts)
        if figures is not None:
            findings.fact("figures", figures.model_dump(mode="json", exclude={"source"}))

    def _tell(self, findings: Findings, alerts: tuple[Alert, ...]) -> None:
        telling = [one for one in alerts if one.severity != "info"]
        for one in telling[:MOST_NAMED]:
            findings.say(Verdict.DEGRADED, f"{one.severity.capitalize()}: {one.summary}")
        if len(telling) > MOST_NAMED:
            findings.say(Verdict.DEGRADED, f"{several(len(telling) - MOST_NAMED, 'more alert')} besides.")

    @property
    def calls(self) -> Mapping[str, Call]:
        """Alerts and the named figures."""
        return by_name(
            Call(
                "infrastructure.alerts", "What is wrong, the urgent first.", Paged, Page[Alert], OPERATORS, self.alerts
            ),
            Call(
                "infrastructure.figures",
                "How full memory, disks and GPUs are, and what can be reached.",
                Nothing,
                Figures,
                OPERATORS,
                self.figures,
            ),
        )

    async def alerts(self, asked: Paged) -> Page[Alert]:
        """Those that fire; the urgent first, among them the older."""
        return page_of(Page[Alert], await _alerts(self.for_calls), asked, SOURCE)

    async def figures(self, asked: Nothing) -> Figures:
        """As they are now."""
        return await _figures(self.for_calls)


async def _alerts(upstream: Upstream) -> tuple[Alert, ...]:
    answer = await upstream.get("/api/v1/alerts", AlertsAnswer)
    firing = (_alert(one) for one in answer.data.alerts if one.state == "firing")
    return tuple(
        sorted(
            firing,
            key=lambda one: (
                _SEVERITIES.index(one.severity),
                one.since.timestamp() if one.since else 0.0,
                one.name,
            ),
        )
    )


async def _figures(upstream: Upstream) -> Figures:
    answers = dict(zip(QUERIES, await together(*(_query(upstream, one) for one in QUERIES.values())), strict=True))
    return Figures(
        memory=_filled(answers["memory_size"], free=answers["memory_free"]),
        disk=_filled(answers["disk_size"], free=answers["disk_free"]),
        gpu_memory=_filled(answers["gpu_size"], used=answers["gpu_used"]),
        probes=tuple(
            Probe(
                target=plain(one.metric.get("target", "")),
                door=plain(one.metric.get("door", "")),
                up=one.number == 1,
            )
            for one in sorted(answers["probes"], key=lambda one: sorted(one.metric.items()))
        ),
    )


async def _query(upstream: Upstream, promql: str) -> tuple[Series, ...]:
    answer = await upstream.get("/api/v1/query", VectorAnswer, params={"query": promql})
    return answer.data.result


def _alert(answer: AlertAnswer) -> Alert:
    name = plain(answer.labels.get("alertname", "an alert without a name"))
    severity = answer.labels.get("severity", "warning")
    return Alert(
        name=name,
        severity=next((one for one in _SEVERITIES if one == severity), "warning"),
        summary=plain(answer.annotations.get("summary") or f"{name}."),
        since=answer.since,
    )


def _filled(size: Iterable[Series], *, free: Iterable[Series] = (), used: Iterable[Series] = ()) -> tuple[Filled, ...]:
    """Sizes beside what is free or used of them, by machine and mount; what has only one of the two is left out."""
    of_free, of_used = _by_place(free), _by_place(used)
    found = []
    for place, total in sorted(_by_place(size).items()):
        taken = of_used.get(place, total - of_free[place] if place in of_free else math.nan)
        if math.isfinite(total) and math.isfinite(taken) and total > 0:
            node, mount = place
            found.append(Filled(node=node, used_bytes=int(max(taken, 0)), size_bytes=int(total), mount=mount or None))
    return tuple(found)


def _by_place(series: Iterable[Series]) -> dict[tuple[str, str], float]:
    return {(plain(one.metric.get("node", "")), plain(one.metric.get("mountpoint", ""))): one.number for one in series}
