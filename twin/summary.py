"""What the twin's cluster looks like to a person: what runs where, what it takes, what doesn't run and why.

Pure: plain API objects in, rows and sentences out; `show` puts them on a console. Slices are `nvidia.com/gpu`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from home.quantities import parse
from twin.api import Api
from twin.controllers import pods
from twin.marks import GPU

SLICE = "nvidia.com/gpu"

_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
_GIBIBYTE = 2**30

# Columns of text from which there is room for the machines behind the nodes.
_WIDE = 130

Objects = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Snapshot:
    """The cluster's objects at one moment, as the API server gives them."""

    nodes: Objects = ()
    pods: Objects = ()
    replica_sets: Objects = ()
    stateful_sets: Objects = ()
    daemon_sets: Objects = ()
    jobs: Objects = ()
    claims: Objects = ()
    volumes: Objects = ()
    events: Objects = ()


@dataclass(frozen=True)
class Commands:
    """How commands begin on this machine, as one would type them here."""

    twin: str = "python -m twin"
    kubectl: str = "kubectl"
    up: str = "make up"
    preview: str = "make preview"


@dataclass(frozen=True)
class NodeRow:
    """One node: what it is, and what of it is requested."""

    name: str
    state: str
    version: str
    cpu: str
    memory: str
    slices: str
    gpu: str
    machine: str


@dataclass(frozen=True)
class PodRow:
    """One pod: where it is and how."""

    namespace: str
    name: str
    node: str
    state: str
    slices: int
    runs: bool


@dataclass(frozen=True)
class Trouble:
    """Something that doesn't run or isn't there, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class VolumeRow:
    """One claim, and the volume behind it."""

    claim: str
    size: str
    storage_class: str
    state: str


def take(api: Api) -> Snapshot:
    """The cluster as it is now."""
    return Snapshot(
        nodes=api.list("Node"),
        pods=api.list("Pod"),
        replica_sets=api.list("ReplicaSet"),
        stateful_sets=api.list("StatefulSet"),
        daemon_sets=api.list("DaemonSet"),
        jobs=api.list("Job"),
        claims=api.list("PersistentVolumeClaim"),
        volumes=api.list("PersistentVolume"),
        events=api.list("Event"),
    )


def node_rows(snapshot: Snapshot) -> list[NodeRow]:
    """Every node, servers first."""
    ordered = sorted(
        snapshot.nodes, key=lambda node: (_CONTROL_PLANE not in node["metadata"].get("labels", {}), _name(node))
    )
    return [_node_row(node, _on(node, snapshot.pods)) for node in ordered]


def pod_rows(snapshot: Snapshot) -> list[PodRow]:
    """Every pod, by namespace and name, those of the system last."""
    rows = [_pod_row(pod) for pod in snapshot.pods]
    return sorted(rows, key=lambda row: (row.namespace in _SYSTEM_NAMESPACES, row.namespace, row.name))


def troubles(snapshot: Snapshot) -> list[Trouble]:
    """What doesn't run, and why: pods that wait, pods that were refused, claims without a volume."""
    waiting = [_waiting_pod(pod, snapshot) for pod in sorted(snapshot.pods, key=_key)]
    claims = [_waiting_claim(claim, snapshot) for claim in sorted(snapshot.claims, key=_key)]
    return [*filter(None, waiting), *refusals(snapshot), *filter(None, claims)]


def refusals(snapshot: Snapshot) -> list[Trouble]:
    """Workloads whose pods the API server refused. Such a pod never existed, so only its maker can tell."""
    found = []
    for maker in sorted(
        (*snapshot.replica_sets, *snapshot.stateful_sets, *snapshot.daemon_sets, *snapshot.jobs), key=_key
    ):
        if _lacks_pods(maker) and (message := _failed_create(maker, snapshot)):
            owner = next(iter(maker["metadata"].get("ownerReferences") or []), None)
            kind, name = (owner["kind"], owner["name"]) if owner else (maker["kind"], _name(maker))
            found.append(Trouble(f"{kind} {maker['metadata']['namespace']}/{name}", f"refused: {_refusal(message)}"))
    return found


