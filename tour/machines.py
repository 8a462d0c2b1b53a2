"""The machines as the page shows them: what each is, what is asked of it, and who holds what of its card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from home import Node
from home.fit import Demand
from home.fit.weighing import Amount, NodeFit
from home.quantities import to_bytes
from home.skew import NodeSkew
from home.wording import number
from tour import words
from tour.objects import CONTROLLERS, claims_of, key_of, of_kind, pod_of
from tour.survey import Survey

Tints = Mapping[str, int]
"""The number of each app's colour, by app name."""


@dataclass(frozen=True)
class Gauge:
    """One resource of a machine, in words and as parts of the whole (0 to 1).

    limit: what pods may grow to; None where there is no such limit, or not for all. asked_assumed, there_assumed: that
    figure is a guess, and then so is what is free.
    """

    what: str
    requested: str
    limit: str | None
    there: str
    free: str
    part: float
    limit_part: float | None
    asked_assumed: bool = False
    there_assumed: bool = False
    note: str = ""

    @property
    def free_assumed(self) -> bool:
        """Whether what is free rests on a guess."""
        return self.asked_assumed or self.there_assumed


@dataclass(frozen=True)
class Piece:
    """A part of a card that somebody holds. tint: the colour of the app, None for nobody's."""

    label: str
    amount: str
    part: float
    tint: int | None
    note: str = ""


@dataclass(frozen=True)
class Slice:
    """One of a card's slices, and the workload that holds it; empty when it is free."""

    holder: str
    tint: int | None


@dataclass(frozen=True)
class Card:
    """The GPU of a machine.

    slices: None where nothing counts them. vram: the budgets of the apps and their CUDA contexts.
    """

    model: str
    sharing: str
    slices: tuple[Slice, ...] | None
    slices_gauge: Gauge | None
    vram: tuple[Piece, ...]
    vram_gauge: Gauge


@dataclass(frozen=True)
class Fact:
    """Something about a machine, with a name. assumed: nobody has measured it yet."""

    name: str
    value: str
    assumed: bool = False


@dataclass(frozen=True)
class Machine:
    """One machine of the cluster. gauges: empty for one out of service. runs: workloads that can run nowhere else,
    with the number of their app's colour."""

    name: str
    role: str
    state: str
    in_service: bool
    hardware: str
    facts: tuple[Fact, ...]
    version: str
    version_note: str
    gauges: tuple[Gauge, ...]
    card: Card | None
    runs: tuple[tuple[str, int | None], ...]


def machines(
    survey: Survey, apps: Mapping[tuple[str, str], str], tints: Tints, declared: frozenset[str]
) -> tuple[Machine, ...]:
    """Every machine, in the home's order.

    apps: the app that a workload belongs to, by namespace and name. declared: the apps that are rooms already.
    """
    versions = {one.name: one for one in survey.skew.nodes}
    return tuple(
        _machine(survey, node, survey.fit.node(node.name), versions[node.name], apps, tints, declared)
        for node in survey.home.nodes
    )


def _machine(
    survey: Survey,
    node: Node,
    found: NodeFit,
    version: NodeSkew,
    apps: Mapping[tuple[str, str], str],
    tints: Tints,
    declared: frozenset[str],
) -> Machine:
    here = [one for one in survey.demands if any(_is_of(one.full_name, label) for label in found.pods_here)]
    gauges = [
        _gauge("CPU", found.cpu, words.cpu(found.cpu.requested), words.cpu(found.cpu.there), words.cpu(found.cpu.free)),
        _memory_gauge("Memory", found.memory),
    ]
    if disk := _disk(survey, node, {(one.namespace, one.name) for one in here}):
        gauges.append(disk)
    return Machine(
        name=node.name,
        role=node.role,
        state=node.state,
        in_service=found.in_service,
        hardware=node.hardware or "",
        facts=tuple(_facts(node)),
        version=node.version,
        version_note=_version_note(version),
        gauges=tuple(gauges) if found.in_service else (),
        card=_card(survey, node, found, here, apps, tints, declared),
        runs=tuple(
            (one.name, _tint(one, apps, tints)) for one in sorted(here, key=lambda one: _rank(one, apps, tints))
        ),
    )


def _is_of(full_name: str, label: str) -> bool:
    """Whether a pod's label is that of the workload: its name, perhaps with the pod's number or node behind it."""
    return label == full_name or label.startswith(f"{full_name} ")


def _tint(demand: Demand, apps: Mapping[tuple[str, str], str], tints: Tints) -> int | None:
    return tints.get(apps.get((demand.namespace, demand.name), ""))


def _rank(demand: Demand, apps: Mapping[tuple[str, str], str], tints: Tints) -> tuple[int, str, str]:
    """Apps in the home's order, then what they stand on."""
    tint = _tint(demand, apps, tints)
    return (len(tints) if tint is None else tint, demand.namespace, demand.name)


