"""What pods ask of a node, read off objects of the Kubernetes API. Imports quantities and the model's taints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from home.nodes import Taint
from home.quantities import to_bytes, to_millicores

SLICE = "nvidia.com/gpu"
HOSTNAME = "kubernetes.io/hostname"
ARCHITECTURE = "kubernetes.io/arch"

Object = Mapping[str, Any]
"""An object of the Kubernetes API, or a part of one, as plain data."""


@dataclass(frozen=True)
class Requirement:
    """One expression of a node selector, as in `kubernetes.io/arch In [arm64]`."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels meets it. Raises ValueError for an operator that Kubernetes has not."""
        found = labels.get(self.key)
        match self.operator:
            case "In":
                return found in self.values
            case "NotIn":
                return found not in self.values
            case "Exists":
                return found is not None
            case "DoesNotExist":
                return found is None
            case "Gt" | "Lt":
                if found is None or not found.lstrip("-").isdigit():
                    return False
                return int(found) > int(self.values[0]) if self.operator == "Gt" else int(found) < int(self.values[0])
        raise ValueError(f'"{self.operator}" is no operator of a node selector')

    def __str__(self) -> str:
        values = f" [{', '.join(self.values)}]" if self.values else ""
        return f"{self.key} {self.operator}{values}"


@dataclass(frozen=True)
class Toleration:
    """A taint, or many, that a pod puts up with. Empty fields match everything, as in the API."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def covers(self, taint: Taint) -> bool:
        """Whether the pod may be placed on a node in spite of this taint."""
        if self.effect not in ("", taint.effect) or self.key not in ("", taint.key):
            return False
        return self.operator == "Exists" or (self.key != "" and self.value == (taint.value or ""))


@dataclass(frozen=True)
class Demand:
    """Pods of one kind and what each asks for: `cpu` in thousandths of a core, `memory` in bytes, `slices` of a card.

    A limit is None where one of the containers has none.
    """

    namespace: str
    name: str
    pods: int | None = 1
    """How many; None for one on each node that admits them, as of a DaemonSet."""
    cpu: int = 0
    memory: int = 0
    slices: int = 0
    cpu_limit: int | None = None
    memory_limit: int | None = None
    most_slices: int = 0
    """The slices of the one container that asks for most: where a card is time-sliced, more than one is refused."""
    selector: tuple[Requirement, ...] = ()
    """What a node has to meet, all of it."""
    terms: tuple[tuple[Requirement, ...], ...] | None = None
    """Of these, a node has to meet one in full; None for no such condition."""
    tolerations: tuple[Toleration, ...] = ()
    unknown_resources: tuple[str, ...] = ()
    """Resources that it asks for and that no node of a home offers."""
    unweighed: tuple[str, ...] = field(default=())
    """Fields of the pod that bear on where it may run and that are not simulated."""

    @property
    def full_name(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether the pod's node selector and affinity let it on a node with these labels."""
        if not all(one.holds(labels) for one in self.selector):
            return False
        return self.terms is None or any(term and all(one.holds(labels) for one in term) for term in self.terms)

    def untolerated(self, taints: Iterable[Taint]) -> Taint | None:
        """The first of a node's taints that keeps the pod away."""
        hard = (taint for taint in taints if taint.effect != "PreferNoSchedule")
        return next((taint for taint in hard if not any(one.covers(taint) for one in self.tolerations)), None)


_ADDONS = (
    Toleration("CriticalAddonsOnly", "Exists"),
    Toleration("node-role.kubernetes.io/control-plane", "Exists", effect="NoSchedule"),
)

# Sizes as in K3s' own manifests: manifests/coredns.yaml, metrics-server/metrics-server-deployment.yaml and
# local-storage.yaml. Traefik and its load balancer are switched off in a home: every way in is a door.
K3S: tuple[Demand, ...] = (
    Demand("kube-system", "coredns", 1, 100, 70 * 2**20, memory_limit=170 * 2**20, tolerations=_ADDONS),
    Demand("kube-system", "metrics-server", 1, 100, 70 * 2**20, tolerations=_ADDONS),
    Demand("kube-system", "local-path-provisioner", 1, tolerations=_ADDONS),
)
"""The pods that K3s brings along. They may land on any node, so they are placed like every other."""


def demands_of(objects: Iterable[Object]) -> tuple[Demand, ...]:
    """The demands of every Deployment, StatefulSet, DaemonSet, Job, CronJob and pod without an owner in `objects`.

    Other kinds are passed over; a List is opened. A CronJob counts as if one of its jobs ran, what is scaled to zero,
    suspended or finished as nothing. K3s' own pods are added, unless `objects` already has them, as those of a running
    cluster do. Raises ValueError for a quantity that Kubernetes would refuse.
    """
    found = tuple(_read(objects))
    given = {demand.full_name for demand in found}
    return (*found, *(demand for demand in K3S if demand.full_name not in given))


