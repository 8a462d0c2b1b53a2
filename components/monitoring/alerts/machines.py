"""The machines: are they there, and do they have room, memory and the right time."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from home import Home

SUBJECT = "machines"


def away(home: Home) -> str:
    """A matcher of the label `node` that leaves out machines that are known to be away: `,node!~"k3s-worker"`."""
    names = [node.name for node in home.nodes if node.state != "ready"]
    return f',node!~"{"|".join(names)}"' if names else ""


def gone(home: Home) -> str:
    """An expression for the machines that should be there and don't answer: one series for each, by its `node`."""
    return f'kube_node_status_condition{{condition="Ready",status="true"{away(home)}}} == 0'


def alerts(home: Home) -> Iterator[Alert]:
    """Those of the machines. One that the home describes as away is not missed."""
    without = away(home)
    here = f"{{{without.lstrip(',')}}}" if without else ""
    yield Alert(
        "NodeGone",
        SUBJECT,
        "urgent",
        gone(home),
        "3m",
        "{{ $labels.node }} doesn't answer the cluster; what runs there alone is down.",
    )
    yield Alert(
        "NodeMemoryShort",
        SUBJECT,
        "warning",
        f"node_memory_MemAvailable_bytes{here} / node_memory_MemTotal_bytes{here} < 0.07",
        "15m",
        "{{ $labels.node }} has {{ $value | humanizePercentage }} of its memory left.",
    )
    yield Alert(
        "DiskFillingUp",
        SUBJECT,
        "warning",
        """
        predict_linear(node_filesystem_avail_bytes{fstype!~"cifs|nfs4?"}[6h], 24 * 3600) < 0
        and node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.4
        and node_filesystem_readonly == 0
        """,
        "1h",
        "{{ $labels.mountpoint }} of {{ $labels.node }} will be full within a day, if it goes on like this.",
    )
    yield Alert(
        "DiskFull",
        SUBJECT,
        "urgent",
        """
        node_filesystem_avail_bytes{fstype!~"cifs|nfs4?"} / node_filesystem_size_bytes < 0.05
        and node_filesystem_readonly == 0
        """,
        "10m",
        "{{ $labels.mountpoint }} of {{ $labels.node }} has {{ $value | humanizePercentage }} left.",
    )
    yield Alert(
        "DiskReadOnly",
        SUBJECT,
        "urgent",
        'node_filesystem_readonly{mountpoint="/",fstype!~"cifs|nfs4?"} == 1',
        "2m",
        "The disk of {{ $labels.node }} can't be written any more: Linux does that when it sees errors.",
    )
    yield Alert(
        "ClockSkew",
        SUBJECT,
        "warning",
        f"abs(node_time_seconds{here} - timestamp(node_time_seconds{here})) > 5",
        "5m",
        "The clock of {{ $labels.node }} is {{ $value | humanizeDuration }} off; certificates and logins go by it.",
    )
    yield Alert(
        "NodeHot",
        SUBJECT,
        "warning",
        f"max by (node, instance) (node_hwmon_temp_celsius{here}) > 95",
        "15m",
        "{{ $labels.node }} is at {{ $value }} °C, and slows down.",
    )
