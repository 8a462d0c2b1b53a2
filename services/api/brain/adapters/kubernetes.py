"""Kubernetes: the machines, and what runs on them.

Asked as the pod that this is, with the token and the authority that are mounted into it, and only for lists: `get` and
`list` on nodes, pods, persistentvolumeclaims, and deployments. Shapes: the API reference of Kubernetes 1.33.

Facts: `version`; `nodes` [{name, ready, version, cpus, memory_bytes, gpus}]; `gpus` [{node, model, slices, used,
by: [{namespace, pod, slices}]}]; `pods` {running, troubled: [{namespace, name, node, reason}]}; `volumes` [{namespace,
name, phase, size_bytes}]; `deployments` {ready, all}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Generic, TypeVar

from pydantic import AwareDatetime, Field

from brain.adapters.adapter import Call
from brain.adapters.service import (
    HOUSEHOLD,
    OPERATORS,
    Answer,
    Findings,
    Nothing,
    Page,
    Paged,
    Service,
    by_name,
    page_of,
    plain,
    several,
    together,
)
from brain.upstream import Upstream
from brain.verdict import Record, Verdict

GPU: Final = "nvidia.com/gpu"
MODEL: Final = "nvidia.com/gpu.product"
"""The label that GPU feature discovery gives a node."""
SETTLES_WITHIN: Final = timedelta(minutes=3)
"""What is younger may not run yet without anything being wrong."""
AT_ONCE: Final = 100
"""How many objects an answer holds: a hundred pods are well under the limit of an answer."""
MOST_PAGES: Final = 20
MOST_NAMED: Final = 5
"""How many of one kind are told of by name; the rest is counted."""
SOURCE: Final = "kubernetes"

T = TypeVar("T")

_QUANTITY: Final = re.compile(r"^([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)$")
_SUFFIXES: Final[Mapping[str, Decimal]] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), 1)},
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}


class VersionInfo(Answer):
    """`GET /version`."""

    version: str = Field(alias="gitVersion")


class Metadata(Answer):
    """What every object has."""

    name: str
    namespace: str = ""
    created: AwareDatetime | None = Field(default=None, alias="creationTimestamp")
    deleted: AwareDatetime | None = Field(default=None, alias="deletionTimestamp")
    labels: Mapping[str, str] = {}


class Condition(Answer):
    """One thing that is so, or not."""

    kind: str = Field(alias="type")
    status: str
    reason: str | None = None


class NodeInfo(Answer):
    """What a node says of itself."""

    version: str = Field(alias="kubeletVersion")


class NodeStatus(Answer):
    """How a node is."""

    allocatable: Mapping[str, str] = {}
    conditions: tuple[Condition, ...] = ()
    info: NodeInfo = Field(alias="nodeInfo")


class NodeSpec(Answer):
    """What was decided about a node."""

    unschedulable: bool = False


class NodeAnswer(Answer):
    """One of `GET /api/v1/nodes`."""

    metadata: Metadata
    spec: NodeSpec = NodeSpec()
    status: NodeStatus


class Resources(Answer):
    """What a container is to have."""

    limits: Mapping[str, str] | None = None


class Container(Answer):
    """A container, as it was asked for."""

    resources: Resources = Resources()


class PodSpec(Answer):
    """What a pod is to be."""

    node: str | None = Field(default=None, alias="nodeName")
    containers: tuple[Container, ...] = ()


class Waiting(Answer):
    """Why a container doesn't run."""

    reason: str | None = None


class ContainerState(Answer):
    """How a container is."""

    waiting: Waiting | None = None


class ContainerStatus(Answer):
    """How a container is, and whether it is of use."""

    name: str
    ready: bool = False
    state: ContainerState = ContainerState()


class PodStatus(Answer):
    """How a pod is."""

    phase: str = "Unknown"
    reason: str | None = None
    conditions: tuple[Condition, ...] | None = None
    containers: tuple[ContainerStatus, ...] | None = Field(default=None, alias="containerStatuses")
    beginning: tuple[ContainerStatus, ...] | None = Field(default=None, alias="initContainerStatuses")


class PodAnswer(Answer):
    """One of `GET /api/v1/pods`."""

    metadata: Metadata
    spec: PodSpec
    status: PodStatus


