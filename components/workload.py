"""The one hardened workload builder: every pod of the home is a `Workload` of this module.

A `Workload` is plain, frozen data. `pod_template`, `controller`, `service` and their neighbours turn it into objects of
the Kubernetes API: plain dicts in the API's own camelCase, so that tests and other tools can take them without an
engine. `DeployedWorkload` registers them with Pulumi.

Hardened by default: a user other than root, a read-only root file system, no capabilities, no privilege escalation, the
runtime's seccomp profile, requests and a memory limit, probes, no token for the API server. Whatever a workload needs
beyond that is a `Deviation` which it must name, with a reason: an unnamed one is refused, and so is a named one that it
doesn't use. Deviations decide the Pod Security level of the workload's namespace (`pod_security_level`).
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes

from components import names
from components.flows import Flow
from components.manifests import Manifest, arguments

PodSecurityLevel = Literal["privileged", "baseline", "restricted"]
LEVELS: tuple[PodSecurityLevel, ...] = ("privileged", "baseline", "restricted")


class Deviation(enum.Enum):
    """What a workload may not do unless it names it; with the strictest Pod Security level that still admits it."""

    PRIVILEGED = ("privileged", "privileged")
    HOST_NETWORK = ("host-network", "privileged")
    HOST_PATH = ("host-path", "privileged")
    CAPABILITIES = ("capabilities", "privileged")
    ROOT_USER = ("root-user", "baseline")
    WRITABLE_ROOT = ("writable-root", "restricted")
    API_TOKEN = ("api-token", "restricted")
    NO_MEMORY_LIMIT = ("no-memory-limit", "restricted")
    NO_PROBES = ("no-probes", "restricted")
    EVERY_GPU = ("every-gpu", "restricted")

    def __init__(self, label: str, level: PodSecurityLevel) -> None:
        self.label = label
        self.level = level


# What a container is given.


@dataclass(frozen=True)
class SecretKey:
    """The value of an environment variable, taken from one key of a Secret."""

    secret: str
    key: str


@dataclass(frozen=True)
class PodField:
    """The value of an environment variable, taken from a field of the pod itself, as in `spec.nodeName`."""

    path: str


@dataclass(frozen=True)
class Claim:
    """A volume: the PersistentVolumeClaim of this name."""

    claim: str


@dataclass(frozen=True)
class Scratch:
    """A volume that lives and dies with the pod; `size` is its limit, a Kubernetes quantity."""

    name: str
    size: str
    in_memory: bool = False


@dataclass(frozen=True)
class Files:
    """A volume of files, content by name. The ConfigMap `<workload>-<name>` holds them; a changed one rolls the pod."""

    name: str
    content: Mapping[str, str]


@dataclass(frozen=True)
class SecretFiles:
    """A volume with one file for each key of a Secret."""

    secret: str


@dataclass(frozen=True)
class HostPath:
    """A folder of the node. Needs `Deviation.HOST_PATH`."""

    path: str
    type: Literal["Directory", "DirectoryOrCreate", "File", "Socket"] = "Directory"


Volume = Claim | Scratch | Files | SecretFiles | HostPath


@dataclass(frozen=True)
class Mount:
    """A volume at a path of the container."""

    path: str
    volume: Volume
    read_only: bool = False
    sub_path: str | None = None
    bidirectional: bool = False
    """Mounts made below `path` show on the node too: what a CSI node plugin is for. Needs `Deviation.PRIVILEGED`."""


@dataclass(frozen=True)
class Resources:
    """CPU and memory as Kubernetes quantities. `memory_limit` defaults to `memory`; "" means none, a deviation."""

    cpu: str
    memory: str
    memory_limit: str | None = None


@dataclass(frozen=True)
class Http:
    """Healthy when GET `path` on the port (name or number) answers 2xx or 3xx.

    `host` is for pods on the host's network whose server listens on one address only; elsewhere it stays the pod's own.
    """

    path: str
    port: str | int = "http"
    host: str | None = None


@dataclass(frozen=True)
class Tcp:
    """Healthy when the port of this name takes a connection."""

    port: str = "http"


@dataclass(frozen=True)
class Exec:
    """Healthy when the command ends with 0."""

    command: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """A check, every `period` seconds, given up after `failures` of them in a row; each may take `timeout` seconds."""

    check: Http | Tcp | Exec
    period: int = 10
    failures: int = 3
    timeout: int = 1


@dataclass(frozen=True)
class Slices:
    """GPU slices that the scheduler counts. The device plugin tells the container which card it got."""

    count: int = 1


@dataclass(frozen=True)
class EveryGpu:
    """Every card of the node, uncounted: for what watches them, and for sharing without limits. A deviation."""


@dataclass(frozen=True)
class Container:
    """One container of a pod. `ports` are TCP port numbers by name."""

    name: str
    image: str
    resources: Resources
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str | SecretKey | PodField] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    startup: Probe | None = None
    readiness: Probe | None = None
    liveness: Probe | None = None
    gpu: Slices | EveryGpu | None = None
    gpu_capabilities: tuple[str, ...] = ("compute", "utility")
    """What of the driver the container sees, in the words of `NVIDIA_DRIVER_CAPABILITIES`."""
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    writable_root: bool = False


@dataclass(frozen=True)
class User:
    """Who the pod runs as. Uid 0 needs `Deviation.ROOT_USER`.

    `fs_group` makes Kubernetes hand the pod's block volumes to that group; leave it out where a share is mounted over
    NFS, since it would change the owner of every file there. `groups` are further ones, such as a share's.
    """

    uid: int
    gid: int
    fs_group: int | None = None
    groups: tuple[int, ...] = ()


ROOT = User(0, 0)


@dataclass(frozen=True)
class Workload:
    """Pods of one kind, and what they may do. Raises `ValueError` when it deviates and doesn't say so, or the
    reverse."""

    name: str
    namespace: str
    containers: tuple[Container, ...]
    user: User
    kind: Literal["Deployment", "StatefulSet", "DaemonSet"] = "Deployment"
    init_containers: tuple[Container, ...] = ()
    nodes: tuple[str, ...] = ()
    """Names of the nodes that may run it; none means any."""
    tolerations: tuple[Mapping[str, str], ...] = ()
    replicas: int = 1
    priority: str = names.PRIORITY_INTERACTIVE
    host_network: bool = False
    api_token: bool = False
    grace_seconds: int = 30
    talks_to: tuple[Flow, ...] = ()
    deviations: Mapping[Deviation, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        needed = set(_deviations(self))
        for deviation in sorted(needed - set(self.deviations), key=lambda one: one.label):
            raise ValueError(
                f'{self.name}: deviates by "{deviation.label}" but gives no reason; name it in `deviations`'
            )
        for deviation in sorted(set(self.deviations) - needed, key=lambda one: one.label):
            raise ValueError(
                f'{self.name}: names the deviation "{deviation.label}", which it does not need; take it out'
            )
        for deviation, reason in self.deviations.items():
            if not reason.strip():
                raise ValueError(f'{self.name}: the deviation "{deviation.label}" needs a reason')
        count: dict[str, int] = {}
        for container in self.containers:
            for port in container.ports:
                count[port] = count.get(port, 0) + 1
        if twice := [port for port, times in count.items() if times > 1]:
            raise ValueError(f"{self.name}: more than one container has a port named {', '.join(twice)}")

    @property
    def ports(self) -> dict[str, int]:
        """Every port of the pod, number by name."""
        return {name: number for container in self.containers for name, number in container.ports.items()}

    @property
    def every_container(self) -> tuple[Container, ...]:
        """Init containers first, as they run."""
        return self.init_containers + self.containers

    @property
    def slices(self) -> int:
        """GPU slices that one pod holds."""
        return sum(one.gpu.count for one in self.containers if isinstance(one.gpu, Slices))


def _deviations(workload: Workload) -> Iterator[Deviation]:
    """What of `Deviation` the workload does, read off its own shape."""
    if workload.host_network:
        yield Deviation.HOST_NETWORK
    if workload.api_token:
        yield Deviation.API_TOKEN
    if workload.user.uid == 0:
        yield Deviation.ROOT_USER
    for container in workload.every_container:
        if container.privileged or any(mount.bidirectional for mount in container.mounts):
            yield Deviation.PRIVILEGED
        if container.capabilities:
            yield Deviation.CAPABILITIES
        if container.writable_root:
            yield Deviation.WRITABLE_ROOT
        if container.resources.memory_limit == "":
            yield Deviation.NO_MEMORY_LIMIT
        if isinstance(container.gpu, EveryGpu):
            yield Deviation.EVERY_GPU
        if any(isinstance(mount.volume, HostPath) for mount in container.mounts):
            yield Deviation.HOST_PATH
    for container in workload.containers:
        if container.readiness is None and container.liveness is None:
            yield Deviation.NO_PROBES


def pod_security_level(workloads: Iterable[Workload]) -> PodSecurityLevel:
    """The strictest Pod Security level that admits every one of the workloads; "restricted" for none at all."""
    needed = [deviation.level for workload in workloads for deviation in workload.deviations]
    return min(needed, key=LEVELS.index, default="restricted")


# From a workload to objects of the Kubernetes API.


def service_account(workload: Workload) -> Manifest:
    """An account of the workload's own. Its token is mounted only where the workload says that it talks to the API
    server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(workload),
        "automountServiceAccountToken": workload.api_token,
    }


