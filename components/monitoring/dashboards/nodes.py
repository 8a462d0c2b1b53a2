"""The machines: processors, memory, disks, network, clock, and the Kubernetes that runs on them."""

from __future__ import annotations

from components.monitoring.dashboards.shape import (
    Dashboard,
    Panel,
    Promql,
    Row,
    Variable,
    above,
    below,
    none_of_it,
)
from home import Home

UID = "home-nodes"

_NODE = 'node=~"$node"'
_DISK = f'{_NODE},fstype=~"ext4|xfs|btrfs"'
# The machine's own cards, as the kubelet sees them: not the ends of the pods' cables.
_CARD = f'{_NODE},id="/",interface!~"lo|veth.*|cni.*|flannel.*|kube.*"'


def dashboard(home: Home) -> Dashboard:
    """One page for all machines, or those that are chosen."""
    return Dashboard(
        uid=UID,
        title="Nodes",
        folder="Home",
        tags=("nodes",),
        variables=(Variable("node", "Node", tuple(node.name for node in home.nodes)),),
        rows=(
            Row("Kubernetes", _kubernetes(home)),
            Row("Processors and memory", _work()),
            Row("Disks and network", _traffic()),
            Row("The machine", _machine()),
        ),
    )


def _kubernetes(home: Home) -> tuple[Panel, ...]:
    away = [node.name for node in home.nodes if node.state == "unknown"]
    return (
        Panel(
            "Ready",
            "state-timeline",
            (Promql(f'kube_node_status_condition{{condition="Ready",status="true",{_NODE}}}', "{{node}}"),),
            width=10,
            meaning={0: ("not ready", "red"), 1: ("ready", "green")},
            description=f"Known not to answer, and not waited for: {', '.join(away)}." if away else "",
        ),
        Panel(
            "Versions",
            "table",
            (Promql(f"kube_node_info{{{_NODE}}}"),),
            width=14,
            columns={
                "node": "Node",
                "kubelet_version": "K3s",
                "os_image": "System",
                "kernel_version": "Kernel",
                "container_runtime_version": "Runtime",
            },
            description="An agent may be older than the server, by three minor versions at most, and never newer.",
        ),
    )


def _work() -> tuple[Panel, ...]:
    idle = f'rate(node_cpu_seconds_total{{mode="idle",{_NODE}}}[$__rate_interval])'
    return (
        Panel(
            "CPUs",
            "timeseries",
            (Promql(f"1 - avg by (node) ({idle})", "{{node}}"),),
            unit="percentunit",
            width=8,
        ),
        Panel(
            "Memory",
            "timeseries",
            (
                Promql(
                    f"1 - node_memory_MemAvailable_bytes{{{_NODE}}} / node_memory_MemTotal_bytes{{{_NODE}}}", "{{node}}"
                ),
            ),
            unit="percentunit",
            width=8,
            steps=above(0.85, 0.95),
        ),
        Panel(
            "Waiting",
            "timeseries",
            (
                Promql(f"rate(node_pressure_cpu_waiting_seconds_total{{{_NODE}}}[$__rate_interval])", "{{node}} CPU"),
                Promql(
                    f"rate(node_pressure_memory_waiting_seconds_total{{{_NODE}}}[$__rate_interval])", "{{node}} memory"
                ),
                Promql(f"rate(node_pressure_io_waiting_seconds_total{{{_NODE}}}[$__rate_interval])", "{{node}} disk"),
            ),
            unit="percentunit",
            width=8,
            description="The part of the time in which something waits because there isn't enough of it.",
        ),
    )


def _traffic() -> tuple[Panel, ...]:
    return (
        Panel(
            "Disks",
            "timeseries",
            (
                Promql(
                    f"1 - node_filesystem_avail_bytes{{{_DISK}}} / node_filesystem_size_bytes{{{_DISK}}}",
                    "{{node}} {{mountpoint}}",
                ),
            ),
            unit="percentunit",
            width=8,
            steps=above(0.8, 0.9),
        ),
        Panel(
            "Disk traffic",
            "timeseries",
            (
                Promql(
                    f"sum by (node) (rate(node_disk_read_bytes_total{{{_NODE}}}[$__rate_interval]))", "{{node}} read"
                ),
                Promql(
                    f"-sum by (node) (rate(node_disk_written_bytes_total{{{_NODE}}}[$__rate_interval]))",
                    "{{node}} written",
                ),
            ),
            unit="Bps",
            width=8,
            lowest=None,
        ),
        Panel(
            "Network",
            "timeseries",
            (
                Promql(
                    f"sum by (node) (rate(container_network_receive_bytes_total{{{_CARD}}}[$__rate_interval]))",
                    "{{node}} in",
                ),
                Promql(
                    f"-sum by (node) (rate(container_network_transmit_bytes_total{{{_CARD}}}[$__rate_interval]))",
                    "{{node}} out",
                ),
            ),
            unit="Bps",
            width=8,
            lowest=None,
        ),
    )


def _machine() -> tuple[Panel, ...]:
    return (
        Panel(
            "Running since",
            "stat",
            (Promql(f"node_time_seconds{{{_NODE}}} - node_boot_time_seconds{{{_NODE}}}", "{{node}}"),),
            unit="s",
            width=6,
            height=6,
            steps=below(3600, 600),
        ),
        Panel(
            "Pods",
            "stat",
            (Promql(f"kubelet_running_pods{{{_NODE}}}", "{{node}}"),),
            width=6,
            height=6,
        ),
        Panel(
            "Hottest sensor",
            "timeseries",
            (Promql(f"max by (node) (node_hwmon_temp_celsius{{{_NODE}}})", "{{node}}"),),
            unit="celsius",
            width=6,
            height=6,
            steps=above(85, 95),
            description="A virtual machine, such as that of WSL2, has none.",
        ),
        Panel(
            "Clock, off by",
            "timeseries",
            (Promql(f"abs(node_timex_offset_seconds{{{_NODE}}})", "{{node}}"),),
            unit="s",
            width=6,
            height=6,
            steps=none_of_it(0.5),
        ),
    )