class Storage(Answer):
    """How large a volume is."""

    storage: str | None = None


class ClaimStatus(Answer):
    """How a claim is."""

    phase: str = "Pending"
    capacity: Storage | None = None


class ClaimAnswer(Answer):
    """One of `GET /api/v1/persistentvolumeclaims`."""

    metadata: Metadata
    status: ClaimStatus


class DeploymentSpec(Answer):
    """How many there shall be."""

    replicas: int = 1


class DeploymentStatus(Answer):
    """How many there are."""

    ready: int = Field(default=0, alias="readyReplicas")


class DeploymentAnswer(Answer):
    """One of `GET /apis/apps/v1/deployments`."""

    metadata: Metadata
    spec: DeploymentSpec
    status: DeploymentStatus


class ListMetadata(Answer):
    """Whether there is more."""

    more: str = Field(default="", alias="continue")


class Listed(Answer, Generic[T]):
    """A part of a list."""

    metadata: ListMetadata
    items: tuple[T, ...]


class Node(Record):
    """A machine. cpus, memory_bytes, gpus: what pods may have of it. trouble: why it isn't all right."""

    name: str
    ready: bool
    version: str
    cpus: float
    memory_bytes: int
    gpus: int
    trouble: tuple[str, ...] = ()


class Pod(Record):
    """A pod that doesn't run as it should, and why. node: where it is, if it is anywhere."""

    namespace: str
    name: str
    node: str | None
    reason: str


class Holder(Record):
    """Who holds slices of a GPU."""

    namespace: str
    pod: str
    slices: int


class Gpus(Record):
    """The GPU slices of a machine, and who has them. model: if the node is labelled with it."""

    node: str
    model: str | None
    slices: int
    used: int
    by: tuple[Holder, ...]


class GpuList(Record):
    """All machines with GPUs."""

    gpus: tuple[Gpus, ...]
    source: str = SOURCE


class Volume(Record):
    """A persistent volume claim. phase: Bound, Pending or Lost."""

    namespace: str
    name: str
    phase: str
    size_bytes: int | None