def config_maps(workload: Workload) -> list[Manifest]:
    """One ConfigMap for each `Files` volume of the workload."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(workload, f"{workload.name}-{files.name}"),
            "data": dict(files.content),
        }
        for files in _volumes(workload).values()
        if isinstance(files, Files)
    ]


def service(workload: Workload) -> Manifest | None:
    """A ClusterIP Service with every port of the pod, or None when it has none or runs on the host's network.

    Nothing in the home is a NodePort or a LoadBalancer: every way in is a door.
    """
    if not workload.ports or workload.host_network:
        return None
    spec: Manifest = {
        "type": "ClusterIP",
        "selector": names.selector(workload.name),
        "ports": [
            {"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in workload.ports.items()
        ],
    }
    metadata = _metadata(workload)
    # Pulumi would watch the endpoints for ten seconds before it took the Service for ready. That there are pods, and
    # that they are ready, it knows from the controller already; that the selector finds them, from how both are made.
    metadata["annotations"] = {names.ANNOTATION_SKIP_AWAIT: "true"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def controller(workload: Workload) -> Manifest:
    """The Deployment, StatefulSet or DaemonSet that keeps the workload's pods running."""
    spec: Manifest = {
        "selector": {"matchLabels": names.selector(workload.name)},
        "template": pod_template(workload),
        "revisionHistoryLimit": 3,
    }
    if workload.kind != "DaemonSet":
        spec["replicas"] = workload.replicas
    if workload.kind == "StatefulSet":
        spec["serviceName"] = workload.name
    if workload.kind == "Deployment" and _writes_to_a_claim(workload):
        # Two pods at once on one volume would corrupt what they share: SQLite, caches.
        spec["strategy"] = {"type": "Recreate"}
    return {"apiVersion": "apps/v1", "kind": workload.kind, "metadata": _metadata(workload), "spec": spec}


