"""The home's nodes against the demands on them: what is asked, what is free, what can't be placed and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from home.fit import placing
from home.fit.demands import ARCHITECTURE, HOSTNAME, Demand, Requirement
from home.model import Home
from home.nodes import Node
from home.problems import HomeError, Problem
from home.quantities import format_millicores
from home.wording import listed

Verdict = Literal["always", "depends on order", "never", "undecided"]

PODS_PER_NODE = 110
"""What a kubelet takes unless told otherwise; K3s leaves it at that."""

RESERVED_MEMORY_BYTES = 512 * 2**20
"""Of each node's memory, what is kept for the kernel and K3s itself: the least that K3s asks of an agent
(https://docs.k3s.io/installation/requirements). K3s reserves nothing unless told to, so a real node lets pods request
this much more than is said here. The twin's nodes keep the same. No CPU is kept: it can be shared out."""

_RESOURCES = ("CPU", "memory", "pods", "slices")
_WHERE = {"CPU": "cpus", "memory": "memory", "pods": "name", "slices": "gpu.sharing"}


@dataclass(frozen=True)
class Amount:
    """One resource of one node: CPU in thousandths of a core, memory in bytes, everything else in pieces.

    `requested` is what those ask for that can run nowhere else; `limit` what they may grow to, None where something
    has no limit; `there` what the node can give to pods; `assumed` says that a figure in it is a guess.
    """

    requested: int
    limit: int | None
    there: int
    assumed: bool = False

    @property
    def free(self) -> int:
        """What is left for others; negative when too much is asked for."""
        return self.there - self.requested


@dataclass(frozen=True)
class NodeFit:
    """One node, and what is asked of it. A node out of service has nothing asked of it and takes nothing.

    `slices` and `vram` are None for a node without a counted card, or without a card at all. `contexts` are the bytes
    in `vram.requested` that the CUDA contexts of the apps' processes take. `pods_here` names the pods that can run
    nowhere else.
    """

    name: str
    in_service: bool
    architecture: str
    taints: tuple[str, ...]
    cpu: Amount
    memory: Amount
    pods: Amount
    slices: Amount | None
    vram: Amount | None
    contexts: int
    pods_here: tuple[str, ...]


@dataclass(frozen=True)
class Unplaced:
    """Pods that find no node, or may find none, and a sentence that says why. `path` is where in the home to mend it;
    empty where that is not one place."""

    pods: tuple[str, ...]
    why: str
    path: str = ""


@dataclass(frozen=True)
class Wandering:
    """Pods of one demand that may run on several nodes."""

    name: str
    pods: int
    cpu: int
    memory: int
    slices: int
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """How a home fits. `unplaced` is empty when the verdict is "always"."""

    verdict: Verdict
    nodes: tuple[NodeFit, ...]
    wandering: tuple[Wandering, ...]
    unplaced: tuple[Unplaced, ...]

    def node(self, name: str) -> NodeFit:
        """The node of that name. Raises KeyError when there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(f'the home has no node "{name}"')


@dataclass(frozen=True)
class _Pod:
    demand: Demand
    label: str
    nodes: tuple[str, ...]

    @property
    def needs(self) -> placing.Amounts:
        return (self.demand.cpu, self.demand.memory, 1, self.demand.slices)


def require(home: Home, demands: Iterable[Demand]) -> Fit:
    """The fit of a home that doesn't fit in no order. Raises HomeError for one where it is `never`."""
    found = weigh(home, demands)
    if found.verdict == "never":
        raise HomeError(Problem(one.path, one.why) for one in found.unplaced)
    return found


def allocatable_memory(node: Node) -> int:
    """What of a node's memory pods may request, in bytes: all but the reserve, at least half, in whole KiB."""
    return max(node.memory_bytes - RESERVED_MEMORY_BYTES, node.memory_bytes // 2) // 1024 * 1024


def weigh(home: Home, demands: Iterable[Demand], steps: int = placing.STEPS) -> Fit:
    """How `demands` fit into `home`. `steps` bounds the search; see `home.fit.placing`."""
    wanted = tuple(demands)
    nodes = home.nodes_in_service
    rooms = {node.name: _room(node) for node in nodes}
    pods = [pod for demand in wanted for pod in _pods(demand, nodes)]
    index = {name: at for at, name in enumerate(rooms)}
    items = [placing.Item(pod.needs, frozenset(index[name] for name in pod.nodes)) for pod in pods]
    outcome = placing.judge(list(rooms.values()), items, steps)

    verdict: Verdict = outcome.verdict
    unplaced: tuple[Unplaced, ...] = ()
    if verdict == "never":
        unplaced = tuple(_why_never(home, pods, rooms, outcome))
    elif outcome.locked_out is not None:
        unplaced = (_why_it_depends(pods, list(rooms), outcome.locked_out, rooms, sure=verdict != "undecided"),)
    elif verdict == "undecided":
        unplaced = (_why_undecided(pods),)
    if verdict != "never" and (unweighed := tuple(_unweighed(wanted))):
        verdict, unplaced = "undecided", (*unplaced, *unweighed)
    return Fit(
        verdict=verdict,
        nodes=tuple(_node_fit(home, node, pods) for node in home.nodes),
        wandering=tuple(_wandering(pods)),
        unplaced=unplaced,
    )


def _room(node: Node) -> placing.Amounts:
    return (node.cpus * 1000, allocatable_memory(node), PODS_PER_NODE, node.gpu.slices if node.gpu else 0)


def _labels(node: Node) -> dict[str, str]:
    """The labels that the node carries in the cluster, K3s' own among them."""
    server = {"node-role.kubernetes.io/control-plane": "true"} if node.role == "server" else {}
    system = {ARCHITECTURE: node.arch, "kubernetes.io/os": "linux", HOSTNAME: node.name}
    return {**node.labels, "node.kubernetes.io/instance-type": "k3s", **server, **system}


def _pods(demand: Demand, nodes: Iterable[Node]) -> Iterator[_Pod]:
    """The pods of a demand, each with the nodes that would take it if it came first."""
    here = tuple(nodes)
    if demand.pods is None:
        # A DaemonSet makes no pod for a node that doesn't admit it; on every other, its pod has to fit.
        for node in here:
            if _unadmitted(demand, node) is None:
                alone = (node.name,) if _lack(demand, node) is None else ()
                yield _Pod(demand, f"{demand.full_name} on {node.name}", alone)
        return
    takes = tuple(node.name for node in here if _unadmitted(demand, node) is None and _lack(demand, node) is None)
    for number in range(demand.pods):
        label = demand.full_name if demand.pods == 1 else f"{demand.full_name} ({number + 1} of {demand.pods})"
        yield _Pod(demand, label, takes)


def _unadmitted(demand: Demand, node: Node) -> str | None:
    """What keeps the demand's pods off the node whatever is free there, as the end of a sentence."""
    labels = _labels(node)
    if not demand.admits(labels):
        named = _names_wanted(demand)
        if named is not None and node.name not in named:
            return f"it is to run on {listed(named, 'or')}"
        return _unmet(demand, labels, node)
    if (taint := demand.untolerated(node.taints)) is not None:
        return f"{node.name} has the taint {_taint(taint.key, taint.value, taint.effect)}, which it doesn't tolerate"
    return None


def _unmet(demand: Demand, labels: Mapping[str, str], node: Node) -> str:
    unmet = [one for one in demand.selector if not one.holds(labels)]
    if not unmet:
        unmet = [one for term in demand.terms or () for one in term if not one.holds(labels)]
    if any(one.key == ARCHITECTURE for one in unmet):
        return f"{node.name} is {node.arch}"
    return f"{node.name} is not one with {listed(map(str, unmet), 'or') or 'anything at all'}"


def _names_wanted(demand: Demand) -> tuple[str, ...] | None:
    """The nodes that the demand names, when it does so and nothing but that."""
    named = [one for one in demand.selector if one.key == HOSTNAME and one.operator == "In"]
    terms = [term[0] for term in demand.terms or () if len(term) == 1 and _is_by_name(term[0])]
    if demand.terms is not None and len(terms) == len(demand.terms):
        named += [Requirement(HOSTNAME, "In", tuple(name for one in terms for name in one.values))]
    return named[0].values if named else None


def _is_by_name(requirement: Requirement) -> bool:
    return requirement.key == HOSTNAME and requirement.operator == "In"


def _lack(demand: Demand, node: Node) -> tuple[str, str] | None:
    """What even the empty node can't give one pod of the demand: `("it asks for 2 CPU", "has 1")`."""
    if demand.unknown_resources:
        return f"it asks for {listed(demand.unknown_resources)}", "doesn't offer that"
    asked = {"CPU": demand.cpu, "memory": demand.memory, "slices": demand.slices}
    room = dict(zip(_RESOURCES, _room(node), strict=True))
    for resource, amount in asked.items():
        if amount > room[resource]:
            there = _bare(resource, room[resource], up=False) if room[resource] else "none"
            return f"it asks for {said(resource, amount)}", f"has {there}"
    if node.gpu is not None and node.gpu.sharing.mode == "time-slicing" and demand.most_slices > 1:
        return f"it asks for {demand.most_slices} slices at once", "gives a container one of its time-sliced card"
    return None


def _taint(key: str, value: str | None, effect: str) -> str:
    return f"{key}={value}:{effect}" if value else f"{key}:{effect}"


def said(resource: str, amount: int, up: bool = True) -> str:
    """An amount in words: `1500m CPU`, `4Gi of memory`, `2 slices`. `up` as for `size`."""
    match resource:
        case "CPU":
            return f"{format_millicores(amount)} CPU"
        case "memory":
            return f"{size(amount, up)} of memory"
        case "slices":
            return "1 slice" if amount == 1 else f"{amount} slices"
    return "1 pod" if amount == 1 else f"{amount} pods"


def size(count: int, up: bool = True) -> str:
    """Bytes for people: 33822867456 is `31.5Gi`, 85983232 `82Mi`. Rounded up, as what is asked for is; what is there or
    free is rounded down, so that nothing looks free that isn't."""
    unit, suffix = (2**30, "Gi") if abs(count) >= 2**30 else (2**20, "Mi")
    tenths = -(-count * 10 // unit) if up else count * 10 // unit
    if suffix == "Mi":
        tenths = 10 * (-(-count // unit) if up else count // unit)
    sign, whole, part = ("-" if tenths < 0 else ""), abs(tenths) // 10, abs(tenths) % 10
    return f"{sign}{whole}.{part}{suffix}" if part else f"{sign}{whole}{suffix}" if whole else "0"


def _why_never(
    home: Home, pods: list[_Pod], rooms: Mapping[str, placing.Amounts], outcome: placing.Outcome
) -> Iterator[Unplaced]:
    told = False
    seen: set[Demand] = set()
    for pod in pods:
        if not pod.nodes and pod.demand not in seen:
            seen.add(pod.demand)
            told = True
            yield _why_nowhere(home, pod)
    for i, node in enumerate(home.nodes):
        if node.name not in rooms:
            continue
        here = [pod for pod in pods if pod.nodes == (node.name,)]
        for r, resource in enumerate(_RESOURCES):
            asked, there = sum(pod.needs[r] for pod in here), rooms[node.name][r]
            if asked > there:
                told = True
                why = (
                    f"{node.name} has {said(resource, there, up=False)} for pods, but those that can run nowhere "
                    f"else ask for {said(resource, asked)}: {_askers(here, r)}; move one of their apps to "
                    f"another node, or give {node.name} more"
                )
                yield Unplaced(tuple(pod.label for pod in here if pod.needs[r]), why, f"nodes[{i}].{_WHERE[resource]}")
    if not told:
        left_out = tuple(pod.label for at, pod in enumerate(pods) if at not in outcome.placing)
        yield Unplaced(
            left_out,
            f"every pod would fit alone, but there is no way to place all {len(pods)} of them; with as many as "
            f"possible in place there is no room for {listed(left_out)}",
        )


def _why_nowhere(home: Home, pod: _Pod) -> Unplaced:
    demand = pod.demand
    if demand.pods is None:
        node = home.node(pod.label.rpartition(" ")[2])
        what, has = _lack(demand, node) or ("", "")
        return Unplaced((pod.label,), f"{demand.full_name} has no room on {node.name}: {what}, but {node.name} {has}")
    named = _names_wanted(demand)
    reasons = dict.fromkeys(f'there is no node "{name}"' for name in named or () if name not in _names(home.nodes))
    lacks: dict[str, list[str]] = {}
    for node in home.nodes:
        if named is not None and node.name not in named:
            continue
        if node.state != "ready":
            reasons[f"{node.name} is out of service (state: {node.state})"] = None
        elif reason := _unadmitted(demand, node):
            reasons[reason] = None
        elif lack := _lack(demand, node):
            lacks.setdefault(lack[0], []).append(f"{node.name} {lack[1]}")
    words = [*reasons, *(f"{what}, but {listed(nodes)}" for what, nodes in lacks.items())]
    return Unplaced((pod.label,), f"{demand.full_name} can run nowhere: {'; '.join(words)}")


def _names(nodes: Iterable[Node]) -> set[str]:
    return {node.name for node in nodes}


def _askers(pods: Iterable[_Pod], resource: int) -> str:
    """Who asks for most, in words: the first few by name, the rest by number."""
    asking = sorted((pod for pod in pods if pod.needs[resource]), key=lambda pod: -pod.needs[resource])
    if _RESOURCES[resource] == "pods":
        return f"{asking[0].demand.full_name} and others"
    named = [f"{pod.label} {_bare(_RESOURCES[resource], pod.needs[resource])}" for pod in asking[:4]]
    if rest := asking[4:]:
        named.append(f"{len(rest)} more {_bare(_RESOURCES[resource], sum(pod.needs[resource] for pod in rest))}")
    return listed(named)


def _bare(resource: str, amount: int, up: bool = True) -> str:
    """As `said`, without the resource's name."""
    return said(resource, amount, up).partition(" ")[0]


def _why_it_depends(
    pods: list[_Pod],
    names: list[str],
    locked_out: placing.LockedOut,
    rooms: Mapping[str, placing.Amounts],
    sure: bool,
) -> Unplaced:
    pod = pods[locked_out.item]
    on: dict[str, list[_Pod]] = {}
    for item, room in sorted(locked_out.before.items()):
        on.setdefault(names[room], []).append(pods[item])
    first = listed(f"{listed(one.label for one in placed)} on {name}" for name, placed in on.items())
    left = []
    for name in pod.nodes:
        free = [there - sum(one.needs[r] for one in on.get(name, ())) for r, there in enumerate(rooms[name])]
        short = next(r for r, need in enumerate(pod.needs) if need > free[r])
        resource, need = _RESOURCES[short], pod.needs[short]
        left.append(f"{name} has {said(resource, free[short], up=False)} left of the {_bare(resource, need)}")
    ending = "" if sure else ". Whether another order places all of them could not be decided"
    return Unplaced(
        (pod.label,),
        f"{pod.demand.full_name} may find no room: once {first} {'is' if len(locked_out.before) == 1 else 'are'} "
        f"placed, {listed(left)} that it asks for; let the app of one of them name its node{ending}",
    )


def _why_undecided(pods: list[_Pod]) -> Unplaced:
    free_to_go = tuple(pod.label for pod in pods if len(pod.nodes) > 1)
    return Unplaced(
        free_to_go,
        f"{len(free_to_go)} pods may run on several nodes, in more ways than could be tried; let some of their apps "
        "name their node",
    )


def _unweighed(demands: Iterable[Demand]) -> Iterator[Unplaced]:
    for demand in demands:
        if demand.unweighed:
            yield Unplaced(
                (demand.full_name,), f"{demand.full_name} sets {listed(demand.unweighed)}, which is not weighed here"
            )


def _node_fit(home: Home, node: Node, pods: list[_Pod]) -> NodeFit:
    here = [pod for pod in pods if pod.nodes == (node.name,)]
    room = dict(zip(_RESOURCES, _room(node), strict=True))
    gpu = node.gpu
    vram, contexts = _vram(home, node)
    memory_limits = [pod.demand.memory_limit for pod in here]
    cpu_limits = [pod.demand.cpu_limit for pod in here]
    return NodeFit(
        name=node.name,
        in_service=node.state == "ready",
        architecture=node.arch,
        taints=tuple(_taint(taint.key, taint.value, taint.effect) for taint in node.taints),
        cpu=Amount(sum(pod.demand.cpu for pod in here), _total(cpu_limits), room["CPU"], "cpus" in node.assumed),
        memory=Amount(
            sum(pod.demand.memory for pod in here), _total(memory_limits), room["memory"], "memory" in node.assumed
        ),
        pods=Amount(len(here), None, room["pods"]),
        slices=Amount(sum(pod.demand.slices for pod in here), None, room["slices"], "gpu" in node.assumed)
        if gpu is not None and gpu.sharing.mode != "unlimited"
        else None,
        vram=vram,
        contexts=contexts,
        pods_here=tuple(pod.label for pod in here),
    )


def _total(limits: list[int | None]) -> int | None:
    known = [limit for limit in limits if limit is not None]
    return sum(known) if len(known) == len(limits) else None


def _vram(home: Home, node: Node) -> tuple[Amount | None, int]:
    """The memory of the node's cards with the budgets of its apps, and what of those the CUDA contexts take."""
    if node.gpu is None:
        return None, 0
    uses = [share for app in home.apps_on(node.name).values() for share in app.gpu_shares.values()]
    contexts = sum(share.processes for share in uses) * node.gpu.context_overhead_bytes
    # What a context takes differs by driver; nobody has measured it here while the home doesn't say.
    guess = contexts > 0 and "context_overhead" not in node.gpu.model_fields_set
    total = node.gpu.count * node.gpu.vram_bytes
    asked = sum(share.vram_bytes for share in uses) + contexts
    return Amount(asked, None, total, assumed=guess or "gpu" in node.assumed), contexts


def _wandering(pods: list[_Pod]) -> Iterator[Wandering]:
    by_demand: dict[Demand, list[_Pod]] = {}
    for pod in pods:
        if len(pod.nodes) > 1:
            by_demand.setdefault(pod.demand, []).append(pod)
    for demand, same in by_demand.items():
        yield Wandering(demand.full_name, len(same), demand.cpu, demand.memory, demand.slices, same[0].nodes)