class Kubernetes(Service):
    """The cluster."""

    name = "kubernetes"
    title = "Machines"
    roles = HOUSEHOLD
    key_at_the_door = True

    async def inspect(self, findings: Findings) -> None:
        """Whether the API server is there; then all its lists at once."""
        version = await self.upstream.get("/version", VersionInfo)
        findings.fact("version", plain(version.version))
        if not version.version.startswith("v1."):
            findings.say(Verdict.UNSUPPORTED, f"It is version {plain(version.version)}; known here is 1.")
            return
        nodes, pods, claims, deployments = await together(
            findings.part("its machines", _nodes(self.upstream)),
            findings.part("its pods", _pods(self.upstream)),
            findings.part("its volumes", _claims(self.upstream)),
            findings.part("its deployments", _list(self.upstream, "/apis/apps/v1/deployments", DeploymentAnswer)),
        )
        if nodes is not None:
            self._tell_nodes(findings, nodes)
        if pods is not None:
            self._tell_pods(findings, pods)
        if nodes is not None and pods is not None:
            findings.fact("gpus", slices(nodes, pods))
        if claims is not None:
            self._tell_claims(findings, claims)
        if deployments is not None:
            self._tell_deployments(findings, deployments)

    def _tell_nodes(self, findings: Findings, nodes: tuple[NodeAnswer, ...]) -> None:
        told = tuple(map(_node, nodes))
        findings.fact("nodes", told)
        if not told:
            findings.say(Verdict.DEGRADED, "It has no machine.")
        for one in told:
            for trouble in one.trouble:
                findings.say(Verdict.DEGRADED, f"{one.name} {trouble}.")

    def _tell_pods(self, findings: Findings, pods: tuple[PodAnswer, ...]) -> None:
        findings.ahead(one.metadata.created for one in pods)
        troubled = tuple(_troubled(pods, findings.at))
        findings.fact("pods", {"running": sum(one.status.phase == "Running" for one in pods), "troubled": troubled})
        for one in troubled[:MOST_NAMED]:
            findings.say(Verdict.DEGRADED, f"The pod {one.namespace}/{one.name} doesn't run: {one.reason}.")
        if len(troubled) > MOST_NAMED:
            findings.say(Verdict.DEGRADED, f"Nor do {several(len(troubled) - MOST_NAMED, 'more pod')}.")

    def _tell_claims(self, findings: Findings, claims: tuple[ClaimAnswer, ...]) -> None:
        findings.fact("volumes", tuple(map(_volume, claims)))
        for one in claims:
            # A claim that no pod uses yet waits for the first one; such a pod is among those that don't run.
            if one.status.phase == "Lost":
                findings.say(Verdict.DEGRADED, f"The volume of {one.metadata.namespace}/{one.metadata.name} is lost.")

    def _tell_deployments(self, findings: Findings, deployments: tuple[DeploymentAnswer, ...]) -> None:
        ready = [one for one in deployments if one.status.ready >= one.spec.replicas]
        findings.fact("deployments", {"ready": len(ready), "all": len(deployments)})
        for one in deployments:
            settled = _age(one.metadata, findings.at) > SETTLES_WITHIN
            if settled and one.spec.replicas and not one.status.ready:
                findings.say(Verdict.DEGRADED, f"Nothing of {one.metadata.namespace}/{one.metadata.name} is ready.")

    @property
    def calls(self) -> Mapping[str, Call]:
        """Lists of what there is."""
        return by_name(
            Call("infrastructure.nodes", "The machines, and how they are.", Paged, Page[Node], OPERATORS, self.nodes),
            Call(
                "infrastructure.pods",
                "The pods that don't run, and why.",
                Paged,
                Page[Pod],
                OPERATORS,
                self.troubled_pods,
            ),
            Call("infrastructure.gpus", "The GPU slices, and who has them.", Nothing, GpuList, OPERATORS, self.gpus),
            Call("infrastructure.volumes", "The volumes.", Paged, Page[Volume], OPERATORS, self.volumes),
        )

    async def nodes(self, asked: Paged) -> Page[Node]:
        """By name."""
        return page_of(
            Page[Node], sorted(map(_node, await _nodes(self.for_calls)), key=lambda one: one.name), asked, SOURCE
        )

    async def troubled_pods(self, asked: Paged) -> Page[Pod]:
        """By namespace and name."""
        return page_of(Page[Pod], tuple(_troubled(await _pods(self.for_calls), self.now())), asked, SOURCE)

    async def gpus(self, asked: Nothing) -> GpuList:
        """By machine."""
        nodes, pods = await together(_nodes(self.for_calls), _pods(self.for_calls))
        return GpuList(gpus=slices(nodes, pods))

    async def volumes(self, asked: Paged) -> Page[Volume]:
        """By namespace and name."""
        volumes = sorted(map(_volume, await _claims(self.for_calls)), key=lambda one: (one.namespace, one.name))
        return page_of(Page[Volume], volumes, asked, SOURCE)


async def _nodes(upstream: Upstream) -> tuple[NodeAnswer, ...]:
    return await _list(upstream, "/api/v1/nodes", NodeAnswer)


async def _pods(upstream: Upstream) -> tuple[PodAnswer, ...]:
    return await _list(upstream, "/api/v1/pods", PodAnswer)


async def _claims(upstream: Upstream) -> tuple[ClaimAnswer, ...]:
    return await _list(upstream, "/api/v1/persistentvolumeclaims", ClaimAnswer)


async def _list(upstream: Upstream, path: str, model: type[T]) -> tuple[T, ...]:
    """Everything on a path, in parts: a cluster that lies about there being more ends at `MOST_PAGES`."""
    items: list[T] = []
    params: dict[str, str | int] = {"limit": AT_ONCE}
    for _ in range(MOST_PAGES):
        part = await upstream.get(path, Listed[model], params=params)  # type: ignore[valid-type]
        items += part.items
        if not part.metadata.more:
            break
        params["continue"] = part.metadata.more
    return tuple(items)


def quantity(text: str) -> Decimal:
    """What a Kubernetes quantity is worth: `500m` is 0.5, `1Ki` is 1024. What can't be read is worth nothing."""
    found = _QUANTITY.match(text)
    if found is None or found[2] not in _SUFFIXES:
        return Decimal(0)
    return Decimal(found[1]) * _SUFFIXES[found[2]]


