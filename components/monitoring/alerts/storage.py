"""The NAS and the volumes: is it there, can it be written, is there room."""

from __future__ import annotations

import re
from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from home import Home
from home.nas import Share

SUBJECT = "storage"
_ABOUT = {"about": "nas"}


def alerts(home: Home) -> Iterator[Alert]:
    """Those of storage: of the NAS where the home has one, and of the volumes of pods."""
    if home.nas:
        yield Alert(
            "NasUnreachable",
            SUBJECT,
            "urgent",
            'max by (target) (probe_success{target="nas"}) == 0',
            "5m",
            f"The NAS ({home.nas.addresses.lan}) doesn't answer; photos and films that lie there can't be opened.",
        )
        yield Alert(
            "ShareNotServed",
            SUBJECT,
            "urgent",
            'probe_success{target="nas"} == 0',
            "10m",
            "The NAS answers, but not at {{ $labels.instance }}: one of its services is off.",
            _ABOUT,
        )
        yield Alert(
            "ShareFull",
            SUBJECT,
            "warning",
            # By what the driver tells the kubelet: node-exporter may not look into the folders of pods. A share that
            # several rooms mount has as many claims.
            """
            min by (persistentvolumeclaim) (
              kubelet_volume_stats_available_bytes{persistentvolumeclaim=~"library-.+"}
              / kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=~"library-.+"}
            ) < 0.05
            """,
            "30m",
            "The share behind {{ $labels.persistentvolumeclaim }} has {{ $value | humanizePercentage }} left.",
            _ABOUT,
        )
        written = [share for share in home.shares if share.access == "read-write"]
        if written:
            devices = "|".join(_device(home.nas.addresses.lan, share) for share in written)
            yield Alert(
                "ShareReadOnly",
                SUBJECT,
                "urgent",
                f"""max by (device) (node_filesystem_readonly{{fstype=~"cifs|nfs4?",device=~"{devices}"}}) == 1""",
                "5m",
                "{{ $labels.device }} can't be written, and should be.",
                _ABOUT,
            )
    # How full a local volume is nobody tells: it is a folder, and what fills is the machine's disk (`DiskFull`).
    yield Alert(
        "VolumeUnbound",
        SUBJECT,
        "warning",
        'kube_persistentvolumeclaim_status_phase{phase=~"Pending|Lost"} == 1',
        "30m",
        "The claim {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} has no volume.",
    )


def _device(address: str, share: Share) -> str:
    """What Linux calls the mounted share, as a pattern of PromQL in quotes."""
    name = f"//{address}/{share.path}" if share.protocol == "smb" else f"{address}:{share.path}"
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\\\1", name)
