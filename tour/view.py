"""Everything that the page and the terminal show of a home, as plain data. No HTML here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from home import Door
from home.fit import Verdict
from home.skew import RUNBOOK
from home.wording import listed, number
from tour import words
from tour.findings import Findings, findings
from tour.machines import Machine, machines
from tour.rooms import Planned, Room, app_of, planned, rooms
from tour.storage import NasView, nas
from tour.survey import Survey

VERDICTS = {
    "always": "Every pod finds a place, in whatever order they come.",
    "depends on order": "There is a place for every pod, but not whatever order they come in.",
    "never": "There is no place for every pod.",
    "undecided": "Whether every pod always finds a place could not be decided.",
}


@dataclass(frozen=True)
class Way:
    """A door: what it is, the names under which it leads in, and the apps that want to be reached through it.

    declared: the program declares the door itself, not only the apps' wish for it.
    """

    door: Door
    what: str
    names: str
    apps: tuple[tuple[str, int | None], ...]
    declared: bool


@dataclass(frozen=True)
class Wanderer:
    """A workload that may run on several machines, and so counts for none of them."""

    name: str
    pods: str
    cpu: str
    memory: str
    nodes: str


@dataclass(frozen=True)
class FitView:
    """Whether it all fits. `reasons` says why when it may not."""

    verdict: Verdict
    sentence: str
    reasons: tuple[str, ...]
    wanderers: tuple[Wanderer, ...]


@dataclass(frozen=True)
class VersionRow:
    """A machine's K3s against the API server; what is wrong with it, or empty."""

    name: str
    version: str
    against: str
    wrong: str


@dataclass(frozen=True)
class Versions:
    """Whether the machines' versions go together, and the ways out. runbook: a path from the checkout's root."""

    rows: tuple[VersionRow, ...]
    problems: tuple[str, ...]
    ways_out: tuple[str, ...]
    runbook: str


@dataclass(frozen=True)
class Assumed:
    """Figures that nobody has measured yet, by whose they are."""

    owner: str
    figures: tuple[str, ...]


@dataclass(frozen=True)
class Tour:
    """One home, ready to be shown. problems: what doesn't fit together between the declared objects."""

    name: str
    source: str
    ways: tuple[Way, ...]
    machines: tuple[Machine, ...]
    nas: NasView | None
    rooms: tuple[Room, ...]
    planned: tuple[Planned, ...]
    fit: FitView
    findings: Findings
    problems: tuple[str, ...]
    versions: Versions
    assumed: tuple[Assumed, ...]

    @property
    def out_of_service(self) -> tuple[Machine, ...]:
        """The machines that belong to the home and do not answer."""
        return tuple(one for one in self.machines if not one.in_service)

    @property
    def apps(self) -> tuple[Room, ...]:
        """The rooms that are apps."""
        return tuple(one for one in self.rooms if one.app)


def view(survey: Survey) -> Tour:
    """What a survey of a home comes to. The same survey gives the same tour."""
    home = survey.home
    tints = {name: number for number, name in enumerate(home.app_names)}
    found = rooms(survey, tints)
    declared = frozenset(room.app for room in found if room.app)
    return Tour(
        name=survey.name,
        source=survey.source,
        ways=tuple(_ways(survey, tints)),
        machines=machines(survey, app_of(found), tints, declared),
        nas=nas(survey, found, tints),
        rooms=found,
        planned=planned(survey, declared),
        fit=_fit(survey),
        findings=findings(survey),
        problems=tuple(map(str, survey.problems)),
        versions=_versions(survey),
        assumed=tuple(_assumed(survey)),
    )


def _ways(survey: Survey, tints: dict[str, int]) -> Iterator[Way]:
    home = survey.home
    packages = {one.type.partition(":")[0] for one in survey.evaluation.registrations if one.custom}
    doors: tuple[tuple[Door, str, str | None, str], ...] = (
        ("public", "a Cloudflare tunnel", home.domain, "cloudflare"),
        ("tailnet", "Tailscale", home.tailnet, "tailscale"),
    )
    for door, what, names, package in doors:
        apps = [(words.title(name), tints[name]) for name, app in home.apps.by_name.items() if door in app.doors]
        if names or apps:
            yield Way(door, what, f"*.{names}" if names else "", tuple(apps), package in packages)


def _fit(survey: Survey) -> FitView:
    found = survey.fit
    return FitView(
        verdict=found.verdict,
        sentence=VERDICTS[found.verdict],
        reasons=tuple(one.why for one in found.unplaced),
        wanderers=tuple(
            Wanderer(
                one.name,
                number(one.pods, "pod"),
                words.cpu(one.cpu * one.pods),
                words.memory(one.memory * one.pods),
                listed(one.nodes, "or"),
            )
            for one in found.wandering
        ),
    )


def _versions(survey: Survey) -> Versions:
    found = survey.skew
    rows = []
    for node in found.nodes:
        minors = number(abs(node.behind), "minor version")
        if node.role == "server":
            against = "an API server itself" if node.verdict == "fine" else f"{minors} behind another server"
        elif node.behind == 0:
            against = "the same minor version"
        else:
            against = f"{minors} {'behind' if node.behind > 0 else 'ahead'}"
        rows.append(VersionRow(node.name, node.version, against, "" if node.verdict == "fine" else node.verdict))
    ways_out = tuple(way.removeprefix("or ") for way in found.ways_out)
    return Versions(tuple(rows), found.problems, ways_out, RUNBOOK)


def _assumed(survey: Survey) -> Iterator[Assumed]:
    home = survey.home
    for node in home.nodes:
        figures = [*node.assumed]
        uses = any(app.gpu_shares for app in home.apps_on(node.name).values())
        if node.gpu and uses and "context_overhead" not in node.gpu.model_fields_set:
            figures.append(f"gpu.contextOverhead: {node.gpu.context_overhead} for each CUDA context")
        if figures:
            yield Assumed(node.name, tuple(figures))
    if home.nas:
        if home.nas.assumed:
            yield Assumed(home.nas.model, home.nas.assumed)
        for share in home.nas.shares:
            if share.assumed:
                yield Assumed(f"share {share.name}", share.assumed)
