"""The pods of every kind of Kubernetes resource that makes some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from policies.fault import Fault
from policies.field import Field
from policies.pod import POD, Pod, without_spec
from policies.resource import Resource
from policies.shape import INTEGER, TEXT, Shape, cut

# Groups that ever had a pod-bearing kind: `extensions` and the beta versions are gone from the API, but the SDK still
# has them.
_GROUPS: Final = frozenset(("core", "apps", "batch", "extensions"))

_TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "ReplicationController": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind keeps its pod."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A pod that a resource makes.

    kind: of the resource, as in `Deployment`.
    namespace: the place of the namespace's name, which may be unknown; nothing there means the provider's own.
    replicas: the place of how many pods there are of it: nothing there means one, and for a DaemonSet one a node.
    faults: what of it Kubernetes can't read.
    """

    kind: str
    pod: Pod
    namespace: Field
    replicas: Field
    faults: tuple[Fault, ...] = ()

    @property
    def ends(self) -> bool:
        """Whether its pods are there to end: they do a piece of work."""
        if self.kind in ("Job", "CronJob"):
            return True
        return self.kind == "Pod" and self.pod.spec.get("restartPolicy").value in ("Never", "OnFailure")


_REPLICAS: Final[Mapping[str, tuple[str, ...]]] = {
    "ReplicationController": ("spec", "replicas"),
    "ReplicaSet": ("spec", "replicas"),
    "Deployment": ("spec", "replicas"),
    "StatefulSet": ("spec", "replicas"),
    "Job": ("spec", "parallelism"),
    "CronJob": ("spec", "jobTemplate", "spec", "parallelism"),
}
"""Where each kind says how many pods it keeps at once."""


def _shape(kind: str) -> Mapping[str, Shape]:
    shape = _merged(_nested(_TEMPLATES[kind], POD), {"metadata": {"namespace": TEXT}})
    return _merged(shape, _nested(_REPLICAS[kind], INTEGER)) if kind in _REPLICAS else shape


def _nested(keys: tuple[str, ...], shape: Shape) -> Mapping[str, Shape]:
    for key in reversed(keys):
        shape = {key: shape}
    return _mapping(shape)


def _merged(one: Mapping[str, Shape], other: Mapping[str, Shape]) -> Mapping[str, Shape]:
    both = {key: _merged(_mapping(one[key]), _mapping(other[key])) for key in one.keys() & other.keys()}
    return {**one, **other, **both}


def _mapping(shape: Shape | None) -> Mapping[str, Shape]:
    return shape if isinstance(shape, Mapping) else {}


_SHAPES: Final = {kind: _shape(kind) for kind in _TEMPLATES}


def bears_pods(resource: Resource) -> bool:
    """Whether it is of a kind that makes pods, or a list of such."""
    return resource.group in _GROUPS and resource.kind.removesuffix("List") in _TEMPLATES


def workloads(resource: Resource) -> Iterator[Workload]:
    """The pods that a resource makes: one for each of its kind, several for a list of them, none for other kinds."""
    if not bears_pods(resource):
        return
    kind = resource.kind.removesuffix("List")
    if kind == resource.kind:
        yield _workload(Field("", resource.props), kind)
        return
    for item in resource.root.get("items").items():
        yield _workload(item, kind)


def _workload(place: Field, kind: str) -> Workload:
    whole, faults = cut(place.value, _SHAPES[kind], place.path)
    place = Field(place.path, whole)
    pod = Pod(place.get(*_TEMPLATES[kind]))
    replicas = place.get(*_REPLICAS[kind]) if kind in _REPLICAS else Field("", None)
    return Workload(kind, pod, place.get("metadata", "namespace"), replicas, tuple(faults or without_spec(pod)))
