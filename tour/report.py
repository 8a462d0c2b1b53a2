"""What is to be said of the home as a whole: whether it fits, what policies find, versions, guesses."""

from __future__ import annotations

from home.fit import RESERVED_MEMORY_BYTES
from home.wording import listed, number
from pages.markup import Child, Html, coded, el, joined
from pages.pieces import section, slug, verdict
from tour import words
from tour.findings import Finding, Findings
from tour.machines import Machine
from tour.pieces import star
from tour.rooms import Workload
from tour.view import Tour, Versions


def fit(tour: Tour) -> Html:
    """Whether the machines can hold it all."""
    found = tour.fit
    tone = {"always": "good", "never": "bad"}.get(found.verdict, "warn")
    return section(
        "fit",
        "Does it fit?",
        None,
        verdict(tone, found.sentence),
        el("ul", {"class": "findings"}, (el("li", one) for one in found.reasons)) if found.reasons else None,
        el(
            "table",
            el("caption", "What the workloads ask of each machine, and what it can give to pods"),
            el(
                "thead",
                el("tr", (el("th", {"scope": "col"}, one) for one in ("", "asked", "at most", "there", "free"))),
            ),
            map(_fit_rows, tour.machines),
        ),
        el(
            "p",
            {"class": "note"},
            f"Of each machine's memory, {words.memory(RESERVED_MEMORY_BYTES)} are kept for its system and K3s. ",
            "VRAM is what the apps budget; Kubernetes does not count it. ",
            "A figure with * rests on a guess.",
        ),
        _wanderers(tour),
    )


def _fit_rows(machine: Machine) -> Html:
    heading = el("tr", el("th", {"scope": "rowgroup", "colspan": "5"}, machine.name))
    gauges = list(machine.gauges)
    if machine.card and machine.in_service:
        gauges += [*([machine.card.slices_gauge] if machine.card.slices_gauge else []), machine.card.vram_gauge]
    if not gauges:
        return el("tbody", heading, el("tr", el("td", {"colspan": "5"}, f"{machine.state}: takes nothing")))
    return el(
        "tbody",
        heading,
        (
            el(
                "tr",
                el("th", {"scope": "row"}, one.what),
                el("td", one.requested, star(one.asked_assumed)),
                el("td", one.limit or "-"),
                el("td", one.there, star(one.there_assumed)),
                el("td", one.free, star(one.free_assumed)),
            )
            for one in gauges
        ),
    )


def _wanderers(tour: Tour) -> Html | None:
    if not tour.fit.wanderers:
        return None
    return joined(
        el("h3", "On whichever machine the scheduler chooses"),
        el(
            "ul",
            {"class": "plain rows"},
            (
                el(
                    "li",
                    el("strong", one.name),
                    el("span", {"class": "note"}, f" {one.pods}, {one.cpu} CPU, {one.memory} memory, on {one.nodes}"),
                )
                for one in tour.fit.wanderers
            ),
        ),
    )


def policies(tour: Tour) -> Html:
    """What the policies and the references found, and which deviations there are."""
    found = tour.findings
    said, tone = refusals(found)
    rules = f"{number(found.judged, 'workload')} held against {number(found.rules, 'rule')}."
    return section(
        "policies",
        "Policy findings",
        None,
        verdict(tone, f"{said}: {rules}"),
        _found("Violations", "Each of these would refuse the deployment.", found.violations),
        _found("Undecided", "These wait for a value that only the deployment brings forth.", found.undecided)
        or el("p", "Nothing is undecided."),
        _found("To note", "These refuse nothing.", found.advice),
        _exceptions(found),
        _deviations(tour),
        el("h3", "References"),
        el("p", "Everything that one object says of another is there, and every app gets settings that it knows.")
        if not tour.problems
        else el("ul", {"class": "findings"}, (el("li", one) for one in tour.problems)),
    )