def volume_rows(snapshot: Snapshot) -> list[VolumeRow]:
    """Every claim with its volume, then the volumes that outlived theirs."""
    volumes = {_name(volume): volume for volume in snapshot.volumes}
    rows = []
    for claim in sorted(snapshot.claims, key=_key):
        volume = volumes.pop(claim["spec"].get("volumeName") or "", None)
        size = (
            claim.get("status", {}).get("capacity", {}).get("storage")
            or claim["spec"]["resources"]["requests"]["storage"]
        )
        state = _whereabouts(volume) if volume else "waits"
        rows.append(VolumeRow(_key_text(claim), size, claim["spec"].get("storageClassName") or "", state))
    for volume in volumes.values():
        claim = volume["spec"].get("claimRef")
        was = f"{claim['namespace']}/{claim['name']}" if claim else "nobody's"
        phase = volume.get("status", {}).get("phase", "").lower()
        state = f"{phase}, {_whereabouts(volume)}"
        rows.append(
            VolumeRow(was, volume["spec"]["capacity"]["storage"], volume["spec"].get("storageClassName") or "", state)
        )
    return rows


def slices(snapshot: Snapshot, node: str) -> tuple[int, int]:
    """How many slices of the node pods hold, and how many it offers."""
    found = next((each for each in snapshot.nodes if _name(each) == node), None)
    if found is None:
        return 0, 0
    return sum(_slices(pod) for pod in _on(found, snapshot.pods)), _offered(found)


def why_unplaced(message: str) -> str:
    """The scheduler's reason, without what it says of preemption.

    >>> why_unplaced("0/2 nodes are available: 1 node(s) were unschedulable, 1 Insufficient cpu. preemption: …")
    'no node takes it: 1 were unschedulable, 1 Insufficient cpu'
    """
    reasons = re.sub(r"\s*preemption:.*", "", message, flags=re.DOTALL).rstrip(". ")
    reasons = reasons.replace("untolerated taint {node.kubernetes.io/unreachable: }", "an unreachable kubelet")
    found = re.fullmatch(r"0/\d+ nodes are available: (.*)", reasons, flags=re.DOTALL)
    return f"no node takes it: {found[1].replace(' node(s)', '')}" if found else reasons


def suggestions(snapshot: Snapshot, commands: Commands) -> list[tuple[str, str]]:
    """What a person may want to type next: commands, each with what it is for."""
    answering = [_name(node) for node in snapshot.nodes if pods.is_ready(node)]
    silent = [_name(node) for node in snapshot.nodes if not pods.is_ready(node)]
    own = [pod for pod in snapshot.pods if pods.namespace(pod) not in _SYSTEM_NAMESPACES]
    found = [] if own else [(commands.up, "put the home on it")]
    found.append((f"{commands.kubectl} get pods -A", "look around yourself"))
    busiest = max(answering, key=lambda name: sum(pods.node_name(pod) == name for pod in own), default=None)
    if busiest and own:
        found.append((f"{commands.twin} node {busiest} unknown", "see what the home does when it falls silent"))
    found += [(f"{commands.twin} node {name} ready", "have it answer again") for name in sorted(silent)]
    if own:
        found.append((commands.preview, "see what an edit would change"))
    return found


def show(console: Console, snapshot: Snapshot, commands: Commands, fit: str) -> None:
    """Print all of it; `fit` is what `home.fit.text` says of the home."""
    sections: list[tuple[str, RenderableType]] = [
        ("Nodes, and what pods request of them", _nodes_table(node_rows(snapshot), console.width))
    ]
    if rows := pod_rows(snapshot):
        sections.append(("What runs where", _pods_table(rows)))
    if volumes := volume_rows(snapshot):
        sections.append(("Volumes, and what becomes of them when their claim goes", _volumes_table(volumes)))
    if found := troubles(snapshot):
        sections.append(("What doesn't run, and why", _troubles_table(found)))
    sections.append(("Whether it fits", Text(fit)))
    sections.append(("What to try next", _suggestions_table(suggestions(snapshot, commands))))
    for title, content in sections:
        console.print(Group(Text(f"\n{title}", style="bold"), content))


def _node_row(node: Mapping[str, Any], placed: Objects) -> NodeRow:
    status = node["status"]
    allocatable, info = status.get("allocatable", {}), status.get("nodeInfo", {})
    cpu = sum((_requested(pod, "cpu") for pod in placed), Decimal(0))
    memory = sum((_requested(pod, "memory") for pod in placed), Decimal(0)) / _GIBIBYTE
    cores, gibibytes = parse(allocatable.get("cpu", "0")), parse(allocatable.get("memory", "0")) / _GIBIBYTE
    ready = pods.condition(node, "Ready").get("status")
    offered, cards = _offered(node), _cards(node)
    return NodeRow(
        name=_name(node),
        state={"True": "ready", "False": "not ready"}.get(str(ready), "unknown"),
        version=info.get("kubeletVersion", ""),
        cpu=f"{cpu:.2f} of {cores:.0f}",
        memory=f"{memory:.1f} of {gibibytes:.1f} Gi",
        slices=f"{sum(map(_slices, placed))} of {offered}" if offered else "none" if cards else "",
        gpu=cards,
        machine=f"{info.get('architecture', '')}, {info.get('osImage', '')}",
    )


