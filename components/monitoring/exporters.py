"""What tells of machines, the cluster, GPUs, doors and databases to Prometheus. Plain data; imports no Pulumi."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from components import names, roles
from components.flows import Flow, ToApiServer, ToWorkload
from components.manifests import Manifest
from components.monitoring.probes import MODULES, Probed
from components.workload import (
    Container,
    Deviation,
    EveryGpu,
    Files,
    HostPath,
    Http,
    Metrics,
    Mount,
    Probe,
    Resources,
    SecretFiles,
    User,
    Workload,
)
from home import Home
from home.versions import Image

NOBODY = User(65534, 65534)

NODE_EXPORTER = "node-exporter"
KUBE_STATE_METRICS = "kube-state-metrics"
GPU_EXPORTER = "nvidia-gpu-exporter"
BLACKBOX = "blackbox-exporter"

HOST = "/host"
# Mount points that say nothing about a disk: the container runtime's own, and each pod's files. What pods mount of the
# NAS stays, since nothing else sees whether it can be written and how full it is.
_PASSED_OVER = (
    "^/(dev|proc|sys|run|snap|boot/efi|var/lib/docker|var/lib/rancher/k3s/agent|"
    "var/lib/kubelet/pods/.+/volumes/kubernetes.io~(configmap|secret|projected|empty-dir)|"
    "var/lib/kubelet/pods/.+/volume-subpaths|var/lib/kubelet/plugins)($|/)"
)
_NOT_ON_A_DISK = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|mqueue|nsfs|overlay|proc|"
    "procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$"
)


# Collectors that would tell of the pod's network as if it were the machine's.
_OF_ITS_OWN_NETWORK = ("arp", "conntrack", "ipvs", "netdev", "netstat", "sockstat", "softnet", "udp_queues")


def node_exporter(home: Home, image: Image) -> Workload:
    """The machine's own figures: processors, memory, disks, temperatures, clock. One on each node in service.

    On one that is away its pod would wait for ever, and Pulumi for its pod.

    On the pod network, so that a NetworkPolicy says who asks it. What it then can't see, the traffic of the machine's
    own network cards, the kubelet tells (`container_network_…{id="/"}`).
    Flags: prometheus/node_exporter, collector/filesystem_common.go, collector/paths.go.
    """
    return Workload(
        name=NODE_EXPORTER,
        namespace=names.NODE_AGENTS,
        kind="DaemonSet",
        nodes=tuple(node.name for node in home.nodes_in_service),
        priority=names.PRIORITY_INTERACTIVE,
        user=NOBODY,
        containers=(
            Container(
                name=NODE_EXPORTER,
                image=image.reference,
                resources=Resources(cpu="20m", memory="48Mi", memory_limit="128Mi"),
                args=(
                    f"--path.procfs={HOST}/proc",
                    f"--path.sysfs={HOST}/sys",
                    f"--path.rootfs={HOST}/root",
                    f"--path.udev.data={HOST}/root/run/udev/data",
                    f"--collector.filesystem.mount-points-exclude={_PASSED_OVER}",
                    f"--collector.filesystem.fs-types-exclude={_NOT_ON_A_DISK}",
                    *(f"--no-collector.{one}" for one in _OF_ITS_OWN_NETWORK),
                ),
                ports={"metrics": 9100},
                mounts=(
                    Mount(f"{HOST}/proc", HostPath("/proc"), read_only=True),
                    Mount(f"{HOST}/sys", HostPath("/sys"), read_only=True),
                    # With what is mounted later: shares come and go with the pods that use them.
                    Mount(f"{HOST}/root", HostPath("/"), read_only=True, from_host=True),
                ),
                readiness=Probe(Http("/", "metrics"), period=15, failures=3, timeout=5),
                liveness=Probe(Http("/", "metrics"), period=30, failures=5, timeout=5),
            ),
        ),
        metrics=(Metrics("metrics"),),
        deviations={
            Deviation.HOST_PATH: "reads the node's figures from its /proc, /sys and file systems, all mounted read-only"
        },
    )


def gpu_exporters(home: Home, image: Image) -> tuple[Workload, ...]:
    """What each card does, by `nvidia-smi`: NVIDIA's own exporter has no figures for GeForce cards' load under WSL2.

    None in a home without GPUs in service.
    """
    nodes = tuple(node.name for node in home.nodes_in_service if node.gpu)
    if not nodes:
        return ()
    return (
        Workload(
            name=GPU_EXPORTER,
            namespace=names.NODE_AGENTS,
            kind="DaemonSet",
            nodes=nodes,
            priority=names.PRIORITY_INTERACTIVE,
            user=NOBODY,
            containers=(
                Container(
                    name="exporter",
                    image=image.reference,
                    resources=Resources(cpu="20m", memory="64Mi", memory_limit="128Mi"),
                    args=("--web.listen-address=:9835",),
                    ports={"metrics": 9835},
                    readiness=Probe(Http("/-/ready", "metrics"), period=15, failures=3, timeout=5),
                    liveness=Probe(Http("/-/healthy", "metrics"), period=30, failures=5, timeout=5),
                    gpu=EveryGpu(),
                    gpu_capabilities=("utility",),
                ),
            ),
            metrics=(Metrics("metrics"),),
            deviations={Deviation.EVERY_GPU: "watches the node's cards; it computes nothing on them"},
        ),
    )


# What kube-state-metrics tells of, by API group: what alerts and dashboards ask for, and no Secret or ConfigMap.
_TOLD_OF: dict[str, tuple[str, ...]] = {
    "": ("namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods"),
    "apps": ("daemonsets", "deployments", "statefulsets"),
    "batch": ("cronjobs", "jobs"),
}


def kube_state_metrics(nodes: tuple[str, ...], image: Image, api_servers: tuple[str, ...]) -> Workload:
    """What the API server knows of pods, nodes, volumes and jobs, as figures.

    Its version is that of the cluster: it knows the API of one Kubernetes and the two before it.
    """
    return Workload(
        name=KUBE_STATE_METRICS,
        namespace=names.MONITORING,
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        user=NOBODY,
        api_token=True,
        containers=(
            Container(
                name=KUBE_STATE_METRICS,
                image=image.reference,
                resources=Resources(cpu="20m", memory="96Mi", memory_limit="256Mi"),
                args=(f"--resources={','.join(sorted(one for told in _TOLD_OF.values() for one in told))}",),
                ports={"http": 8080, "telemetry": 8081},
                readiness=Probe(Http("/readyz", "telemetry"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/livez", "http"), period=20, failures=5, timeout=5),
            ),
        ),
        talks_to=(ToApiServer("what there is in the cluster", api_servers),),
        metrics=(Metrics("http", about_others=True),),
        deviations={
            Deviation.API_TOKEN: "tells what the API server knows of pods, nodes and volumes, and of no Secret"
        },
    )


def kube_state_metrics_role() -> Manifest:
    """A role that may list and watch what kube-state-metrics tells of."""
    return roles.cluster_role(
        KUBE_STATE_METRICS,
        KUBE_STATE_METRICS,
        [
            {"apiGroups": [group], "resources": list(resources), "verbs": ["list", "watch"]}
            for group, resources in _TOLD_OF.items()
        ],
    )


def blackbox_exporter(nodes: tuple[str, ...], image: Image, probed: Iterable[Probed]) -> Workload:
    """Knocks at doors and machines, as somebody would who wants to come in, and tells who answers."""
    flows: list[Flow] = []
    for one in probed:
        flows += [flow for flow in one.flows if flow not in flows]
    return Workload(
        name=BLACKBOX,
        namespace=names.MONITORING,
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        user=NOBODY,
        containers=(
            Container(
                name=BLACKBOX,
                image=image.reference,
                resources=Resources(cpu="10m", memory="32Mi", memory_limit="96Mi"),
                args=("--config.file=/etc/blackbox/blackbox.yml",),
                ports={"http": 9115},
                mounts=(Mount("/etc/blackbox", Files("config", {"blackbox.yml": blackbox_config()})),),
                readiness=Probe(Http("/-/healthy"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/-/healthy"), period=20, failures=5, timeout=5),
            ),
        ),
        talks_to=tuple(flows),
        metrics=(Metrics("http"),),
    )


def blackbox_config() -> str:
    """The blackbox exporter's config file: each way of knocking, by name."""
    return yaml.safe_dump({"modules": MODULES}, sort_keys=False)


