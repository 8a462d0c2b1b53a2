"""What the home will run, room by room, worked out as plain data before anything is declared.

The cluster base needs to know all of it at once: a namespace's Pod Security level follows from the workloads in it, and
who may talk to whom from what they all say. The doors need to know all of it too: each room says its front, the home
says who may come in to it, and the doors lead there. Monitoring comes late: it asks everything else how it is. Last,
the API is given the map of who reaches what, which follows from all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from components import api, doors, gpu, immich, jellyfin, ntfy, storage, tailnet_proxies, tunnel
from components.connections import connections, exposure_map
from components.doors import Front, Opening
from components.manifests import Manifest
from components.monitoring import grafana
from components.monitoring.workloads import MonitoringWorkloads
from components.monitoring.workloads import workloads as watching
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
    ntfy: Workload | None
    api: Workload | None
    monitoring: MonitoringWorkloads | None = None

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
            *([self.ntfy] if self.ntfy else ()),
            *([self.api] if self.api else ()),
            *(self.monitoring.all if self.monitoring else ()),
        ]
        namespaces = sorted({workload.namespace for workload in everything})
        return {one: tuple(workload for workload in everything if workload.namespace == one) for one in namespaces}

    @property
    def connections(self) -> list[Manifest]:
        """What the workloads talk to and who is let in to them, as `components.connections` writes it."""
        return connections(self.workloads, self.fronts, zip(self.tailnet, self.proxies, strict=True))


def plan(home: Home, images: Mapping[str, Image]) -> Plan:
    """Work out what `home` runs, with `images` from the versions file."""
    mounted = (*immich.libraries(home), *jellyfin.libraries(home))
    photos = immich.workloads(home, images) if home.apps.immich else None
    films = jellyfin.server(home, images) if home.apps.jellyfin else None
    messages = ntfy.server(home, images) if home.apps.ntfy else None
    brain = api.server(home, images) if home.apps.api else None

    # Each front, and the nodes that what is behind it may run on.
    behind: dict[Front, tuple[str, ...]] = {}
    if photos:
        behind[immich.FRONT] = photos.server.nodes
    if films:
        behind[jellyfin.FRONT] = films.nodes
    if messages:
        behind[ntfy.FRONT] = messages.nodes
    if brain:
        behind[api.FRONT] = brain.nodes
    if home.apps.monitoring:
        behind[grafana.FRONT] = (home.apps.monitoring.node,) if home.apps.monitoring.node else ()
    openings = doors.openings(home, behind)
    public, tailnet = doors.public(openings), doors.in_tailnet(openings)
    rooms = Plan(
        gpu_plugins=gpu.plugins(home, images),
        mounted_shares=mounted,
        storage_drivers=storage.drivers(home, mounted, images),
        immich=photos,
        jellyfin=films,
        fronts=tuple(behind),
        public=public,
        connector=tunnel.connector(public, images["cloudflared"]) if public else None,
        tailnet=tailnet,
        proxies=tuple(tailnet_proxies.proxy(home, one, behind[one.front], images["tailscale"]) for one in tailnet),
        ntfy=messages,
        api=brain,
    )
    if home.apps.monitoring:
        others = [workload for room in rooms.workloads.values() for workload in room]
        rooms = replace(rooms, monitoring=watching(home, images, others=others, fronts=rooms.fronts, public=public))
    if brain:
        rooms = replace(rooms, api=api.with_map(brain, exposure_map(home, rooms.connections)))
    return rooms
