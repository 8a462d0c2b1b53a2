"""Where data lies: the nodes' disks, the claims on them, and the shares of the NAS."""

from __future__ import annotations

from components.monitoring.dashboards.shape import UP, Dashboard, Panel, Promql, Row, above, none_of_it
from home import Home

UID = "home-storage"

# What a CSI driver tells the kubelet of a mounted volume; K3s' local disk has none, and so tells nothing.
_VOLUME = "kubelet_volume_stats"
_CLAIM = "persistentvolumeclaim"
_LOCAL = 'fstype=~"ext4|xfs|btrfs"'


def dashboard(home: Home) -> Dashboard:
    """Disks and claims, and the NAS where the home has one."""
    rows = [Row("Local disks", _disks()), Row("Claims", _claims())]
    if home.nas:
        rows.insert(0, Row(f"NAS: {home.nas.model}", _nas(home)))
    title = "Storage and NAS" if home.nas else "Storage"
    return Dashboard(uid=UID, title=title, folder="Home", tags=("storage",), rows=tuple(rows), span="24h")


def _nas(home: Home) -> tuple[Panel, ...]:
    shares = ", ".join(f"{one.name} ({one.protocol}, {one.access})" for one in home.shares)
    return (
        Panel(
            "The NAS",
            "state-timeline",
            (Promql('probe_success{target="nas"}', "{{instance}}"),),
            width=8,
            meaning=UP,
        ),
        Panel(
            "Shares, in use",
            "timeseries",
            (Promql(f"max by ({_CLAIM}) ({_VOLUME}_used_bytes / {_VOLUME}_capacity_bytes)", f"{{{{{_CLAIM}}}}}"),),
            unit="percentunit",
            width=8,
            steps=above(0.85, 0.95),
            description=f"As the nodes see those that an app mounts. Declared: {shares}." if shares else "",
        ),
        Panel(
            "Shares, left",
            "timeseries",
            (Promql(f"min by ({_CLAIM}) ({_VOLUME}_available_bytes)", f"{{{{{_CLAIM}}}}}"),),
            unit="bytes",
            width=8,
        ),
    )


def _disks() -> tuple[Panel, ...]:
    return (
        Panel(
            "In use",
            "timeseries",
            (
                Promql(
                    f"1 - node_filesystem_avail_bytes{{{_LOCAL}}} / node_filesystem_size_bytes{{{_LOCAL}}}",
                    "{{node}} {{mountpoint}}",
                ),
            ),
            unit="percentunit",
            width=8,
            steps=above(0.8, 0.9),
        ),
        Panel(
            "Left in a day, if it goes on like this",
            "timeseries",
            (Promql(f"predict_linear(node_filesystem_avail_bytes{{{_LOCAL}}}[6h], 86400)", "{{node}} {{mountpoint}}"),),
            unit="bytes",
            width=8,
            lowest=None,
            description="Below zero, the disk is full before this time tomorrow.",
        ),
        Panel(
            "Files left",
            "timeseries",
            (
                Promql(
                    f"node_filesystem_files_free{{{_LOCAL}}} / (node_filesystem_files{{{_LOCAL}}} > 0)",
                    "{{node}} {{mountpoint}}",
                ),
            ),
            unit="percentunit",
            width=8,
        ),
    )


def _claims() -> tuple[Panel, ...]:
    return (
        Panel(
            "Claims, and what they ask for",
            "table",
            (Promql("kube_persistentvolumeclaim_resource_requests_storage_bytes"),),
            unit="bytes",
            width=16,
            columns={"namespace": "Namespace", "persistentvolumeclaim": "Claim", "Value": "Asked for"},
            description="K3s' local disk doesn't hold a claim to its size.",
        ),
        Panel(
            "Claims without a volume",
            "stat",
            (Promql('sum(kube_persistentvolumeclaim_status_phase{phase!="Bound"})'),),
            width=8,
            steps=none_of_it(),
        ),
    )
