"""Jellyfin: films and series, transcoded on a slice of a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from components import names, storage
from components.deployed import DeployedWorkload
from components.doors import Front
from components.flows import ToInternet
from components.gpu import deviations_of, use_of
from components.manifests import arguments
from components.storage import MountedShare
from components.volumes import local_claim
from components.workload import (
    Claim,
    Container,
    Http,
    Mount,
    Probe,
    Resources,
    Scratch,
    Tcp,
    User,
    Workload,
)
from home import Home
from home.apps import JellyfinStorage
from home.versions import Image

CONFIG_CLAIM = "jellyfin-config"
CACHE_CLAIM = "jellyfin-cache"

FRONT = Front("jellyfin", names.MEDIA, "jellyfin", "http", 8096, "/health")
"""What people reach of it."""


@dataclass(frozen=True)
class JellyfinArgs:
    """server: what `server` makes of the home. storage: the sizes of its volumes. The rest are handles.

    storage_class: one that keeps its data. libraries: the claims of the shares that the server mounts.
    """

    server: Workload
    storage: JellyfinStorage
    namespace: pulumi.Input[str]
    storage_class: pulumi.Input[str]
    libraries: tuple[pulumi.Resource, ...] = ()


class Jellyfin(pulumi.ComponentResource):
    """Films and series.

    Creates the claim for its settings and database (kept, protected), one for its cache (not kept: it can be made
    again), and the server with its Service.
    """

    url: pulumi.Output[str]
    """Where the doors and other apps reach it inside the cluster."""

    def __init__(self, name: str, args: JellyfinArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the claims first, then the server that mounts them."""
        super().__init__("homebrain:media:Jellyfin", name, None, opts)

        config = kubernetes.core.v1.PersistentVolumeClaim(
            CONFIG_CLAIM,
            **arguments(local_claim(CONFIG_CLAIM, args.storage.config, args.storage_class), args.namespace),
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        cache = kubernetes.core.v1.PersistentVolumeClaim(
            CACHE_CLAIM,
            **arguments(local_claim(CACHE_CLAIM, args.storage.cache, names.STORAGE_CLASS_LOCAL), args.namespace),
            opts=pulumi.ResourceOptions(parent=self),
        )
        server = DeployedWorkload(
            args.server,
            args.namespace,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[config, cache, *args.libraries]),
        )

        self.url = pulumi.Output.format("http://{0}.{1}.svc:{2}", server.name, args.namespace, FRONT.number)
        self.register_outputs({"url": self.url})


def server(home: Home, images: Mapping[str, Image]) -> Workload:
    """The Jellyfin server; it sees its libraries below `/media`, read-only."""
    app = home.apps.jellyfin
    if app is None:
        raise ValueError("this home has no Jellyfin")
    mounted = libraries(home)
    env = {
        "TZ": home.timezone,
        # Keeps .NET from making a debugging socket, for which it would want a writable root.
        "DOTNET_EnableDiagnostics": "0",
    }
    return Workload(
        name=FRONT.workload,
        namespace=FRONT.namespace,
        nodes=(app.node,) if app.node else (),
        priority=names.PRIORITY_INTERACTIVE,
        user=User(1000, 1000, groups=tuple(sorted({one.share.owner.gid for one in mounted}))),
        # A film that is being watched ends its segment; SQLite closes its files.
        grace_seconds=60,
        containers=(
            Container(
                name="jellyfin",
                image=images["jellyfin"].reference,
                resources=Resources(cpu="500m", memory="1Gi", memory_limit="4Gi"),
                env=env,
                ports={FRONT.port: FRONT.number},
                mounts=(
                    Mount("/config", Claim(CONFIG_CLAIM)),
                    Mount("/cache", Claim(CACHE_CLAIM)),
                    Mount("/tmp", Scratch("tmp", "1Gi")),
                    *(Mount(f"/media/{one.share.name}", Claim(one.claim), read_only=True) for one in mounted),
                ),
                # Long, because an upgrade migrates the database before it answers, and killing that would break it.
                startup=Probe(Tcp(), period=10, failures=90),
                readiness=Probe(Http("/health"), period=10, failures=3, timeout=5),
                # A busy server is not a dead one: only a closed port is.
                liveness=Probe(Tcp(), period=20, failures=5, timeout=5),
                gpu=use_of(app.gpu),
                gpu_capabilities=("compute", "video", "utility"),
            ),
        ),
        deviations=deviations_of(app.gpu),
        talks_to=(ToInternet("titles, descriptions and pictures from film and series databases"),),
    )


def libraries(home: Home) -> tuple[MountedShare, ...]:
    """The shares that Jellyfin mounts: its libraries, which it may read and no more."""
    return storage.libraries(home, home.apps.jellyfin, names.MEDIA)
