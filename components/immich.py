"""Immich: photos, with recognition of faces and scenes on a slice of a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from components import names, storage
from components.deployed import DeployedWorkload
from components.doors import Front
from components.flows import ToInternet, ToWorkload
from components.gpu import deviations_of, use_of
from components.manifests import arguments
from components.monitoring.exporters import postgres_exporter, redis_exporter
from components.storage import MountedShare
from components.volumes import local_claim
from components.workload import (
    Claim,
    Container,
    Exec,
    Files,
    Http,
    Metrics,
    Mount,
    Probe,
    Resources,
    Scratch,
    SecretFiles,
    Tcp,
    User,
    Workload,
)
from home import Home
from home.apps import GpuShare, ImmichStorage
from home.versions import Image

SERVER = "immich-server"
MACHINE_LEARNING = "immich-machine-learning"
DATABASE = "immich-database"
QUEUE = "immich-queue"

DATABASE_NAME = "immich"
DATABASE_USER = "postgres"
PASSWORD = "immich-database-password"  # noqa: S105 the name of the Secret
PASSWORD_FILE = f"/run/secrets/{PASSWORD}/password"

UPLOAD_CLAIM = "immich-upload"
DATABASE_CLAIM = "immich-database"
QUEUE_CLAIM = "immich-queue"
MODELS_CLAIM = "immich-models"


@dataclass(frozen=True)
class ImmichWorkloads:
    """The four parts of Immich, and what tells monitoring of two of them, where the home has that."""

    server: Workload
    machine_learning: Workload
    database: Workload
    queue: Workload
    exporters: tuple[Workload, ...] = ()

    @property
    def all(self) -> tuple[Workload, ...]:
        """What others stand on first."""
        return (self.database, self.queue, self.machine_learning, self.server, *self.exporters)


@dataclass(frozen=True)
class ImmichArgs:
    """workloads: what `workloads` makes of the home. storage: the sizes of the volumes. The rest are handles.

    storage_class: one that keeps its data. libraries: the claims of the shares that the server mounts. generated: how
    passwords are made.
    """

    workloads: ImmichWorkloads
    storage: ImmichStorage
    namespace: pulumi.Input[str]
    storage_class: pulumi.Input[str]
    generated: random.Provider
    libraries: tuple[pulumi.Resource, ...] = ()


class Immich(pulumi.ComponentResource):
    """Photos.

    Creates the claims for uploads, database and queue (kept, protected) and one for the models (not kept: they can be
    fetched again), the database's password, and the four workloads with their Services.
    """

    url: pulumi.Output[str]
    """Where the doors and other apps reach it inside the cluster."""

    def __init__(self, name: str, args: ImmichArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register claims and password, then what uses them: database and queue, machine learning, server."""
        super().__init__("homebrain:photos:Immich", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True)

        def claim(of: str, size: str, on: pulumi.Input[str], opts: pulumi.ResourceOptions) -> pulumi.Resource:
            manifest = local_claim(of, size, on)
            return kubernetes.core.v1.PersistentVolumeClaim(of, **arguments(manifest, args.namespace), opts=opts)

        before = [
            claim(UPLOAD_CLAIM, args.storage.upload, args.storage_class, kept),
            claim(DATABASE_CLAIM, args.storage.database, args.storage_class, kept),
            claim(QUEUE_CLAIM, args.storage.queue, args.storage_class, kept),
            claim(MODELS_CLAIM, args.storage.models, names.STORAGE_CLASS_LOCAL, child),
            *args.libraries,
        ]
        # The database keeps the first password it was given: a new one would lock everybody out.
        password = random.RandomPassword(
            PASSWORD,
            length=32,
            special=False,
            opts=pulumi.ResourceOptions(parent=self, provider=args.generated, protect=True),
        )
        before.append(
            kubernetes.core.v1.Secret(
                PASSWORD,
                metadata={"name": PASSWORD, "namespace": args.namespace, "labels": names.labels(DATABASE)},
                string_data={"password": password.result},
                opts=child,
            )
        )

        parts = {
            part.name: DeployedWorkload(
                part, args.namespace, opts=pulumi.ResourceOptions(parent=self, depends_on=before)
            )
            for part in args.workloads.all
        }
        self.url = pulumi.Output.format("http://{0}.{1}.svc:{2}", parts[SERVER].name, args.namespace, FRONT.number)
        self.register_outputs({"url": self.url})