def postgres_exporter(
    *, namespace: str, nodes: tuple[str, ...], image: Image, database: ToWorkload, address: str, secret: str, user: str
) -> Workload:
    """What a PostgreSQL server does. `address`: host, port and database; `secret` holds the password of `user`, as the
    file `password`. prometheus-community/postgres_exporter, cmd/postgres_exporter/datasource.go."""
    folder = f"/run/secrets/{secret}"
    return Workload(
        name="postgres-exporter",
        namespace=namespace,
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        user=NOBODY,
        containers=(
            Container(
                name="exporter",
                image=image.reference,
                resources=Resources(cpu="10m", memory="32Mi", memory_limit="96Mi"),
                args=("--web.listen-address=:9187", "--no-collector.wal"),
                env={
                    "DATA_SOURCE_URI": f"{address}?sslmode=disable",
                    "DATA_SOURCE_USER": user,
                    "DATA_SOURCE_PASS_FILE": f"{folder}/password",
                },
                ports={"metrics": 9187},
                mounts=(Mount(folder, SecretFiles(secret)),),
                readiness=Probe(Http("/", "metrics"), period=15, failures=3, timeout=5),
                liveness=Probe(Http("/", "metrics"), period=30, failures=5, timeout=5),
            ),
        ),
        talks_to=(database,),
        metrics=(Metrics("metrics"),),
    )


def redis_exporter(
    *, namespace: str, nodes: tuple[str, ...], image: Image, queue: ToWorkload, address: str, counted: str
) -> Workload:
    """What a Valkey or Redis server does, and how long the lists are whose keys match `counted`.

    oliver006/redis_exporter, main.go, exporter/keys.go.
    """
    return Workload(
        name="redis-exporter",
        namespace=namespace,
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        user=NOBODY,
        containers=(
            Container(
                name="exporter",
                image=image.reference,
                resources=Resources(cpu="10m", memory="32Mi", memory_limit="96Mi"),
                env={
                    "REDIS_ADDR": address,
                    "REDIS_EXPORTER_CHECK_KEYS": counted,
                    # What jobs are about is nobody's business here: their number is.
                    "REDIS_EXPORTER_DISABLE_EXPORTING_KEY_VALUES": "true",
                },
                ports={"metrics": 9121},
                readiness=Probe(Http("/health", "metrics"), period=15, failures=3, timeout=5),
                liveness=Probe(Http("/health", "metrics"), period=30, failures=5, timeout=5),
            ),
        ),
        talks_to=(queue,),
        metrics=(Metrics("metrics"),),
    )
