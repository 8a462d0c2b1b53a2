"""The rooms as the page shows them: each component of the program, with what runs in it and what that may do."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from home import Door
from home.fit import Demand
from home.quantities import to_bytes
from home.wording import listed, number
from render import Registration
from tour import words
from tour.objects import (
    CONTROLLERS,
    DEVIATION,
    EGRESS_REASON,
    LEVEL,
    Talk,
    claims_of,
    containers_of,
    key_of,
    nodes_of,
    of_kind,
    pod_of,
    selects,
    talkers_of,
    talks_of,
)
from tour.survey import Object, Survey

Key = tuple[str, str]
"""A namespace, and a name in it."""


@dataclass(frozen=True)
class Namespace:
    """A namespace, and the Pod Security level that it enforces."""

    name: str
    level: str


@dataclass(frozen=True)
class Deviation:
    """What a workload may do beyond the hardened default, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Workload:
    """Pods of one kind.

    pods: how many and where, in words. asks: what each requests. talks_to, reached_by: what its NetworkPolicies allow;
    egress_reason says why it may leave the cluster. on_host_network: NetworkPolicies don't apply to it.
    """

    name: str
    namespace: str
    kind: str
    pods: str
    asks: str
    user: str
    images: tuple[str, ...]
    talks_to: tuple[Talk, ...]
    egress_reason: str
    reached_by: tuple[Talk, ...]
    on_host_network: bool
    deviations: tuple[Deviation, ...]


@dataclass(frozen=True)
class Volume:
    """A claim that the room's workloads mount. kept: its data outlives its removal from the home."""

    name: str
    size: str
    where: str
    kept: bool
    read_only: bool
    mounted_by: tuple[str, ...]


@dataclass(frozen=True)
class Room:
    """One component. app: its name in the home's config, empty for what other rooms stand on."""

    name: str
    title: str
    app: str
    tint: int | None
    what: str
    creates: str
    node: str
    doors: tuple[Door, ...]
    namespaces: tuple[Namespace, ...]
    workloads: tuple[Workload, ...]
    volumes: tuple[Volume, ...]
    declares: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Planned:
    """An app that the home describes and that no component declares yet."""

    name: str
    title: str
    what: str
    node: str
    doors: tuple[Door, ...]


def rooms(survey: Survey, tints: Mapping[str, int]) -> tuple[Room, ...]:
    """Every component at the top of the program: what others stand on first, then the apps as the home lists them."""
    by_key = {words.key(name): name for name in survey.home.app_names}
    kept = {
        key_of(one.inputs)
        for one in survey.evaluation.registrations
        if one.type.endswith(":PersistentVolumeClaim") and one.retain_on_delete
    }
    found = [
        _room(survey, one, children, by_key.get(words.key(one.name), ""), tints, kept)
        for one, children in components(survey.evaluation.registrations)
    ]
    order = {name: number for number, name in enumerate(survey.home.app_names)}
    return tuple(sorted(found, key=lambda room: (order.get(room.app, -1), _BASE.get(room.name, len(_BASE)), room.name)))


# What rooms stand on, from the ground up.
_BASE = {"cluster": 0, "gpu": 1, "storage": 2}


def planned(survey: Survey, declared: Iterable[str]) -> tuple[Planned, ...]:
    """The apps that the home describes and that are no rooms yet."""
    there = set(declared)
    fields = {
        field.alias or name: field.description or "" for name, field in type(survey.home.apps).model_fields.items()
    }
    return tuple(
        Planned(name, words.title(name), fields[name], app.node or "", app.doors)
        for name, app in survey.home.apps.by_name.items()
        if name not in there
    )


def components(registrations: Iterable[Registration]) -> list[tuple[Registration, list[Registration]]]:
    """The components at the top of the program, each with every resource below it."""
    by_urn = {one.urn: one for one in registrations}
    below: dict[str, list[Registration]] = {one.urn: [] for one in by_urn.values() if _is_top(one, by_urn)}
    for one in by_urn.values():
        above = one
        while above.parent in by_urn:
            above = by_urn[above.parent]
        if above is not one and above.urn in below:
            below[above.urn].append(one)
    return [(by_urn[urn], children) for urn, children in sorted(below.items())]


def app_of(found: Iterable[Room]) -> dict[Key, str]:
    """The app that each workload belongs to."""
    return {(one.namespace, one.name): room.app for room in found if room.app for one in room.workloads}


def _is_top(one: Registration, by_urn: Mapping[str, Registration]) -> bool:
    return not one.custom and one.parent not in by_urn