def _facts(node: Node) -> Iterator[Fact]:
    if node.system:
        yield Fact("System", node.system, "system" in node.assumed)
    yield Fact("Architecture", node.arch, "arch" in node.assumed)
    if node.state != "ready":
        # Those in service show these in their gauges.
        yield Fact("CPUs", str(node.cpus), "cpus" in node.assumed)
        yield Fact("Memory", node.memory, "memory" in node.assumed)
    addresses = [
        *([f"{node.addresses.lan} (LAN)"] if node.addresses.lan else []),
        *([f"{node.addresses.tailnet} (tailnet)"] if node.addresses.tailnet else []),
    ]
    yield Fact("Addresses", ", ".join(addresses) or "not written down yet", "addresses" in node.assumed)
    if node.role == "agent":
        yield Fact("Joined over", "LAN" if node.joined_over == "lan" else "tailnet")
    if node.labels:
        yield Fact("Labels", ", ".join(f"{key}={value}" for key, value in sorted(node.labels.items())))
    if node.taints:
        yield Fact(
            "Taints", ", ".join(f"{one.key}{f'={one.value}' if one.value else ''}:{one.effect}" for one in node.taints)
        )


def _version_note(version: NodeSkew) -> str:
    if version.verdict == "fine":
        return ""
    return f"{version.verdict} for the API server" if version.role == "agent" else "too far from the other servers"


def _gauge(
    what: str, amount: Amount, requested: str, there: str, free: str, limit: str | None = None, note: str = ""
) -> Gauge:
    return Gauge(
        what=what,
        requested=requested,
        limit=limit,
        there=there,
        free=free,
        part=_part(amount.requested, amount.there),
        limit_part=None if amount.limit is None else _part(amount.limit, amount.there),
        # Of a card it is the budgets that rest on a guess, of everything else the machine.
        asked_assumed=amount.assumed and what == "VRAM",
        there_assumed=amount.assumed and what != "VRAM",
        note=note,
    )


def _memory_gauge(what: str, amount: Amount) -> Gauge:
    beyond = amount.limit is not None and amount.limit > amount.there
    return _gauge(
        what,
        amount,
        words.memory(amount.requested),
        words.memory(amount.there, up=False),
        words.memory(amount.free, up=False),
        None if amount.limit is None else words.memory(amount.limit),
        "pods may grow beyond the machine: the last to grow is killed" if beyond else "",
    )


def _count_gauge(what: str, amount: Amount) -> Gauge:
    return _gauge(what, amount, str(amount.requested), str(amount.there), str(amount.free))


def _disk(survey: Survey, node: Node, workloads: set[tuple[str, str]]) -> Gauge | None:
    """The local disk against the claims of the workloads that can run nowhere else. None for a disk of unknown size."""
    if node.local_storage_bytes is None:
        return None
    claims = {key_of(one): one["spec"] for one in of_kind(survey.objects, "PersistentVolumeClaim")}
    mounted = {
        (namespace, claim)
        for controller in of_kind(survey.objects, *CONTROLLERS)
        for namespace, name in [key_of(controller)]
        if (namespace, name) in workloads
        for claim in claims_of(pod_of(controller))
    }
    # A claim that names its volume is bound to a share; only a class that makes volumes makes them on the disk.
    asked = sum(
        to_bytes(spec["resources"]["requests"]["storage"])
        for key, spec in claims.items()
        if key in mounted and spec.get("storageClassName")
    )
    amount = Amount(asked, None, node.local_storage_bytes, "localStorage" in node.assumed)
    return _gauge(
        "Disk", amount, words.disk(asked), words.disk(amount.there, up=False), words.disk(amount.free, up=False)
    )


def _card(
    survey: Survey,
    node: Node,
    found: NodeFit,
    here: Iterable[Demand],
    apps: Mapping[tuple[str, str], str],
    tints: Tints,
    declared: frozenset[str],
) -> Card | None:
    gpu, vram = node.gpu, found.vram
    if gpu is None or vram is None:
        return None
    match gpu.sharing.mode:
        case "time-slicing":
            sharing = f"cut into {number(gpu.slices, 'slice')} by time; they share its memory"
        case "exclusive":
            sharing = "given out whole, to one pod at a time"
        case "unlimited":
            sharing = "shared without limits: pods see it, nothing counts them"
    slices = None
    if found.slices is not None:
        held = [
            Slice(one.name, _tint(one, apps, tints))
            for one in sorted(here, key=lambda one: _rank(one, apps, tints))
            for label in found.pods_here
            if _is_of(one.full_name, label)
            for _ in range(one.slices)
        ]
        slices = (*held, *(Slice("", None) for _ in range(found.slices.free)))
    return Card(
        model=gpu.model if gpu.count == 1 else f"{gpu.count} cards {gpu.model}",
        sharing=sharing,
        slices=slices,
        slices_gauge=None if found.slices is None else _count_gauge("Slices", found.slices),
        vram=tuple(_pieces(survey, node, found.contexts, vram, tints, declared)),
        vram_gauge=_memory_gauge("VRAM", vram),
    )


def _pieces(
    survey: Survey, node: Node, contexts: int, vram: Amount, tints: Tints, declared: frozenset[str]
) -> Iterator[Piece]:
    for app_name, app in survey.home.apps_on(node.name).items():
        for place, share in app.gpu_shares.items():
            part = place.removesuffix("gpu").removesuffix(".")
            label = f"{words.title(app_name)} {words.title(part).lower()}".rstrip()
            yield Piece(
                label,
                words.memory(share.vram_bytes),
                _part(share.vram_bytes, vram.there),
                tints.get(app_name),
                "" if app_name in declared else "not a room yet",
            )
    if contexts:
        yield Piece("CUDA contexts", words.memory(contexts), _part(contexts, vram.there), None)


def _part(amount: int, whole: int) -> float:
    return min(1.0, max(0.0, amount / whole)) if whole else float(amount > 0)
