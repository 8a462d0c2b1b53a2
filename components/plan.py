"""What the home will run, room by room, worked out as plain data before anything is declared.

The cluster base needs to know all of it at once: a namespace's Pod Security level follows from the workloads in it, and
who may talk to whom from what they all say. The doors need to know all of it too: each room says its front, the home
says who may come in to it, and the doors lead there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from components import doors, gpu, immich, jellyfin, storage, tailnet_proxies, tunnel
from components.doors import Front, Opening
from components.workload import Workload
from home import Home
from home.versions import Image


@dataclass(frozen=True)
class Plan:
    """The workloads of each room that this home has; a room that it lacks is empty.

    fronts: where people come in to the apps, with or without a door. public, tailnet: what the two doors open onto.
    connector: what holds the public door open. proxies: one for each app behind the tailnet door, in the same order.
    """

    gpu_plugins: tuple[Workload, ...]
    mounted_shares: tuple[storage.MountedShare, ...]
    storage_drivers: tuple[Workload, ...]
    immich: immich.ImmichWorkloads | None
    jellyfin: Workload | None
    fronts: tuple[Front, ...]
    public: tuple[Opening, ...]
    connector: Workload | None
    tailnet: tuple[Opening, ...]
    proxies: tuple[Workload, ...]

    @property
    def workloads(self) -> dict[str, tuple[Workload, ...]]:
        """Every workload, by the namespace that it lives in."""
        everything = [
            *self.gpu_plugins,
            *self.storage_drivers,
            *(self.immich.all if self.immich else ()),
            *([self.jellyfin] if self.jellyfin else ()),
            *([self.connector] if self.connector else ()),
            *self.proxies,
        ]
        namespaces = sorted({workload.namespace for workload in everything})
        return {one: tuple(workload for workload in everything if workload.namespace == one) for one in namespaces}


def plan(home: Home, images: Mapping[str, Image]) -> Plan:
    """Work out what `home` runs, with `images` from the versions file."""
    mounted = (*immich.libraries(home), *jellyfin.libraries(home))
    photos = immich.workloads(home, images) if home.apps.immich else None
    films = jellyfin.server(home, images) if home.apps.jellyfin else None

    def fronts() -> Iterator[tuple[Front, Workload]]:
        if photos:
            yield immich.FRONT, photos.server
        if films:
            yield jellyfin.FRONT, films

    behind = {front.app: workload for front, workload in fronts()}
    openings = doors.openings(home, (front for front, _ in fronts()))
    public, tailnet = doors.public(openings), doors.in_tailnet(openings)
    return Plan(
        gpu_plugins=gpu.plugins(home, images),
        mounted_shares=mounted,
        storage_drivers=storage.drivers(home, mounted, images),
        immich=photos,
        jellyfin=films,
        fronts=tuple(front for front, _ in fronts()),
        public=public,
        connector=tunnel.connector(public, images["cloudflared"]) if public else None,
        tailnet=tailnet,
        proxies=tuple(
            tailnet_proxies.proxy(home, one, behind[one.front.app].nodes, images["tailscale"]) for one in tailnet
        ),
    )