def _room(
    survey: Survey,
    component: Registration,
    children: Iterable[Registration],
    app_name: str,
    tints: Mapping[str, int],
    kept: set[Key],
) -> Room:
    resources = [one for one in children if one.custom and not one.read]
    own = {key_of(one.inputs) for one in resources if _kind(one) in CONTROLLERS}
    controllers = [one for one in of_kind(survey.objects, *CONTROLLERS) if key_of(one) in own]
    namespaces = sorted({namespace for namespace, _ in own})
    levels = {one["metadata"]["name"]: _level(one) for one in of_kind(survey.objects, "Namespace")}
    app = survey.home.apps.by_name.get(app_name)
    said = words.description(component.type.rpartition(":")[2])
    shown = {*CONTROLLERS, "PersistentVolumeClaim"} if controllers else set()
    counts = Counter(_kind(one) for one in resources if _kind(one) not in shown)
    return Room(
        name=component.name,
        title=words.title(app_name or component.name),
        app=app_name,
        tint=tints.get(app_name),
        what=said.what,
        creates=said.creates,
        node=app.node or "" if app else "",
        doors=app.doors if app else (),
        namespaces=tuple(Namespace(name, levels.get(name, "")) for name in namespaces),
        workloads=tuple(_workload(survey, one) for one in controllers),
        volumes=tuple(_volumes(survey, controllers, kept)),
        declares=tuple(sorted(counts.items())),
    )


def _kind(one: Registration) -> str:
    return one.type.rpartition(":")[2].removesuffix("Patch")


def _level(namespace: Object) -> str:
    return str((namespace["metadata"].get("labels") or {}).get(LEVEL, "no level"))


def _workload(survey: Survey, controller: Object) -> Workload:
    namespace, name = key_of(controller)
    pod = pod_of(controller)
    metadata = pod.get("metadata") or {}
    policies = [
        one
        for one in of_kind(survey.objects, "NetworkPolicy")
        if key_of(one)[0] == namespace and selects(one, metadata.get("labels") or {})
    ]
    reasons = [one["metadata"].get("annotations", {}).get(EGRESS_REASON) for one in policies]
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    demand = next(one for one in survey.demands if (one.namespace, one.name) == (namespace, name))
    user = (pod["spec"].get("securityContext") or {}).get("runAsUser")
    return Workload(
        name=name,
        namespace=namespace,
        kind=controller["kind"],
        pods=_pods(demand, nodes_of(pod)),
        asks=_asks(demand),
        user="root" if user == 0 else f"user {user}" if user is not None else "the image's user",
        images=tuple(dict.fromkeys(str(one["image"]) for one in containers_of(pod))),
        talks_to=tuple(itertools.chain.from_iterable(map(talks_of, policies))),
        egress_reason="; ".join(reason for reason in reasons if reason),
        reached_by=tuple(itertools.chain.from_iterable(map(talkers_of, policies))),
        on_host_network=bool(pod["spec"].get("hostNetwork")),
        deviations=tuple(
            Deviation(key.removeprefix(DEVIATION), reason)
            for key, reason in sorted(annotations.items())
            if key.startswith(DEVIATION)
        ),
    )


def _pods(demand: Demand, nodes: tuple[str, ...]) -> str:
    if demand.pods is not None:
        where = listed(nodes, "or") if nodes else "any machine in service"
        return f"{number(demand.pods, 'pod')} on {where}"
    if len(nodes) == 1:
        return f"1 pod on {nodes[0]}"
    return f"1 pod on each of {listed(nodes)}" if nodes else "1 pod on each machine in service"


def _asks(demand: Demand) -> str:
    memory = words.memory(demand.memory)
    if demand.memory_limit is None:
        memory += " memory, no limit"
    elif demand.memory_limit > demand.memory:
        memory += f" memory, at most {words.memory(demand.memory_limit)}"
    else:
        memory += " memory"
    slices = f", {number(demand.slices, 'GPU slice')}" if demand.slices else ""
    return f"{words.cpu(demand.cpu)} CPU, {memory}{slices}"


def _volumes(survey: Survey, controllers: Iterable[Object], kept: set[Key]) -> Iterator[Volume]:
    mounts: dict[Key, dict[str, bool]] = {}
    for controller in controllers:
        namespace, name = key_of(controller)
        for claim, read_only in claims_of(pod_of(controller)).items():
            mounts.setdefault((namespace, claim), {})[name] = read_only
    claims = {key_of(one): one for one in of_kind(survey.objects, "PersistentVolumeClaim")}
    shares = shares_by_claim(survey)
    for key, by in sorted(mounts.items()):
        if key not in claims:
            continue
        spec = claims[key]["spec"]
        yield Volume(
            name=key[1],
            size=words.disk(to_bytes(spec["resources"]["requests"]["storage"])),
            where=_where(shares.get(key), spec),
            kept=key in kept,
            read_only=all(by.values()),
            mounted_by=tuple(by),
        )


def _where(share: str | None, spec: Mapping[str, Any]) -> str:
    if share:
        return f"share {share} of the NAS"
    return "local disk" if spec.get("storageClassName") else "a volume made by hand"


def shares_by_claim(survey: Survey) -> dict[Key, str]:
    """The NAS share that each claim on one leads to, by its name in the home."""
    found: dict[Key, str] = {}
    for volume in of_kind(survey.objects, "PersistentVolume"):
        spec = volume["spec"]
        claim, attributes = spec.get("claimRef"), (spec.get("csi") or {}).get("volumeAttributes") or {}
        if claim is None:
            continue
        for share in survey.home.shares:
            source = str(attributes.get("source") or attributes.get("share") or "")
            if source == share.path or (share.protocol == "smb" and source.endswith(f"/{share.path}")):
                found[claim["namespace"], claim["name"]] = share.name
    return found
