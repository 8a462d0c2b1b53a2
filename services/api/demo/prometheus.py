"""A stand-in for Prometheus: the demo home's alerts and figures. https://prometheus.io/docs/prometheus/latest/querying/api/

It understands one form of PromQL: an aggregation by labels over one metric, with or without matchers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo.home import ALARMS, MACHINES, PROBES, Alarm

_QUERY: Final = re.compile(r"^\s*(max|min|sum) by \(([\w, ]+)\) \((\w+)(?:{(.*)})?\)\s*$")
_MATCHER: Final = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')

Labels = dict[str, str]


class Prometheus:
    """One Prometheus. alarms: what fires."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.alarms = list(ALARMS)

    @property
    def application(self) -> Starlette:
        """It, to be served."""
        return Starlette(
            routes=[
                Route("/-/ready", self._ready),
                Route("/api/v1/alerts", self._alerts),
                Route("/api/v1/query", self._query),
            ]
        )

    async def _ready(self, _: Request) -> Response:
        return PlainTextResponse("Prometheus Server is Ready.\n")

    async def _alerts(self, _: Request) -> Response:
        return JSONResponse({"status": "success", "data": {"alerts": [self._alert(one) for one in self.alarms]}})

    def _alert(self, alarm: Alarm) -> dict[str, Any]:
        return {
            "labels": {"alertname": alarm.name, "severity": alarm.severity},
            "annotations": {
                "summary": alarm.summary,
                "runbook": f"docs/runbooks/06-monitoring.md#{alarm.name.lower()}",
            },
            "state": "firing",
            "activeAt": (self.now() - timedelta(hours=alarm.hours)).isoformat().replace("+00:00", "Z"),
            "value": "1e+00",
        }

    async def _query(self, request: Request) -> Response:
        query = request.query_params.get("query", "")
        read = _QUERY.match(query)
        if read is None:
            error = f'invalid parameter "query": this stand-in doesn\'t understand {query!r}'
            return JSONResponse({"status": "error", "errorType": "bad_data", "error": error}, status_code=400)
        of: Mapping[str, Callable[[list[float]], float]] = {"max": max, "min": min, "sum": sum}
        by = [one.strip() for one in read[2].split(",")]
        groups: dict[tuple[tuple[str, str], ...], list[float]] = {}
        for name, labels, value in series():
            if name == read[3] and all(_matches(labels, *one) for one in _MATCHER.findall(read[4] or "")):
                key = tuple((one, labels[one]) for one in by if one in labels)
                groups.setdefault(key, []).append(value)
        at = self.now().timestamp()
        result = [{"metric": dict(key), "value": [at, repr(of[read[1]](values))]} for key, values in groups.items()]
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result}})


def series() -> Iterator[tuple[str, Labels, float]]:
    """All that is measured: a metric's name, its labels, its value."""
    for one in MACHINES:
        node = {"node": one.name, "job": "node-exporter"}
        disk = {**node, "mountpoint": "/", "fstype": "ext4", "device": "/dev/nvme0n1p2"}
        yield "node_memory_MemTotal_bytes", node, one.memory
        yield "node_memory_MemAvailable_bytes", node, one.memory - one.memory_used
        yield "node_filesystem_size_bytes", disk, one.disk
        yield "node_filesystem_avail_bytes", disk, one.disk - one.disk_used
        yield "node_filesystem_size_bytes", {**node, "mountpoint": "/run", "fstype": "tmpfs"}, 1e9
        if one.gpu:
            gpu = {"node": one.name, "job": "nvidia-gpu-exporter", "uuid": f"gpu-of-{one.name}"}
            yield "nvidia_smi_memory_total_bytes", gpu, one.vram
            yield "nvidia_smi_memory_used_bytes", gpu, one.vram_used
    for target, door, up in PROBES:
        yield "probe_success", {"target": target, "door": door, "job": "probe"}, float(up)


def _matches(labels: Labels, name: str, operator: str, value: str) -> bool:
    found = labels.get(name, "")
    alike = found == value if operator in ("=", "!=") else re.fullmatch(value, found) is not None
    return alike == (operator in ("=", "=~"))