def pod_template(workload: Workload) -> Manifest:
    """The pod template: `metadata` and `spec`."""
    annotations = {f"{names.ANNOTATION_DEVIATION}.{one.label}": reason for one, reason in workload.deviations.items()}
    if maps := config_maps(workload):
        annotations[names.ANNOTATION_CONFIG] = _digest(maps)
    metadata: Manifest = {"labels": names.labels(workload.name)}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": _pod_spec(workload)}


def _pod_spec(workload: Workload) -> Manifest:
    user = workload.user
    security: Manifest = {
        "runAsNonRoot": user.uid != 0,
        "runAsUser": user.uid,
        "runAsGroup": user.gid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if user.fs_group is not None:
        # A volume with many files would keep the pod from starting for minutes if each were touched every time.
        security |= {"fsGroup": user.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    if user.groups:
        security["supplementalGroups"] = list(user.groups)
    spec: Manifest = {
        "serviceAccountName": workload.name,
        "automountServiceAccountToken": workload.api_token,
        # Links would put JELLYFIN_PORT and the like into the environment of apps that read such names as their
        # settings.
        "enableServiceLinks": False,
        "priorityClassName": workload.priority,
        "securityContext": security,
        "terminationGracePeriodSeconds": workload.grace_seconds,
        "containers": [_container(one, workload) for one in workload.containers],
    }
    if workload.init_containers:
        spec["initContainers"] = [_container(one, workload) for one in workload.init_containers]
    if volumes := _volumes(workload):
        spec["volumes"] = [{"name": name, **_volume_source(volume, workload)} for name, volume in volumes.items()]
    if workload.nodes:
        spec["affinity"] = {"nodeAffinity": _node_affinity(workload.nodes)}
    if workload.tolerations:
        spec["tolerations"] = [dict(one) for one in workload.tolerations]
    if any(one.gpu for one in workload.every_container):
        spec["runtimeClassName"] = names.RUNTIME_CLASS_NVIDIA
    if workload.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return spec


def _container(container: Container, workload: Workload) -> Manifest:
    manifest: Manifest = {"name": container.name, "image": container.image}
    if container.command:
        manifest["command"] = list(container.command)
    if container.args:
        manifest["args"] = list(container.args)
    if env := _env(container):
        manifest["env"] = [{"name": name, **value} for name, value in env.items()]
    if container.ports:
        manifest["ports"] = [
            {"name": name, "containerPort": port, "protocol": "TCP"} for name, port in container.ports.items()
        ]
    for kind, probe in (
        ("startupProbe", container.startup),
        ("readinessProbe", container.readiness),
        ("livenessProbe", container.liveness),
    ):
        if probe is not None:
            manifest[kind] = _probe(probe)
    manifest["resources"] = _resources(container)
    manifest["securityContext"] = _container_security(container)
    if container.mounts:
        manifest["volumeMounts"] = [_volume_mount(mount, workload) for mount in container.mounts]
    return manifest


def _env(container: Container) -> dict[str, Manifest]:
    env = {name: _env_value(value) for name, value in container.env.items()}
    if container.gpu is not None:
        env["NVIDIA_DRIVER_CAPABILITIES"] = {"value": ",".join(container.gpu_capabilities)}
    if isinstance(container.gpu, EveryGpu):
        # Said outright: on the nvidia runtime the image's own default would decide. Where a slice is requested it must
        # not be set, since the kubelet appends the pod's value after the device plugin's.
        env["NVIDIA_VISIBLE_DEVICES"] = {"value": "all"}
    return env


def _env_value(value: str | SecretKey | PodField) -> Manifest:
    match value:
        case SecretKey(secret, key):
            return {"valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        case PodField(path):
            return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
        case str():
            return {"value": value}


def _probe(probe: Probe) -> Manifest:
    match probe.check:
        case Http(path, port, host):
            check: Manifest = {"httpGet": {"path": path, "port": port} | ({"host": host} if host else {})}
        case Tcp(port):
            check = {"tcpSocket": {"port": port}}
        case Exec(command):
            check = {"exec": {"command": list(command)}}
    return check | {"periodSeconds": probe.period, "failureThreshold": probe.failures, "timeoutSeconds": probe.timeout}


def _resources(container: Container) -> Manifest:
    given = container.resources
    requests: Manifest = {"cpu": given.cpu, "memory": given.memory}
    # No CPU limit: it would throttle a pod on an idle machine. Memory can't be throttled, so it has one.
    limits: Manifest = {"memory": given.memory_limit or given.memory} if given.memory_limit != "" else {}
    if isinstance(container.gpu, Slices):
        slices = {names.GPU_RESOURCE: str(container.gpu.count)}
        requests, limits = requests | slices, limits | slices
    return {"requests": requests} | ({"limits": limits} if limits else {})


def _container_security(container: Container) -> Manifest:
    if container.privileged:
        return {"privileged": True, "readOnlyRootFilesystem": not container.writable_root}
    capabilities: Manifest = {"drop": ["ALL"]}
    if container.capabilities:
        capabilities["add"] = list(container.capabilities)
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "readOnlyRootFilesystem": not container.writable_root,
    }


def _volume_mount(mount: Mount, workload: Workload) -> Manifest:
    manifest: Manifest = {"name": _volume_name(mount.volume), "mountPath": mount.path}
    if mount.read_only or isinstance(mount.volume, Files | SecretFiles):
        manifest["readOnly"] = True
    if mount.sub_path is not None:
        manifest["subPath"] = mount.sub_path
    if mount.bidirectional:
        manifest["mountPropagation"] = "Bidirectional"
    return manifest


def _volumes(workload: Workload) -> dict[str, Volume]:
    """Every volume that a container mounts, once, by its name in the pod."""
    volumes: dict[str, Volume] = {}
    for container in workload.every_container:
        for mount in container.mounts:
            name = _volume_name(mount.volume)
            if volumes.setdefault(name, mount.volume) != mount.volume:
                raise ValueError(f'{workload.name}: two different volumes are named "{name}"')
    return volumes


def _volume_name(volume: Volume) -> str:
    match volume:
        case Claim(claim):
            return claim
        case Scratch(name) | Files(name):
            return name
        case SecretFiles(secret):
            return secret
        case HostPath(path):
            return "host-" + re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")


def _volume_source(volume: Volume, workload: Workload) -> Manifest:
    match volume:
        case Claim(claim):
            return {"persistentVolumeClaim": {"claimName": claim}}
        case Scratch(_, size, in_memory):
            return {"emptyDir": {"sizeLimit": size} | ({"medium": "Memory"} if in_memory else {})}
        case Files(name):
            return {"configMap": {"name": f"{workload.name}-{name}"}}
        case SecretFiles(secret):
            # The files belong to root. All of the pod is one user, who has to read them.
            return {"secret": {"secretName": secret, "defaultMode": 0o444}}
        case HostPath(path, kind):
            return {"hostPath": {"path": path, "type": kind}}


def _node_affinity(nodes: tuple[str, ...]) -> Manifest:
    hostname = {"key": names.LABEL_HOSTNAME, "operator": "In", "values": list(nodes)}
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}}