def _read(objects: Iterable[Object]) -> Iterator[Demand]:
    for one in objects:
        kind, spec = one.get("kind", ""), one.get("spec") or {}
        if kind.endswith("List"):
            yield from _read(one.get("items") or ())
            continue
        owned = bool((one.get("metadata") or {}).get("ownerReferences"))
        match kind:
            case "Deployment" | "StatefulSet":
                yield from _pods(one, spec["template"]["spec"], spec.get("replicas", 1))
            case "ReplicaSet" if not owned:
                yield from _pods(one, spec["template"]["spec"], spec.get("replicas", 1))
            case "DaemonSet":
                yield _demand(one, spec["template"]["spec"], None)
            case "Job" if not owned and not spec.get("suspend") and not _is_finished(one):
                yield from _pods(one, spec["template"]["spec"], spec.get("parallelism", 1))
            case "CronJob" if not spec.get("suspend"):
                job = spec["jobTemplate"]["spec"]
                yield from _pods(one, job["template"]["spec"], job.get("parallelism", 1))
            case "Pod" if not owned and (one.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                yield _demand(one, spec, 1)


def _is_finished(job: Object) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(one.get("type") in ("Complete", "Failed") and one.get("status") == "True" for one in conditions)


def _pods(owner: Object, pod: Object, count: int) -> Iterator[Demand]:
    if count > 0:
        yield _demand(owner, pod, count)


def _demand(owner: Object, pod: Object, count: int | None) -> Demand:
    metadata = owner["metadata"]
    asked = _asked(pod)
    limits = [(one.get("resources") or {}).get("limits") or {} for one in pod.get("containers") or ()]
    affinity = pod.get("affinity") or {}
    node_affinity = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    selector = [Requirement(key, "In", (value,)) for key, value in (pod.get("nodeSelector") or {}).items()]
    if pod.get("nodeName"):
        selector.append(Requirement(HOSTNAME, "In", (pod["nodeName"],)))
    every_container = (*(pod.get("containers") or ()), *(pod.get("initContainers") or ()))
    return Demand(
        namespace=metadata.get("namespace") or "default",
        name=metadata.get("name") or metadata.get("generateName", ""),
        pods=count,
        cpu=asked.get("cpu", 0),
        memory=asked.get("memory", 0),
        slices=asked.get(SLICE, 0),
        cpu_limit=sum(to_millicores(str(one["cpu"])) for one in limits)
        if all("cpu" in one for one in limits)
        else None,
        memory_limit=sum(to_bytes(str(one["memory"])) for one in limits)
        if all("memory" in one for one in limits)
        else None,
        most_slices=max((_requests(one).get(SLICE, 0) for one in every_container), default=0),
        selector=tuple(selector),
        terms=None if node_affinity is None else tuple(map(_term, node_affinity.get("nodeSelectorTerms") or ())),
        tolerations=tuple(
            Toleration(**{key: one[key] for key in ("key", "operator", "value", "effect") if one.get(key)})
            for one in pod.get("tolerations") or ()
        ),
        unknown_resources=tuple(sorted(set(asked) - {"cpu", "memory", "ephemeral-storage", SLICE})),
        unweighed=tuple(_unweighed(pod, affinity)),
    )


def _term(term: Object) -> tuple[Requirement, ...]:
    expressions = [*(term.get("matchExpressions") or ())]
    # The only field that Kubernetes matches is the node's name.
    expressions += [{**one, "key": HOSTNAME} for one in term.get("matchFields") or ()]
    return tuple(Requirement(one["key"], one["operator"], tuple(one.get("values") or ())) for one in expressions)


def _unweighed(pod: Object, affinity: Object) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        if (affinity.get(kind) or {}).get("requiredDuringSchedulingIgnoredDuringExecution"):
            yield f"affinity.{kind}"
    spread = pod.get("topologySpreadConstraints") or ()
    if any(one.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule" for one in spread):
        yield "topologySpreadConstraints"


def _asked(pod: Object) -> dict[str, int]:
    """What the scheduler counts: the containers and sidecars together, or the largest step on the way to them."""
    sidecars: dict[str, int] = {}
    highest: dict[str, int] = {}
    for one in pod.get("initContainers") or ():
        step = _sum(sidecars, _requests(one))
        if one.get("restartPolicy") == "Always":
            sidecars = step
        highest = _highest(highest, step)
    running = sidecars
    for one in pod.get("containers") or ():
        running = _sum(running, _requests(one))
    return _highest(highest, running)


def _requests(container: Object) -> dict[str, int]:
    """A container's requests; what it only limits, it requests as well."""
    given = container.get("resources") or {}
    asked = {**(given.get("limits") or {}), **(given.get("requests") or {})}
    counted = {name: to_millicores if name == "cpu" else to_bytes for name in asked}
    return {name: count(str(asked[name])) for name, count in counted.items()}


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in (*one, *other)}


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in (*one, *other)}
