"""The first page: is the home well, and where to look when it isn't."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.dashboards import parts
from components.monitoring.dashboards.shape import (
    UP,
    Dashboard,
    Panel,
    Promql,
    Row,
    above,
    at_least,
    none_of_it,
)
from home import Home
from home.doors import is_public

UID = "home-overview"


def dashboard(home: Home) -> Dashboard:
    """The home at a glance."""
    return Dashboard(
        uid=UID,
        title="The home",
        folder="Home",
        rows=(
            Row("Now", tuple(_now(home))),
            Row("What is wrong", (parts.alerts(),)),
            Row("Who answers", (_answers(), *([_well()] if home.apps.api else []))),
            Row("How busy it is", tuple(_busy(home))),
        ),
    )


def _now(home: Home) -> Iterator[Panel]:
    ready = len(home.nodes_in_service)
    away = [node.name for node in home.nodes if node.state == "unknown"]
    yield Panel(
        "Alerts",
        "stat",
        (Promql('count(ALERTS{alertstate="firing"}) or vector(0)'),),
        width=4,
        height=4,
        steps=none_of_it(),
    )
    yield Panel(
        "Nodes that are ready",
        "stat",
        (Promql('sum(kube_node_status_condition{condition="Ready",status="true"})'),),
        width=4,
        height=4,
        steps=at_least(ready),
        description=f"{ready} should be."
        + (f" Known not to answer, and not waited for: {', '.join(away)}." if away else ""),
        link="home-nodes",
    )
    yield Panel(
        "Who answers, of all",
        "stat",
        (Promql("avg(probe_success)"),),
        unit="percentunit",
        width=4,
        height=4,
        steps=at_least(1),
    )
    yield Panel(
        "Pods that don't run",
        "stat",
        (Promql('sum(kube_pod_status_phase{phase=~"Pending|Failed|Unknown"})'),),
        width=4,
        height=4,
        steps=none_of_it(),
    )
    yield Panel(
        "Containers started again, in a day",
        "stat",
        (Promql("sum(increase(kube_pod_container_status_restarts_total[1d]))"),),
        width=4,
        height=4,
        decimals=0,
        steps=above(3, 10),
    )
    yield Panel(
        "What tells nothing",
        "stat",
        (Promql("count(up == 0) or vector(0)"),),
        width=4,
        height=4,
        steps=none_of_it(),
        description="Whom Prometheus asks in vain: each is something that nobody watches.",
    )


def _answers() -> Panel:
    return Panel(
        "Apps and machines, as they are asked from inside",
        "state-timeline",
        (Promql("min by (target, door) (probe_success)", "{{target}} ({{door}})"),),
        width=24,
        meaning=UP,
    )


def _well() -> Panel:
    return Panel(
        "Services, as the API finds them",
        "state-timeline",
        (Promql('min by (service) (brain_service_verdict{verdict="healthy"})', "{{service}}"),),
        width=24,
        meaning={0: ("not well", "orange"), 1: ("well", "green")},
        description="Not only whether they answer: whether libraries are there, and queues move. Its page says why.",
    )


def _busy(home: Home) -> Iterator[Panel]:
    yield Panel(
        "CPUs",
        "timeseries",
        (Promql('1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))', "{{node}}"),),
        unit="percentunit",
        link="home-nodes",
    )
    yield Panel(
        "Memory",
        "timeseries",
        (Promql("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{node}}"),),
        unit="percentunit",
        steps=above(0.85, 0.95),
        link="home-nodes",
    )
    yield Panel(
        "Local disks",
        "bargauge",
        (
            Promql(
                '1 - node_filesystem_avail_bytes{fstype=~"ext4|xfs|btrfs"} / node_filesystem_size_bytes',
                "{{node}} {{mountpoint}}",
            ),
        ),
        unit="percentunit",
        steps=above(0.8, 0.9),
        link="home-storage",
    )
    if home.gpu_nodes:
        yield Panel(
            "GPU memory",
            "timeseries",
            (Promql("nvidia_smi_memory_used_bytes / nvidia_smi_memory_total_bytes", "{{node}}"),),
            unit="percentunit",
            steps=above(0.8, 0.9),
            link="home-gpu",
        )
    if is_public(home):
        yield Panel(
            "Requests through the public door",
            "timeseries",
            (Promql("sum(rate(cloudflared_tunnel_total_requests[$__rate_interval]))", "all"),),
            unit="reqps",
            link="home-doors",
        )