def _writes_to_a_claim(workload: Workload) -> bool:
    mounts = (mount for container in workload.every_container for mount in container.mounts)
    return any(isinstance(mount.volume, Claim) and not mount.read_only for mount in mounts)


def _metadata(workload: Workload, name: str | None = None) -> Manifest:
    return {"name": name or workload.name, "namespace": workload.namespace, "labels": names.labels(workload.name)}


def _digest(maps: list[Manifest]) -> str:
    text = repr([(one["metadata"]["name"], sorted(one["data"].items())) for one in maps])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_CONTROLLERS = {
    "Deployment": kubernetes.apps.v1.Deployment,
    "StatefulSet": kubernetes.apps.v1.StatefulSet,
    "DaemonSet": kubernetes.apps.v1.DaemonSet,
}


class DeployedWorkload(pulumi.ComponentResource):
    """A workload in the cluster.

    Creates its ServiceAccount, its ConfigMaps, its Deployment, StatefulSet or DaemonSet and, where it has ports, its
    Service.

    namespace: the handle of the namespace it lives in, so that this exists first.
    """

    name: pulumi.Output[str]
    """Of the controller, and of the Service where there is one."""

    def __init__(
        self, workload: Workload, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the workload's objects; `namespace` replaces the plain name of it that the workload carries."""
        super().__init__("homebrain:kubernetes:Workload", workload.name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = kubernetes.core.v1.ServiceAccount(
            workload.name, **arguments(service_account(workload), namespace), opts=child
        )
        before: list[pulumi.Resource] = [account]
        for manifest in config_maps(workload):
            name = manifest["metadata"]["name"]
            before.append(kubernetes.core.v1.ConfigMap(name, **arguments(manifest, namespace), opts=child))
        running = _CONTROLLERS[workload.kind](
            workload.name,
            **arguments(controller(workload), namespace),
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        if front := service(workload):
            kubernetes.core.v1.Service(workload.name, **arguments(front, namespace), opts=child)
        self.name = running.metadata["name"]
        self.register_outputs({"name": self.name})
