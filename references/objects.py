"""The rendered objects, to look things up in: by kind, namespace and name, and pods by their labels."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from references.place import Place

TEMPLATES: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where each kind keeps its pod."""

_SUFFIXES: Final[Mapping[str, Decimal]] = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    "m": Decimal("0.001"),
}


@dataclass(frozen=True, eq=False)
class Pods:
    """The pods that one controller keeps, or one pod by itself."""

    whole: Place
    kind: str
    namespace: str
    name: str

    @property
    def template(self) -> Place:
        """The pod: `metadata` and `spec`."""
        return self.whole.get(*TEMPLATES[self.kind])

    @property
    def spec(self) -> Place:
        """The pod's spec."""
        return self.template.get("spec")

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's labels."""
        return self.template.get("metadata", "labels").value or {}

    @property
    def host_network(self) -> bool:
        """Whether it lives on its node's network, where NetworkPolicies don't reach."""
        return self.spec.get("hostNetwork").value is True

    @property
    def nodes(self) -> frozenset[str] | None:
        """The nodes, by name, that it is bound to; None for any."""
        terms = self.spec.get(
            "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"
        )
        bound: set[str] = set()
        for term in terms.items():
            names = [
                set(one.get("values").value or ())
                for one in term.get("matchExpressions").items()
                if one.get("key").value == "kubernetes.io/hostname" and one.get("operator").value == "In"
            ]
            if not names:
                return None
            bound |= set.intersection(*names)
        return frozenset(bound) if terms.value else None

    def containers(self) -> Iterator[Place]:
        """Init containers, then the others."""
        yield from self.spec.get("initContainers").items()
        yield from self.spec.get("containers").items()

    def ports(self) -> Iterator[tuple[str | None, str, int]]:
        """Name, protocol and number of each port that its containers open."""
        for container in self.containers():
            yield from ports(container)

    def opens(self, port: Any, protocol: str = "TCP") -> int | None:
        """The number of the port that `port`, a name or a number, stands for; None when no container opens it."""
        for name, of, number in self.ports():
            if of == protocol and port in (name, number):
                return number
        return None

    def volumes(self) -> dict[str, Place]:
        """The pod's volumes by name, with those that a StatefulSet claims for each pod."""
        own = {one.get("name").text: one for one in self.spec.get("volumes").items()}
        claimed = self.whole.get("spec", "volumeClaimTemplates").items()
        return own | {one.get("metadata", "name").text: one for one in claimed}

    def volume_at(self, container: Place, path: str) -> tuple[Place, Place | None, str] | None:
        """The mount that a path of the container lies on, its volume, and the rest of the path; None for the image's
        own files."""
        best: Place | None = None
        for mount in container.get("volumeMounts").items():
            if below(path, mount.get("mountPath").text) is not None and (
                best is None or len(mount.get("mountPath").text) > len(best.get("mountPath").text)
            ):
                best = mount
        if best is None:
            return None
        rest = below(path, best.get("mountPath").text) or ""
        return best, self.volumes().get(best.get("name").text), rest


def ports(container: Place) -> Iterator[tuple[str | None, str, int]]:
    """Name, protocol and number of each port that a container opens."""
    for port in container.get("ports").items():
        number = port.get("containerPort").value
        if isinstance(number, int):
            yield port.get("name").value, port.get("protocol").value or "TCP", number


def env(container: Place) -> dict[str, Place]:
    """The container's environment: each entry by its name."""
    return {one.get("name").text: one for one in container.get("env").items()}


def repository(container: Place) -> str:
    """The container's image without tag and digest."""
    name = container.get("image").text.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]


def tag(container: Place) -> str:
    """The tag of the container's image."""
    return container.get("image").text.partition("@")[0].rpartition("/")[2].partition(":")[2]


def below(path: str, folder: str) -> str | None:
    """What is left of `path` below `folder`: "" for the folder itself, None when it lies elsewhere."""
    path, folder = posixpath.normpath(path), posixpath.normpath(folder)
    if path == folder:
        return ""
    prefix = folder.rstrip("/") + "/"
    return path.removeprefix(prefix) if path.startswith(prefix) else None


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity as a number; None for what isn't one."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]*)", str(value))
    if match is None or match[2] not in _SUFFIXES:
        return None
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def matches(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Whether labels have everything that a selector's `matchLabels` asks for."""
    return all(labels.get(key) == value for key, value in (selector or {}).items())


class Objects:
    """Everything that the program renders."""

    def __init__(self, objects: Iterable[Mapping[str, Any]]) -> None:
        self.all: list[Place] = []
        self._named: dict[tuple[str, str | None, str], Place] = {}
        for one in objects:
            metadata = one.get("metadata") or {}
            kind, namespace, name = one["kind"], metadata.get("namespace"), metadata.get("name", "")
            place = Place(f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}", "", one)
            self.all.append(place)
            self._named[kind, namespace, name] = place
        self.pods = [
            Pods(one, kind_of(one), namespace_of(one), name_of(one)) for one in self.all if kind_of(one) in TEMPLATES
        ]

    def of(self, *kinds: str) -> list[Place]:
        """Every object of these kinds."""
        return [one for one in self.all if kind_of(one) in kinds]

    def find(self, kind: str, name: Any, namespace: str | None = None) -> Place | None:
        """The object of this name, in a namespace where its kind lives in one."""
        return self._named.get((kind, namespace, name)) if isinstance(name, str) else None

    def names(self, kind: str, namespace: str | None = None) -> list[str]:
        """What objects of a kind are called, in a namespace where the kind lives in one."""
        return [name for of, where, name in self._named if of == kind and where == namespace]

    def selected(self, namespace: str, labels: Mapping[str, str] | None) -> list[Pods]:
        """The pods of a namespace that have all the labels."""
        return [one for one in self.pods if one.namespace == namespace and matches(labels, one.labels)]


def kind_of(one: Place) -> str:
    """An object's kind."""
    return one.get("kind").text


def name_of(one: Place) -> str:
    """An object's name."""
    return one.get("metadata", "name").text


def namespace_of(one: Place) -> str:
    """The namespace that an object lives in; `default` where it says none."""
    return one.get("metadata", "namespace").text or "default"


def keys(one: Place) -> list[str] | None:
    """The keys of a Secret or ConfigMap; None where they can't be seen, since the whole of it is hidden."""
    found: list[str] = []
    for part in ("data", "stringData", "binaryData"):
        held = one.get(part)
        if isinstance(held.value, dict):
            found += held.value
        elif not held.absent:
            return None
    return found
