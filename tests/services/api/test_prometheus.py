"""What the Prometheus adapter makes of a Prometheus, and that what it asks for is told in the home."""

from __future__ import annotations

import pytest

from brain.adapters.prometheus import QUERIES
from brain.adapters.service import Nothing, Paged
from brain.verdict import Verdict
from demo.home import GIB, Alarm
from references import metrics
from tests.services.api.standins import a_prometheus, prometheus_adapter

pytestmark = pytest.mark.anyio

CATALOG = metrics.load()


async def test_alerts_that_fire_are_reasons_the_urgent_ones_first() -> None:
    report = await prometheus_adapter(a_prometheus().application).look()
    assert report.verdict is Verdict.DEGRADED
    assert report.reasons == (
        "Urgent: The backup of photos was last made 2d 3h ago.",
        "Warning: At this pace, the disk of k3s-gpu is full within a day.",
    )
    assert [one["severity"] for one in report.facts["alerts"]] == ["urgent", "warning", "info"]


async def test_what_is_only_for_information_leaves_the_home_healthy() -> None:
    prometheus = a_prometheus()
    prometheus.alarms = [Alarm("Some", "info", "Some.", 1)]
    report = await prometheus_adapter(prometheus.application).look()
    assert (report.verdict, report.reasons) == (Verdict.HEALTHY, ())


async def test_a_severity_that_isn_t_known_counts_as_a_warning() -> None:
    prometheus = a_prometheus()
    prometheus.alarms = [Alarm("Some", "catastrophic", "Some.", 1)]
    assert (await prometheus_adapter(prometheus.application).look()).reasons == ("Warning: Some.",)


async def test_many_alerts_are_counted_not_listed() -> None:
    prometheus = a_prometheus()
    prometheus.alarms = [Alarm(f"A{one}", "warning", f"Alert {one}.", one) for one in range(30)]
    report = await prometheus_adapter(prometheus.application).look()
    assert len(report.reasons) == 6
    assert report.reasons[0] == "Warning: Alert 29."
    assert report.reasons[-1] == "25 more alerts besides."


async def test_an_alert_s_words_are_one_line_and_not_endless() -> None:
    prometheus = a_prometheus()
    prometheus.alarms = [Alarm("Some", "warning", "Line\none\x00\x1b[31m " + "long " * 1000, 1)]
    (reason,) = (await prometheus_adapter(prometheus.application).look()).reasons
    assert reason.isprintable()
    assert len(reason) < 300


async def test_figures_by_machine() -> None:
    adapter = prometheus_adapter(a_prometheus().application)
    figures = await adapter.figures(Nothing())
    assert [(one.node, one.used_bytes, one.size_bytes) for one in figures.memory] == [
        ("k3s-gpu", 9 * GIB, 16 * GIB),
        ("k3s-master", 19 * GIB, 32 * GIB),
    ]
    assert [(one.node, one.mount, one.used_bytes) for one in figures.disk] == [
        ("k3s-gpu", "/", 300 * GIB),
        ("k3s-master", "/", 910 * GIB),
    ]
    assert [(one.node, one.used_bytes, one.size_bytes) for one in figures.gpu_memory] == [
        ("k3s-gpu", 5 * GIB, 8 * GIB),
        ("k3s-master", 3 * GIB, 4 * GIB),
    ]
    assert all(one.up for one in figures.probes)
    assert len((await adapter.alerts(Paged(size=2))).items) == 2


@pytest.mark.parametrize("name", QUERIES)
def test_what_it_asks_for_is_told_in_the_home(name: str) -> None:
    assert metrics.unknown(QUERIES[name], CATALOG) == []