def workloads(home: Home, images: Mapping[str, Image]) -> ImmichWorkloads:
    """The parts of Immich in this home. Raises `ValueError` for a home without it."""
    app = home.apps.immich
    if app is None:
        raise ValueError("this home has no Immich")
    # Everything on one node: the volumes are on its disk.
    nodes = (app.node,) if app.node else ()
    return ImmichWorkloads(
        server=server(home, nodes, app.gpu, images["immich-server"]),
        machine_learning=machine_learning(home, nodes, app.machine_learning.gpu, images),
        database=database(nodes, images["immich-postgres"]),
        queue=queue(nodes, images["valkey"]),
        exporters=exporters(nodes, images) if home.apps.monitoring else (),
    )


FRONT = Front("immich", names.PHOTOS, SERVER, "http", 2283, "/api/server/ping")
"""What people reach of it."""


def libraries(home: Home) -> tuple[MountedShare, ...]:
    """The shares that Immich shows: it may read them and no more."""
    return storage.libraries(home, home.apps.immich, names.PHOTOS)


def server(home: Home, nodes: tuple[str, ...], gpu: GpuShare | None, image: Image) -> Workload:
    """The server: what people see, and the background jobs; it encodes videos on its slice."""
    mounted = libraries(home)
    env = {
        "TZ": home.timezone,
        "DB_HOSTNAME": DATABASE,
        "DB_USERNAME": DATABASE_USER,
        "DB_DATABASE_NAME": DATABASE_NAME,
        "DB_PASSWORD_FILE": PASSWORD_FILE,
        "REDIS_HOSTNAME": QUEUE,
        "IMMICH_MACHINE_LEARNING_URL": f"http://{MACHINE_LEARNING}:3003",
        # Else it would take every visitor for the door that let them in.
        "IMMICH_TRUSTED_PROXIES": names.POD_NETWORK,
        "IMMICH_TELEMETRY_INCLUDE": "all",
        "IMMICH_API_METRICS_PORT": "8081",
        "IMMICH_MICROSERVICES_METRICS_PORT": "8082",
        "IMMICH_LOG_FORMAT": "json",
    }
    return Workload(
        name=SERVER,
        namespace=names.PHOTOS,
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        user=User(1000, 1000, groups=tuple(sorted({one.share.owner.gid for one in mounted}))),
        containers=(
            Container(
                name="server",
                image=image.reference,
                resources=Resources(cpu="500m", memory="1Gi", memory_limit="4Gi"),
                env=env,
                ports={FRONT.port: FRONT.number, "metrics-api": 8081, "metrics-jobs": 8082},
                mounts=(
                    Mount("/data", Claim(UPLOAD_CLAIM)),
                    Mount(f"/run/secrets/{PASSWORD}", SecretFiles(PASSWORD)),
                    Mount("/tmp", Scratch("tmp", "2Gi")),
                    *(Mount(f"/mnt/media/{one.share.name}", Claim(one.claim), read_only=True) for one in mounted),
                ),
                # Times as in Immich's own chart.
                startup=Probe(Http("/api/server/ping"), period=10, failures=30),
                readiness=Probe(Http("/api/server/ping"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/api/server/ping"), period=10, failures=6, timeout=5),
                gpu=use_of(gpu),
                gpu_capabilities=("compute", "video", "utility"),
            ),
        ),
        deviations=deviations_of(gpu),
        metrics=(Metrics("metrics-api"), Metrics("metrics-jobs")),
        talks_to=(
            ToWorkload(names.PHOTOS, DATABASE, "postgres"),
            ToWorkload(names.PHOTOS, QUEUE, "redis"),
            ToWorkload(names.PHOTOS, MACHINE_LEARNING, "http"),
        ),
    )


def machine_learning(home: Home, nodes: tuple[str, ...], gpu: GpuShare | None, images: Mapping[str, Image]) -> Workload:
    """Recognition of faces and scenes: on a slice of the GPU where it has one, else on the CPU."""
    image = images["immich-machine-learning-cuda" if gpu else "immich-machine-learning"]
    return Workload(
        name=MACHINE_LEARNING,
        namespace=names.PHOTOS,
        nodes=nodes,
        # Nobody waits for it, and it is the hungriest.
        priority=names.PRIORITY_BATCH,
        user=User(1000, 1000),
        containers=(
            Container(
                name="machine-learning",
                image=image.reference,
                resources=Resources(cpu="500m", memory="2Gi", memory_limit="6Gi"),
                env={
                    "TZ": home.timezone,
                    # Everything that it would write beside its root lands in the cache.
                    "TRANSFORMERS_CACHE": "/cache",
                    "HF_XET_CACHE": "/cache/huggingface-xet",
                    "MPLCONFIGDIR": "/cache/matplotlib-config",
                    # Idle models give their part of the card's memory back.
                    "MACHINE_LEARNING_MODEL_TTL": "300",
                },
                ports={"http": 3003},
                mounts=(Mount("/cache", Claim(MODELS_CLAIM)), Mount("/tmp", Scratch("tmp", "1Gi"))),
                startup=Probe(Http("/ping"), period=10, failures=60),
                readiness=Probe(Http("/ping"), period=10, failures=3, timeout=5),
                # A model that is loading keeps it from answering for a while.
                liveness=Probe(Tcp(), period=20, failures=6, timeout=5),
                gpu=use_of(gpu),
            ),
        ),
        deviations=deviations_of(gpu),
        talks_to=(ToInternet("fetches its models once, from the hub that publishes them"),),
    )


def database(nodes: tuple[str, ...], image: Image) -> Workload:
    """PostgreSQL with the vector extensions that Immich searches by, on local disk and tuned for it."""
    conf = Files("conf", {"postgresql.conf": POSTGRESQL_CONF})
    # By TCP: while the image's entry point creates the database, its server is on the socket alone.
    ready = Exec(("pg_isready", "--host", "127.0.0.1", "--username", DATABASE_USER, "--dbname", DATABASE_NAME))
    return Workload(
        name=DATABASE,
        namespace=names.PHOTOS,
        kind="StatefulSet",
        nodes=nodes,
        priority=names.PRIORITY_DATA,
        # The image's own user `postgres`.
        user=User(999, 999),
        # Time to write what is in memory.
        grace_seconds=120,
        containers=(
            Container(
                name="postgres",
                image=image.reference,
                resources=Resources(cpu="250m", memory="2Gi", memory_limit="2Gi"),
                args=("postgres", "-c", "config_file=/etc/homebrain/postgresql.conf"),
                env={
                    "POSTGRES_USER": DATABASE_USER,
                    "POSTGRES_DB": DATABASE_NAME,
                    "POSTGRES_PASSWORD_FILE": PASSWORD_FILE,
                    "POSTGRES_INITDB_ARGS": "--data-checksums",
                    # A folder of its own: the volume's root isn't empty on every file system.
                    "PGDATA": "/var/lib/postgresql/data/pgdata",
                },
                ports={"postgres": 5432},
                mounts=(
                    Mount("/var/lib/postgresql/data", Claim(DATABASE_CLAIM)),
                    Mount("/etc/homebrain", conf),
                    Mount(f"/run/secrets/{PASSWORD}", SecretFiles(PASSWORD)),
                    # Parallel queries and vector indexes share memory here; the runtime's own is 64 MiB.
                    Mount("/dev/shm", Scratch("shm", "256Mi", in_memory=True)),
                    Mount("/var/run/postgresql", Scratch("run", "16Mi")),
                    # The image's entry point writes its own config here, which is not the one that is used.
                    Mount("/etc/postgresql", Scratch("etc", "16Mi")),
                    Mount("/tmp", Scratch("tmp", "1Gi")),
                ),
                # Long: after a power cut it first reads through its log.
                startup=Probe(ready, period=5, failures=120, timeout=5),
                readiness=Probe(ready, period=10, failures=3, timeout=5),
                liveness=Probe(ready, period=20, failures=6, timeout=5),
            ),
        ),
    )


# The preloads are what the image's own config has: without them Immich refuses to start. Memory is for a limit of 2
# GiB.
POSTGRESQL_CONF = """\
listen_addresses = '*'
search_path = '"$user", public'
shared_preload_libraries = 'vchord.so, vectors.so'

# Memory
shared_buffers = 512MB
work_mem = 16MB
maintenance_work_mem = 128MB
dynamic_shared_memory_type = posix

# Few, long checkpoints
max_wal_size = 5GB
wal_compression = on
checkpoint_completion_target = 0.9

# Solid state disks
random_page_cost = 1.2
effective_io_concurrency = 200

# Large tables that change a little at a time
autovacuum_vacuum_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05
autovacuum_vacuum_cost_limit = 1000

log_destination = 'stderr'
log_timezone = 'Etc/UTC'
timezone = 'Etc/UTC'
"""


def queue(nodes: tuple[str, ...], image: Image) -> Workload:
    """Valkey, in which Immich's jobs wait: written to disk every second, so that a restart loses next to nothing."""
    alive = Exec(("valkey-cli", "ping"))
    # Fails when the answer is an error too, as it is while the data is read.
    ready = Exec(("valkey-cli", "-e", "ping"))
    return Workload(
        name=QUEUE,
        namespace=names.PHOTOS,
        kind="StatefulSet",
        nodes=nodes,
        priority=names.PRIORITY_DATA,
        user=User(1000, 1000),
        containers=(
            Container(
                name="valkey",
                image=image.reference,
                resources=Resources(cpu="50m", memory="128Mi", memory_limit="256Mi"),
                args=QUEUE_ARGUMENTS,
                ports={"redis": 6379},
                mounts=(Mount("/data", Claim(QUEUE_CLAIM)), Mount("/tmp", Scratch("tmp", "16Mi"))),
                startup=Probe(ready, period=2, failures=60, timeout=2),
                readiness=Probe(ready, period=10, failures=3, timeout=2),
                liveness=Probe(alive, period=20, failures=5, timeout=5),
            ),
        ),
    )


def exporters(nodes: tuple[str, ...], images: Mapping[str, Image]) -> tuple[Workload, ...]:
    """What tells how the database gets on, and how many jobs wait in each of the queue's lists."""
    return (
        postgres_exporter(
            namespace=names.PHOTOS,
            nodes=nodes,
            image=images["postgres-exporter"],
            database=ToWorkload(names.PHOTOS, DATABASE, "postgres"),
            address=f"{DATABASE}:5432/{DATABASE_NAME}",
            secret=PASSWORD,
            user=DATABASE_USER,
        ),
        redis_exporter(
            namespace=names.PHOTOS,
            nodes=nodes,
            image=images["redis-exporter"],
            queue=ToWorkload(names.PHOTOS, QUEUE, "redis"),
            address=f"redis://{QUEUE}:6379",
            counted="db0=immich_bull:*:wait",
        ),
    )


QUEUE_ARGUMENTS = (
    "valkey-server",
    "--dir",
    "/data",
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    # Jobs are no cache: when memory is full, say no rather than forget one. Full is well below the container's limit,
    # at which the kernel would end it: rewriting the file takes some too.
    "--maxmemory",
    "160mb",
    "--maxmemory-policy",
    "noeviction",
)
