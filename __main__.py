"""A home, declared: read top to bottom, this is its table of contents."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

import home
from components import settings
from components.cluster import Cluster, ClusterArgs
from components.demands import controllers
from components.gpu import Gpu, GpuArgs
from components.immich import Immich, ImmichArgs
from components.jellyfin import Jellyfin, JellyfinArgs
from components.names import GPU, MEDIA, PHOTOS, STORAGE
from components.plan import plan
from components.storage import Storage, StorageArgs
from home import fit

# The home as its stack's config describes it. Every mistake is told here, before anything registers.
with settings.mistakes_told():
    here = home.load(settings.values())
    rooms = plan(here, home.versions.load())
    fits = fit.require(here, fit.demands_of(controllers(rooms.workloads)))
secrets = settings.secrets(home.secrets.required(here))

cluster_provider = kubernetes.Provider(
    "cluster",
    kubeconfig=str(Path(here.kubeconfig).expanduser()),
    context=here.context,
    # The same home on another address is still the same home: nothing is replaced for it.
    cluster_identifier=pulumi.get_stack(),
    # Changed config is changed in place, and rolls the pods that read it.
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
)
in_cluster = pulumi.ResourceOptions(provider=cluster_provider)

# What every room stands on: namespaces, who may talk to whom, priorities, a storage class that keeps data.
cluster = Cluster("cluster", ClusterArgs(workloads=rooms.workloads, nodes=here.nodes), opts=in_cluster)

# GPUs: slices of them, for pods to ask for.
gpu: list[pulumi.Resource] = []
if rooms.gpu_plugins:
    gpu = [Gpu("gpu", GpuArgs(rooms.gpu_plugins, cluster.namespaces[GPU]), opts=in_cluster)]

# The NAS: its shares, as volumes.
storage = None
if here.nas and rooms.mounted_shares:
    storage = Storage(
        "storage",
        StorageArgs(
            nas=here.nas,
            drivers=rooms.storage_drivers,
            mounted=rooms.mounted_shares,
            password=secrets.get("nasPassword"),
            namespace=cluster.namespaces[STORAGE],
            namespaces=cluster.namespaces,
        ),
        opts=in_cluster,
    )

# Photos.
if here.apps.immich and rooms.immich:
    immich = Immich(
        "immich",
        ImmichArgs(
            workloads=rooms.immich,
            storage=here.apps.immich.storage,
            namespace=cluster.namespaces[PHOTOS],
            storage_class=cluster.storage_class,
            generated=random.Provider("random"),
            libraries=storage.claims_in(PHOTOS) if storage else (),
        ),
        opts=pulumi.ResourceOptions.merge(in_cluster, pulumi.ResourceOptions(depends_on=gpu)),
    )
    pulumi.export("immich", immich.url)

# Films and series.
if here.apps.jellyfin and rooms.jellyfin:
    jellyfin = Jellyfin(
        "jellyfin",
        JellyfinArgs(
            server=rooms.jellyfin,
            storage=here.apps.jellyfin.storage,
            namespace=cluster.namespaces[MEDIA],
            storage_class=cluster.storage_class,
            libraries=storage.claims_in(MEDIA) if storage else (),
        ),
        opts=pulumi.ResourceOptions.merge(in_cluster, pulumi.ResourceOptions(depends_on=gpu)),
    )
    pulumi.export("jellyfin", jellyfin.url)

pulumi.export("fit", fit.brief(fits))
