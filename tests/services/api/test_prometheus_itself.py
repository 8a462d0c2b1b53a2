"""A real Prometheus that is told what the stand-in tells: to the adapter, the two are one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from brain.adapters import Prometheus
from brain.adapters.prometheus import QUERIES, Alert, Figures, VectorAnswer
from brain.adapters.service import Nothing, Paged
from brain.upstream import Kind, Upstream, UpstreamError, connect
from demo.home import ALARMS
from demo.prometheus import series
from demo.serving import serving
from tests.real.watching import running
from tests.services.api.standins import a_prometheus, asking, prometheus_adapter
from tests.services.api.test_official_clients import real_now

pytestmark = [pytest.mark.anyio, pytest.mark.engine]

PATIENCE = 30.0


async def metrics(_: Request) -> Response:
    """What the stand-in knows, as an exporter would tell it."""
    lines = []
    for name, labels, value in series():
        told = ",".join(f"{key}={json.dumps(text)}" for key, text in labels.items())
        lines.append(f"{name}{{{told}}} {value!r}")
    return PlainTextResponse("\n".join(sorted(lines)) + "\n")


def config(folder: Path, exporter: str) -> Path:
    """Prometheus' config: one target that is asked each second, and the stand-in's alerts, which fire at once."""
    rules = [
        {
            "alert": one.name,
            "expr": "vector(1)",
            "labels": {"severity": one.severity},
            "annotations": {"summary": one.summary},
        }
        for one in ALARMS
    ]
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "home", "rules": rules}]}))
    target = {"job_name": "home", "honor_labels": True, "static_configs": [{"targets": [exporter]}]}
    document = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.json")],
        "scrape_configs": [target],
    }
    path = folder / "prometheus.json"
    path.write_text(json.dumps(document))
    return path


async def once(ask: Callable[[], Awaitable[bool]], what: str) -> None:
    """Return as soon as it is so."""
    deadline = time.monotonic() + PATIENCE
    while not await ask():
        assert time.monotonic() < deadline, f"not after {PATIENCE:g} s: {what}"
        await asyncio.sleep(0.05)


async def test_a_real_prometheus_and_the_standin_are_one_to_the_adapter(tmp_path: Path) -> None:
    exporter = Starlette(routes=[Route("/metrics", metrics)])
    standin = prometheus_adapter(a_prometheus().application)
    client = connect()
    async with serving(exporter) as told:
        arguments = [
            f"--config.file={config(tmp_path, told.removeprefix('http://'))}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
        ]
        with running(tmp_path, "prometheus", arguments) as address:
            upstream = Upstream("Prometheus", f"http://{address}", client=client)
            real = Prometheus(upstream, now=real_now)

            async def has_all() -> bool:
                return len((await real.alerts(Paged())).items) == len(ALARMS) and (
                    await real.figures(Nothing()) == await standin.figures(Nothing())
                )

            try:
                await once(has_all, "the real one tells the same figures")
                theirs, ours = await real.look(), await standin.look()
                with pytest.raises(UpstreamError) as refused:
                    await upstream.get("/api/v1/query", VectorAnswer, params={"query": "this isn't PromQL"})
            finally:
                await client.aclose()
    assert (theirs.verdict, theirs.reasons) == (ours.verdict, ours.reasons)
    assert theirs.facts["figures"] == ours.facts["figures"]
    assert Figures.model_validate(theirs.facts["figures"]).gpu_memory
    without_time = [
        [Alert.model_validate(one).model_copy(update={"since": None}) for one in report.facts["alerts"]]
        for report in (theirs, ours)
    ]
    assert without_time[0] == without_time[1]
    # And they refuse alike what they don't understand.
    assert refused.value.kind is Kind.FAILED
    with pytest.raises(UpstreamError) as also:
        await asking(a_prometheus().application, name="Prometheus").get(
            "/api/v1/query", VectorAnswer, params={"query": "this isn't PromQL"}
        )
    assert (also.value.kind, also.value.words) == (refused.value.kind, refused.value.words)


def test_everything_that_is_asked_for_is_told_by_the_standin() -> None:
    told = {name for name, _, _ in series()}
    assert all(any(name in query for name in told) for query in QUERIES.values())
