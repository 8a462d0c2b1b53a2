"""A home, declared: read top to bottom, this is its table of contents."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pulumi_tailscale as tailscale

import home
from components import settings, tailnet_policy
from components.api import Api, ApiArgs, people
from components.cluster import Cluster, ClusterArgs
from components.demands import controllers
from components.gpu import Gpu, GpuArgs
from components.immich import Immich, ImmichArgs
from components.jellyfin import Jellyfin, JellyfinArgs
from components.monitoring.room import Monitoring, MonitoringArgs
from components.names import BRAIN, GPU, MEDIA, NOTIFICATIONS, PHOTOS, STORAGE, TAILNET, TUNNEL
from components.ntfy import Ntfy, NtfyArgs
from components.plan import plan
from components.storage import Storage, StorageArgs
from components.tailnet_door import TailnetDoor, TailnetDoorArgs
from home import fit

# The home as its stack's config describes it. Every mistake is told here, before anything registers.
with settings.mistakes_told():
    here = home.load(settings.values())
    rooms = plan(here, home.versions.load())
    fits = fit.require(here, fit.demands_of(controllers(rooms.workloads)))
secrets = settings.secrets(home.secrets.required(here), home.secrets.welcome(here))

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
generated = random.Provider("random")

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
            generated=generated,
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

# Notifications on phones.
ntfy = None
if here.apps.ntfy and rooms.ntfy:
    ntfy = Ntfy(
        "ntfy",
        NtfyArgs(
            server=rooms.ntfy,
            storage=here.apps.ntfy.storage,
            namespace=cluster.namespaces[NOTIFICATIONS],
            storage_class=cluster.storage_class,
            generated=generated,
        ),
        opts=in_cluster,
    )
    pulumi.export("ntfy", {"url": ntfy.url, "user": "owner", "password": ntfy.password})

# Metrics, alerts, logs and dashboards.
monitoring = None
if here.apps.monitoring and rooms.monitoring:
    monitoring = Monitoring(
        "monitoring",
        MonitoringArgs(
            workloads=rooms.monitoring,
            storage=here.apps.monitoring.storage,
            receiver=(
                {"token": ntfy.token}
                if ntfy and here.apps.monitoring.alerts.receiver == "ntfy"
                else {"url": secrets["alertWebhookUrl"]}
            ),
            namespaces=cluster.namespaces,
            storage_class=cluster.storage_class,
            generated=generated,
        ),
        opts=pulumi.ResourceOptions.merge(in_cluster, pulumi.ResourceOptions(depends_on=gpu)),
    )
    pulumi.export("monitoring", {"url": monitoring.url, "user": "admin", "password": monitoring.password})

# The public door, a Cloudflare tunnel: the only way in from the internet.
public_door = None
if here.domain and rooms.connector:
    # Here and not above: importing Cloudflare's package takes seconds, and not every home has this door.
    import pulumi_cloudflare as cloudflare

    from components.public_door import PublicDoor, PublicDoorArgs

    public_door = PublicDoor(
        "public-door",
        PublicDoorArgs(
            domain=here.domain,
            openings=rooms.public,
            connector=rooms.connector,
            namespace=cluster.namespaces[TUNNEL],
        ),
        opts=pulumi.ResourceOptions(
            providers=[
                cluster_provider,
                cloudflare.Provider("cloudflare", api_token=secrets["cloudflareApiToken"]),
            ]
        ),
    )
    pulumi.export("public", public_door.urls)
    if public_door.service_tokens:
        pulumi.export("serviceTokens", public_door.service_tokens)

# The tailnet door, Tailscale: people's devices and the home's machines, and what each may reach.
if home.doors.is_in_a_tailnet(here):
    tailnet_door = TailnetDoor(
        "tailnet-door",
        TailnetDoorArgs(
            policy=tailnet_policy.policy(here, rooms.tailnet),
            openings=rooms.tailnet,
            proxies=rooms.proxies,
            namespace=cluster.namespaces.get(TAILNET),
        ),
        opts=pulumi.ResourceOptions(
            providers=[
                cluster_provider,
                tailscale.Provider(
                    "tailscale",
                    oauth_client_id=secrets["tailscaleOauthClientId"],
                    oauth_client_secret=secrets["tailscaleOauthClientSecret"],
                ),
            ]
        ),
    )
    pulumi.export("tailnet", tailnet_door.urls)

# One place that tells whether the home is all right, for people and programs. It knows the doors, to know who asks.
if here.apps.api and rooms.api:
    api = Api(
        "api",
        ApiArgs(
            server=rooms.api,
            roles=people(here),
            programs=here.apps.api.programs,
            keys={app: secrets[one.key] for app, one in home.secrets.API_KEYS.items() if one.key in secrets},
            prometheus=monitoring.token if monitoring else None,
            sign_in=public_door.sign_in.get("api") if public_door else None,
            namespace=cluster.namespaces[BRAIN],
            generated=generated,
        ),
        opts=in_cluster,
    )
    pulumi.export("api", {"url": api.url, "tokens": api.tokens})

pulumi.export("fit", fit.brief(fits))
