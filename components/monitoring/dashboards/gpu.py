"""The cards: load, memory, encoding, and who holds the slices that they are cut into."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.dashboards.shape import Dashboard, Panel, Promql, Row, Variable, above, none_of_it
from home import Home

UID = "home-gpu"

_NODE = 'node=~"$node"'
_SLICES = 'resource="nvidia_com_gpu"'


def dashboard(home: Home) -> Dashboard:
    """The cards of all nodes that have one, or of those that are chosen."""
    several = any(node.gpu.count > 1 for node in home.gpu_nodes if node.gpu)
    card = "{{node}} {{uuid}}" if several else "{{node}}"
    rows = [Row("Load", _load(card)), Row("Memory", _memory(home, card)), Row("Heat", _heat(card))]
    if any(node.gpu.slices for node in home.gpu_nodes if node.gpu):
        rows.insert(2, Row("Slices", _slices()))
    return Dashboard(
        uid=UID,
        title="GPUs and slices",
        folder="Home",
        tags=("gpu",),
        variables=(Variable("node", "Node", tuple(node.name for node in home.gpu_nodes)),),
        rows=tuple(rows),
    )


def _load(card: str) -> tuple[Panel, ...]:
    def ratio(title: str, metric: str) -> Panel:
        query = Promql(f"{metric}{{{_NODE}}}", card)
        return Panel(title, "timeseries", (query,), unit="percentunit", width=8)

    return (
        ratio("Computing", "nvidia_smi_utilization_gpu_ratio"),
        ratio("Encoding", "nvidia_smi_utilization_encoder_ratio"),
        Panel(
            "Videos being encoded",
            "timeseries",
            (Promql(f"nvidia_smi_encoder_stats_session_count{{{_NODE}}}", card),),
            width=8,
            decimals=0,
            description="The driver of a GeForce card allows few at once: of all programs of the machine together.",
        ),
    )


def _memory(home: Home, card: str) -> tuple[Panel, ...]:
    return (
        Panel(
            "Memory in use",
            "timeseries",
            (Promql(f"nvidia_smi_memory_used_bytes{{{_NODE}}} / nvidia_smi_memory_total_bytes{{{_NODE}}}", card),),
            unit="percentunit",
            steps=above(0.8, 0.9),
            description="All that runs on a card shares its memory. " + " ".join(_declared(home)),
        ),
        Panel(
            "Memory left",
            "timeseries",
            (Promql(f"nvidia_smi_memory_free_bytes{{{_NODE}}}", card),),
            unit="bytes",
        ),
    )


def _declared(home: Home) -> Iterator[str]:
    """What the apps of each node say that they take of its card."""
    for node in home.gpu_nodes:
        taken = [
            f"{name} {share.vram}" for name, app in home.apps_on(node.name).items() for share in app.gpu_shares.values()
        ]
        if node.gpu and taken:
            yield f"Declared on {node.name}, of {node.gpu.vram}: {', '.join(taken)}."


def _slices() -> tuple[Panel, ...]:
    return (
        Panel(
            "Slices",
            "timeseries",
            (
                Promql(f"kube_node_status_allocatable{{{_SLICES},{_NODE}}}", "{{node}} offers"),
                Promql(f"sum by (node) (kube_pod_container_resource_requests{{{_SLICES},{_NODE}}})", "{{node}} holds"),
            ),
            width=8,
            decimals=0,
        ),
        Panel(
            "Who holds them",
            "table",
            (Promql(f"kube_pod_container_resource_requests{{{_SLICES},{_NODE}}}"),),
            width=10,
            columns={
                "node": "Node",
                "namespace": "Namespace",
                "pod": "Pod",
                "container": "Container",
                "Value": "Slices",
            },
        ),
        Panel(
            "Pods that find no place",
            "stat",
            (Promql("sum(kube_pod_status_unschedulable) or vector(0)"),),
            width=6,
            steps=none_of_it(),
            description="For want of a slice, or of anything else.",
        ),
    )


def _heat(card: str) -> tuple[Panel, ...]:
    return (
        Panel(
            "Temperature",
            "timeseries",
            (Promql(f"nvidia_smi_temperature_gpu{{{_NODE}}}", card),),
            unit="celsius",
            steps=above(80, 90),
        ),
        Panel(
            "Power",
            "timeseries",
            (Promql(f"nvidia_smi_power_draw_watts{{{_NODE}}}", card),),
            unit="watt",
            description="Some mobile cards don't tell.",
        ),
    )
