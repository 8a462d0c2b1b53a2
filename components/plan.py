"""What the home will run, room by room, worked out as plain data before anything is declared.

The cluster base needs to know all of it at once: a namespace's Pod Security level follows from the workloads in it, and
who may talk to whom from what they all say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components import gpu, immich, jellyfin, storage
from components.workload import Workload
from home import Home
from home.versions import Image


@dataclass(frozen=True)
class Plan:
    """The workloads of each room that this home has; a room that it lacks is empty."""

    gpu_plugins: tuple[Workload, ...]
    mounted_shares: tuple[storage.MountedShare, ...]
    storage_drivers: tuple[Workload, ...]
    immich: immich.ImmichWorkloads | None
    jellyfin: Workload | None

    @property
    def workloads(self) -> dict[str, tuple[Workload, ...]]:
        """Every workload, by the namespace that it lives in."""
        everything = [
            *self.gpu_plugins,
            *self.storage_drivers,
            *(self.immich.all if self.immich else ()),
            *([self.jellyfin] if self.jellyfin else ()),
        ]
        namespaces = sorted({workload.namespace for workload in everything})
        return {one: tuple(workload for workload in everything if workload.namespace == one) for one in namespaces}


def plan(home: Home, images: Mapping[str, Image]) -> Plan:
    """Work out what `home` runs, with `images` from the versions file."""
    mounted = (*immich.libraries(home), *jellyfin.libraries(home))
    return Plan(
        gpu_plugins=gpu.plugins(home, images),
        mounted_shares=mounted,
        storage_drivers=storage.drivers(home, mounted, images),
        immich=immich.workloads(home, images) if home.apps.immich else None,
        jellyfin=jellyfin.server(home, images) if home.apps.jellyfin else None,
    )
