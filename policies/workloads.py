"""The pods of every kind of Kubernetes resource that makes some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from policies.fault import Fault
from policies.field import Field
from policies.pod import POD, Pod, without_spec
from policies.resource import Resource
from policies.shape import TEXT, Shape, cut

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

    namespace: the place of the namespace's name, which may be unknown; nothing there means the provider's own.
    faults: what of it Kubernetes can't read.
    """

    pod: Pod
    namespace: Field
    faults: tuple[Fault, ...] = ()


def _shape(template: tuple[str, ...]) -> Mapping[str, Shape]:
    shape: Mapping[str, Shape] = POD
    for key in reversed(template):
        shape = {key: shape}
    return {**shape, "metadata": {**_mapping(shape.get("metadata")), "namespace": TEXT}}


def _mapping(shape: Shape | None) -> Mapping[str, Shape]:
    return shape if isinstance(shape, Mapping) else {}


_SHAPES: Final = {kind: _shape(template) for kind, template in _TEMPLATES.items()}


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
    return Workload(pod, place.get("metadata", "namespace"), tuple(faults or without_spec(pod)))
