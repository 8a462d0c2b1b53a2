"""The one hardened workload builder: every pod of the home is a `Workload` of this module.

A `Workload` is plain, frozen data. `components.objects` turns it into objects of the Kubernetes API, as plain dicts;
`components.deployed` registers those with Pulumi.

Hardened by default: a user other than root, a read-only root file system, no capabilities, no privilege escalation, the
runtime's seccomp profile, requests and a memory limit, probes, no token for the API server. Whatever a workload needs
beyond that is a `Deviation` which it must name, with a reason: an unnamed one is refused, and so is a named one that it
doesn't use. Deviations decide the Pod Security level of the workload's namespace (`pod_security_level`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from components import names
from components.flows import Flow

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
    """A volume of files, content by name. The ConfigMap `<workload>-<name>` holds them; a changed one rolls the pod,
    unless what runs there reads them again by itself (`reread`)."""

    name: str
    content: Mapping[str, str]
    reread: bool = False


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
    from_host: bool = False
    """Mounts made on the node below the volume's folder show in the container too, later ones as well."""
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
class GpuMemory:
    """What a container takes of a card's memory at its peak, a Kubernetes quantity, and how many of its processes hold
    a CUDA context on top of that. Kubernetes counts neither: the pod's annotations say it, and the policies add up."""

    size: str
    processes: int = 1


@dataclass(frozen=True)
class Slices:
    """GPU slices that the scheduler counts. The device plugin tells the container which card it got."""

    count: int = 1
    memory: GpuMemory | None = None


@dataclass(frozen=True)
class EveryGpu:
    """Every card of the node, uncounted: for what watches them, and for sharing without limits. A deviation."""

    memory: GpuMemory | None = None


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
class Metrics:
    """What a workload tells of itself in Prometheus' format: GET `path` on its port of this name. Who watches it may
    reach that port, and asks each of its pods. `about_others`: what it tells is of other things, which have their own
    namespaces, pods and nodes. `to_known`: it tells only who shows a token that it knows; Prometheus then shows its
    own."""

    port: str
    path: str = "/metrics"
    about_others: bool = False
    to_known: bool = False


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
    prefers: str | None = None
    """The name of the node that runs it while that is in service and has room; of several replicas, one."""
    tolerations: tuple[Mapping[str, str], ...] = ()
    replicas: int = 1
    """More than one are spread over the nodes, and a drained node takes one at a time."""
    overlap: bool = True
    """Whether an old pod of a Deployment may still run while its successor starts. Where both would write to one claim
    they never do."""
    priority: str = names.PRIORITY_INTERACTIVE
    host_network: bool = False
    api_token: bool = False
    grace_seconds: int = 30
    drain_seconds: int = 0
    """How long a pod that shall end still answers before it is told: so long other nodes may go on sending it requests.
    Part of `grace_seconds`."""
    talks_to: tuple[Flow, ...] = ()
    metrics: tuple[Metrics, ...] = ()
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
        if sum(one.gpu is not None and one.gpu.memory is not None for one in self.containers) > 1:
            raise ValueError(f"{self.name}: more than one container declares what it takes of a GPU's memory")
        for deviation, reason in self.deviations.items():
            if not reason.strip():
                raise ValueError(f'{self.name}: the deviation "{deviation.label}" needs a reason')
        if self.drain_seconds >= self.grace_seconds:
            raise ValueError(f"{self.name}: of {self.grace_seconds} s, {self.drain_seconds} leave none to end in")
        for one in self.metrics:
            if one.port not in self.ports:
                raise ValueError(f'{self.name}: tells metrics on port "{one.port}", and has {sorted(self.ports)}')
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
    def gpu_memory(self) -> GpuMemory | None:
        """What one pod takes of its node's GPU, where it says so."""
        return next((one.gpu.memory for one in self.containers if one.gpu and one.gpu.memory), None)

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