def _found(heading: str, meaning: str, findings: tuple[Finding, ...]) -> Html | None:
    if not findings:
        return None
    return joined(
        el("h3", f"{heading} ({len(findings)})"),
        el("p", {"class": "note"}, meaning),
        el(
            "ul",
            {"class": "findings"},
            (
                el(
                    "li",
                    coded(one.sentence),
                    el("span", {"class": "note"}, f" {one.rule}, {one.severity}: {one.summary}."),
                )
                for one in findings
            ),
        ),
    )


def _exceptions(found: Findings) -> Html | None:
    if not found.exceptions:
        return el("p", "No exception is in use.")
    return joined(
        el("h3", f"Exceptions in use ({len(found.exceptions)})"),
        el(
            "ul",
            {"class": "findings"},
            (
                el(
                    "li",
                    el("strong", listed(one.resources)),
                    f" {one.reason}. ",
                    el(
                        "span",
                        {"class": "note"},
                        f"Excepted from {one.rule}: {one.summary}.",
                        f" Until {one.expires}." if one.expires else None,
                    ),
                )
                for one in found.exceptions
            ),
        ),
    )


def _deviations(tour: Tour) -> Html | None:
    deviating = [one for room in tour.rooms for one in room.workloads if one.deviations]
    hardened = sum(not one.deviations for room in tour.rooms for one in room.workloads)
    return joined(
        el("h3", f"Deviations from the hardened default ({sum(len(one.deviations) for one in deviating)})"),
        el(
            "p",
            {"class": "note"},
            f"{number(hardened, 'workload')} without any. ",
            "Each deviation has a reason.",
        ),
        el("div", {"class": "grid"}, map(_deviating, deviating)) if deviating else None,
    )


def _deviating(workload: Workload) -> Html:
    return el(
        "article",
        {"class": "card", "id": f"deviations-{slug(workload.name)}"},
        el("h4", workload.name),
        el(
            "dl",
            {"class": "reasons"},
            (el("div", el("dt", one.label), el("dd", one.reason)) for one in workload.deviations),
        ),
    )


def versions(found: Versions, to_root: str) -> Html:
    """Whether the machines' versions go together, and the ways out."""
    wrong = bool(found.problems)
    runbook: Child = None
    if wrong and (words.ROOT / found.runbook).exists():
        runbook = el("p", "The steps are in ", el("a", {"href": f"{to_root}/{found.runbook}"}, found.runbook), ".")
    return section(
        "versions",
        "Versions",
        None,
        [verdict("warn", one) for one in found.problems]
        if wrong
        else verdict("good", "Every machine's K3s goes with the API server."),
        joined(
            el("h3", "Ways out"),
            el("ol", {"class": "findings"}, (el("li", one) for one in found.ways_out)),
            runbook,
        )
        if wrong
        else None,
        el(
            "table",
            el("caption", "Each machine's K3s, against the API server"),
            el(
                "thead", el("tr", (el("th", {"scope": "col"}, one) for one in ("machine", "K3s", "against the server")))
            ),
            el(
                "tbody",
                (
                    el(
                        "tr",
                        el("th", {"scope": "row"}, one.name),
                        el("td", one.version),
                        el("td", one.against, [": ", el("strong", one.wrong)] if one.wrong else None),
                    )
                    for one in found.rows
                ),
            ),
        ),
    )


def assumed(tour: Tour) -> Html | None:
    """What is only guessed; nothing when all is known."""
    if not tour.assumed:
        return None
    return section(
        "assumed",
        "Assumed figures",
        "Nobody has measured or looked up these yet. What rests on them carries a *.",
        el(
            "dl",
            {"class": "facts wide"},
            (el("div", el("dt", one.owner), el("dd", ", ".join(one.figures))) for one in tour.assumed),
        ),
    )


def refusals(found: Findings) -> tuple[str, str]:
    """What the violations come to, and the tone of it."""
    if found.violations:
        return number(len(found.violations), "violation"), "bad"
    return "No violations", "good"