def slices(nodes: tuple[NodeAnswer, ...], pods: tuple[PodAnswer, ...]) -> tuple[Gpus, ...]:
    """The GPU slices of each machine that has some, and the pods that hold them until they end."""
    held: dict[str, list[Holder]] = {}
    for pod in pods:
        count = sum(int(quantity((one.resources.limits or {}).get(GPU, "0"))) for one in pod.spec.containers)
        if count and pod.spec.node and pod.status.phase not in ("Succeeded", "Failed"):
            holder = Holder(namespace=pod.metadata.namespace, pod=pod.metadata.name, slices=count)
            held.setdefault(pod.spec.node, []).append(holder)
    return tuple(
        Gpus(
            node=one.metadata.name,
            model=one.metadata.labels.get(MODEL),
            slices=int(quantity(one.status.allocatable[GPU])),
            used=sum(holder.slices for holder in held.get(one.metadata.name, [])),
            by=tuple(held.get(one.metadata.name, [])),
        )
        for one in sorted(nodes, key=lambda one: one.metadata.name)
        if int(quantity(one.status.allocatable.get(GPU, "0")))
    )


def _node(node: NodeAnswer) -> Node:
    conditions = {one.kind: one.status for one in node.status.conditions}
    trouble = []
    if conditions.get("Ready") == "Unknown":
        trouble.append("doesn't answer any more")
    elif conditions.get("Ready") != "True":
        trouble.append("isn't ready")
    for kind, words in (
        ("MemoryPressure", "memory"),
        ("DiskPressure", "disk space"),
        ("PIDPressure", "process numbers"),
    ):
        if conditions.get(kind) == "True":
            trouble.append(f"runs out of {words}")
    if node.spec.unschedulable:
        trouble.append("takes no new pods: it is cordoned")
    allocatable = node.status.allocatable
    return Node(
        name=plain(node.metadata.name),
        ready=conditions.get("Ready") == "True",
        version=plain(node.status.info.version),
        cpus=float(quantity(allocatable.get("cpu", "0"))),
        memory_bytes=int(quantity(allocatable.get("memory", "0"))),
        gpus=int(quantity(allocatable.get(GPU, "0"))),
        trouble=tuple(trouble),
    )


def _age(metadata: Metadata, at: datetime) -> timedelta:
    return max(at - metadata.created, timedelta(0)) if metadata.created is not None else timedelta.max


def _troubled(pods: tuple[PodAnswer, ...], at: datetime) -> list[Pod]:
    told = (
        (one, _trouble(one)) for one in pods if one.metadata.deleted is None and _age(one.metadata, at) > SETTLES_WITHIN
    )
    return sorted(
        (
            Pod(namespace=one.metadata.namespace, name=one.metadata.name, node=one.spec.node, reason=plain(why, 80))
            for one, why in told
            if why is not None
        ),
        key=lambda one: (one.namespace, one.name),
    )


def _trouble(pod: PodAnswer) -> str | None:
    """Why a pod doesn't run, in Kubernetes' own word if it has one: CrashLoopBackOff, Unschedulable."""
    if pod.status.phase == "Succeeded":
        return None
    for one in (*(pod.status.beginning or ()), *(pod.status.containers or ())):
        if one.state.waiting is not None and one.state.waiting.reason not in (None, "PodInitializing"):
            return one.state.waiting.reason
    for condition in pod.status.conditions or ():
        if condition.kind == "PodScheduled" and condition.status == "False":
            return condition.reason or "Unschedulable"
    if pod.status.phase != "Running":
        return pod.status.reason or pod.status.phase
    unready = [one.name for one in pod.status.containers or () if not one.ready]
    return f"{', '.join(unready)} isn't ready" if unready else None


def _volume(claim: ClaimAnswer) -> Volume:
    size = claim.status.capacity.storage if claim.status.capacity is not None else None
    return Volume(
        namespace=claim.metadata.namespace,
        name=claim.metadata.name,
        phase=plain(claim.status.phase, 40),
        size_bytes=int(quantity(size)) if size is not None else None,
    )