def _cards(node: Mapping[str, Any]) -> str:
    """The cards of the machine, such as "2 x RTX 4060"; empty for none."""
    annotation = node["metadata"].get("annotations", {}).get(GPU)
    if not annotation:
        return ""
    cards: dict[str, Any] = json.loads(annotation)
    return f"{cards['count']} x {cards['model']}" if cards["count"] > 1 else str(cards["model"])


def _pod_row(pod: Mapping[str, Any]) -> PodRow:
    state = _pod_state(pod)
    return PodRow(
        namespace=pods.namespace(pod),
        name=_name(pod),
        node=pods.node_name(pod) or "-",
        state=state,
        slices=_slices(pod),
        runs=state in ("running", "completed"),
    )


def _pod_state(pod: Mapping[str, Any]) -> str:
    if pods.is_leaving(pod):
        return "leaving"
    phase = pods.phase(pod)
    if phase == "Succeeded":
        return "completed"
    if waiting := _waiting(pod):
        return str(waiting["reason"])
    if phase == "Running":
        return "running" if pods.is_ready(pod) else "running, not ready"
    return phase.lower()


def _waiting(pod: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Why the pod's first waiting container waits, if one does."""
    statuses = pod.get("status", {}).get("containerStatuses") or []
    found = (each["state"]["waiting"] for each in statuses if (each.get("state") or {}).get("waiting"))
    return next(found, None)


def _waiting_pod(pod: Mapping[str, Any], snapshot: Snapshot) -> Trouble | None:
    what = f"Pod {_key_text(pod)}"
    placed = pods.condition(pod, "PodScheduled")
    node = next((each for each in snapshot.nodes if _name(each) == pods.node_name(pod)), None)
    if pods.is_finished(pod):
        return Trouble(what, f"failed: {pod['status'].get('message', '')}") if pods.phase(pod) == "Failed" else None
    if node is not None and not pods.is_ready(node):
        how = "nobody knows whether it runs"
        if pods.is_leaving(pod):
            how = "can't be told to stop"
        elif pods.phase(pod) == "Pending":
            how = "can't start"
        return Trouble(what, f"{how}: {_name(node)} doesn't answer")
    if pods.is_leaving(pod):
        return None
    if placed.get("status") == "False":
        return Trouble(what, _with_slices(why_unplaced(placed.get("message", "")), snapshot))
    if waiting := _waiting(pod):
        return Trouble(what, f"{waiting['reason']}: {waiting.get('message', '')}")
    if not pods.is_ready(pod):
        return Trouble(what, "starts")
    return None


def _with_slices(reason: str, snapshot: Snapshot) -> str:
    """Add who has how many slices when those are what is missing."""
    if SLICE not in reason:
        return reason
    counts = {_name(node): slices(snapshot, _name(node)) for node in sorted(snapshot.nodes, key=_name)}
    taken = ", ".join(f"{name}: {used} of {all_} slices taken" for name, (used, all_) in counts.items() if all_)
    return f"{reason} ({taken or 'no node offers any slice: does a device plugin run?'})"


def _waiting_claim(claim: Mapping[str, Any], snapshot: Snapshot) -> Trouble | None:
    if claim.get("status", {}).get("phase") != "Pending":
        return None
    told = _last_event(claim, snapshot.events)
    return Trouble(f"PersistentVolumeClaim {_key_text(claim)}", told["message"] if told else "waits for a volume")


def _lacks_pods(maker: Mapping[str, Any]) -> bool:
    spec, status = maker["spec"], maker.get("status", {})
    match maker["kind"]:
        case "DaemonSet":
            return bool(status.get("currentNumberScheduled", 0) < status.get("desiredNumberScheduled", 0))
        case "Job":
            ever = status.get("active", 0) + status.get("succeeded", 0) + status.get("failed", 0)
            return bool(ever == 0 and not spec.get("suspend"))
        case _:
            return bool(status.get("replicas", 0) < spec.get("replicas", 1))


def _failed_create(maker: Mapping[str, Any], snapshot: Snapshot) -> str | None:
    condition = pods.condition(maker, "ReplicaFailure")
    if condition.get("status") == "True":
        return str(condition.get("message", ""))
    told = _last_event(maker, [event for event in snapshot.events if event["reason"] == "FailedCreate"])
    return str(told["message"]) if told else None


def _refusal(message: str) -> str:
    """The reason in the API server's words, without the pod's made-up name."""
    return re.sub(
        r'^(Error creating: |create Pod \S+ in \S+ \S+ failed error: )*pods "[^"]*" is forbidden: ', "", message
    )


def _last_event(about: Mapping[str, Any], events: Objects) -> Mapping[str, Any] | None:
    uid = about["metadata"].get("uid")
    ours = [event for event in events if event["involvedObject"].get("uid") == uid]
    return max(ours, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "", default=None)


def _whereabouts(volume: Mapping[str, Any]) -> str:
    spec = volume["spec"]
    kept = "kept" if spec.get("persistentVolumeReclaimPolicy") == "Retain" else "deleted"
    terms = spec.get("nodeAffinity", {}).get("required", {}).get("nodeSelectorTerms") or []
    nodes = [
        value for term in terms for each in term.get("matchExpressions") or [] for value in each.get("values") or []
    ]
    where = f"on {', '.join(nodes)}" if nodes else f"by {spec['csi']['driver']}" if "csi" in spec else "anywhere"
    return f"{where}, {kept}"


def _on(node: Mapping[str, Any], all_pods: Objects) -> list[Mapping[str, Any]]:
    """The pods that take of the node: those bound to it that have not ended."""
    return [pod for pod in all_pods if pods.node_name(pod) == _name(node) and not pods.is_finished(pod)]


def _requested(pod: Mapping[str, Any], resource: str) -> Decimal:
    """What the scheduler counts for the pod: all its containers, or the largest that initialises, whichever is more."""
    spec = pod["spec"]
    always = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    first = [each for each in spec.get("initContainers") or [] if each.get("restartPolicy") != "Always"]
    together = sum((_request(each, resource) for each in (*spec["containers"], *always)), Decimal(0))
    return max([together, *(_request(each, resource) for each in first)]) + _quantity(spec.get("overhead"), resource)


def _request(container: Mapping[str, Any], resource: str) -> Decimal:
    resources = container.get("resources") or {}
    return _quantity(resources.get("requests"), resource)


def _quantity(quantities: Mapping[str, Any] | None, resource: str) -> Decimal:
    return parse(str((quantities or {}).get(resource, "0")))


def _slices(pod: Mapping[str, Any]) -> int:
    return int(_requested(pod, SLICE) + _requested(pod, f"{SLICE}.shared"))


def _offered(node: Mapping[str, Any]) -> int:
    allocatable = node["status"].get("allocatable", {})
    return int(allocatable.get(SLICE, "0")) + int(allocatable.get(f"{SLICE}.shared", "0"))


def _name(thing: Mapping[str, Any]) -> str:
    return str(thing["metadata"]["name"])


def _key(thing: Mapping[str, Any]) -> tuple[str, str]:
    return str(thing["metadata"].get("namespace", "")), _name(thing)


def _key_text(thing: Mapping[str, Any]) -> str:
    return "/".join(filter(None, _key(thing)))


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="dim", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _nodes_table(rows: Iterable[NodeRow], width: int) -> Table:
    details = width >= _WIDE
    table = _table("node", "state", "K3s", "CPU", "memory", "slices", *(["GPU", "machine"] if details else []))
    for row in rows:
        state = Text(row.state, style="green" if row.state == "ready" else "yellow")
        more = [Text(detail, style="dim") for detail in (row.gpu, row.machine)] if details else []
        table.add_row(row.name, state, row.version, row.cpu, row.memory, row.slices, *more)
    return table


def _pods_table(rows: Iterable[PodRow]) -> Table:
    table = _table("namespace", "pod", "node", "state", "slices")
    shown = None
    for row in rows:
        namespace = "" if row.namespace == shown else row.namespace
        shown = row.namespace
        state = Text(row.state, style="green" if row.runs else "yellow")
        table.add_row(namespace, row.name, row.node, state, str(row.slices or ""))
    return table


def _volumes_table(rows: Iterable[VolumeRow]) -> Table:
    table = _table("claim", "size", "class", "volume")
    for row in rows:
        table.add_row(row.claim, row.size, row.storage_class, row.state)
    return table


def _troubles_table(rows: Iterable[Trouble]) -> Table:
    table = _table("what", "why")
    for row in rows:
        table.add_row(Text(row.what, style="yellow"), row.why)
    return table


def _suggestions_table(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, show_header=False)
    for command, purpose in rows:
        table.add_row(Text(command, style="bold cyan"), Text(purpose, style="dim"))
    return table
