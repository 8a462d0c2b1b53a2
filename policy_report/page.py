"""The report as one HTML file that loads nothing, runs nothing and reads well on a phone, in the dark and aloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from home.wording import number
from pages.document import document
from pages.markup import Child, Html, coded, el
from pages.pieces import section, slug, tag, tile, verdict
from policies.rule import Rule
from policies.rules import RULES, SUBJECTS
from policy_report.report import ORDER, Cell, Granted, Report, Row, Verdict

STYLE: Final = Path(__file__).with_name("style.css")

_TONES: Final = {
    Verdict.PASS: "good",
    Verdict.EXCEPTION: "",
    Verdict.UNDECIDED: "warn",
    Verdict.ADVICE: "warn",
    Verdict.VIOLATION: "bad",
}
_SIGNS: Final = {
    Verdict.PASS: "✓",
    Verdict.EXCEPTION: "e",
    Verdict.UNDECIDED: "?",
    Verdict.ADVICE: "!",
    Verdict.VIOLATION: "✕",
}


def page(found: Report) -> str:
    """The page. The same report gives the same bytes."""
    return document(
        f"{found.home}: what the policies say",
        STYLE.read_text(),
        header=_header(found),
        main=(_findings(found), _matrix(found), _exceptions(found.granted), _unread(found), _rules()),
        footer=el(
            "footer",
            el("h2", "What this page can't know"),
            el(
                "p",
                "It asked the program and the rules, and no engine. A preview judges the same resources by the same "
                "rules, and an up judges what a preview could not know.",
            ),
        ),
    )


def _header(found: Report) -> Html:
    return el(
        "header",
        {"class": "top"},
        el("p", {"class": "eyebrow"}, "HomeBrain"),
        el("h1", found.home),
        el("p", {"class": "lede"}, "What the policies say of everything that the program declares, without an engine."),
        el("nav", {"aria-label": "How the home does"}, el("ul", {"class": "tiles"}, _tiles(found))),
    )


def _tiles(found: Report) -> Iterator[Html]:
    counts = found.counts
    refused = counts[Verdict.VIOLATION]
    yield tile(
        "#findings",
        "Refused",
        number(refused, "violation") if refused else "Nothing",
        f"{number(len(found.rows), 'resource')}, {number(len(RULES), 'rule')}",
        "bad" if refused else "good",
    )
    open_ = counts[Verdict.UNDECIDED] + counts[Verdict.ADVICE]
    yield tile(
        "#findings",
        "To note",
        f"{open_ or 'Nothing'}",
        f"{counts[Verdict.ADVICE]} advised, {counts[Verdict.UNDECIDED]} undecided",
        "warn" if open_ else "good",
    )
    yield tile("#exceptions", "Exceptions", f"{counts[Verdict.EXCEPTION]} in use", "each with its reason", "")
    yield tile("#matrix", "Passed", f"{counts[Verdict.PASS]} times", "rules by resources", "good")


def _findings(found: Report) -> Html:
    parts: list[Child] = []
    for kind, heading in (
        (Verdict.VIOLATION, "Refused"),
        (Verdict.ADVICE, "Advised"),
        (Verdict.UNDECIDED, "Decided at up"),
    ):
        told: list[tuple[str, Cell]] = [
            (f"{row.kind} {row.name}", cell) for row in found.rows for cell in row.cells if cell.verdict is kind
        ]
        told += [("", cell) for cell in found.general if cell.verdict is kind]
        if told:
            parts.append(el("h3", heading))
            parts.append(el("ul", {"class": "findings plain"}, [_finding(name, cell) for name, cell in told]))
    summed = (
        verdict("bad", "The engine would refuse this home.")
        if found.refused
        else verdict("good", "Nothing here would be refused.")
    )
    return section("findings", "Findings", None, summed, parts)


def _finding(name: str, cell: Cell) -> Html:
    rule = RULES[cell.rule]
    return el(
        "li",
        el("p", el("strong", name), tag(cell.rule, _TONES[cell.verdict]), tag(str(rule.severity)) if name else None),
        el("ul", {"class": "plain"}, [el("li", coded(sentence)) for sentence in cell.sentences]),
    )


def _matrix(found: Report) -> Html:
    subjects = found.subjects
    heads = [
        el("th", {"scope": "col"}, el("a", {"href": f"#subject-{slug(subject)}"}, subject)) for subject in subjects
    ]
    rooms = dict.fromkeys(row.room for row in found.rows if row.cells)
    return section(
        "matrix",
        "Rules by resources",
        "Each subject's rules on each resource: the worst of what they say, and how many say it. Empty: no rule of the "
        "subject is about it.",
        el("p", {"class": "legend"}, [el("span", {"class": "key"}, _sign(each), f" {each}") for each in ORDER]),
        el(
            "table",
            {"class": "matrix"},
            el("caption", {"class": "aloud"}, "What each subject's rules say of each resource, by namespace"),
            el("thead", el("tr", el("th", {"scope": "col"}, "Resource"), heads)),
            [_room(room, found, subjects.items()) for room in rooms],
        ),
    )


def _room(room: str, found: Report, subjects: Iterable[tuple[str, tuple[Rule, ...]]]) -> Html:
    subjects = list(subjects)
    rows = [row for row in found.rows if row.room == room and row.cells]
    return el(
        "tbody",
        el(
            "tr",
            {"class": "room"},
            el("th", {"scope": "rowgroup", "colspan": str(len(subjects) + 1)}, room or "in no namespace"),
        ),
        [
            el(
                "tr",
                el("th", {"scope": "row"}, _details(row)),
                [_cell(subject, row.of(rules)) for subject, rules in subjects],
            )
            for row in rows
        ],
    )


def _details(row: Row) -> Html:
    return el(
        "details",
        el("summary", el("span", {"class": "kind"}, row.kind), " ", row.name),
        el(
            "ul",
            {"class": "plain"},
            [
                el("li", _sign(cell.verdict), " ", el("code", cell.rule), f" {cell.reason}" if cell.reason else None)
                for cell in row.cells
            ],
        ),
    )


def _cell(subject: str, cells: tuple[Cell, ...]) -> Html:
    if not cells:
        return el("td", {"class": "none"})
    verdicts = [cell.verdict for cell in cells]
    worst = max(verdicts, key=ORDER.index)
    times = verdicts.count(worst)
    return el(
        "td",
        {"class": worst, "data-subject": subject},
        el("span", {"class": "aloud"}, f"{times} {worst}"),
        el("span", {"aria-hidden": "true"}, _SIGNS[worst], el("span", {"class": "times"}, str(times))),
    )


def _sign(of: Verdict) -> Html:
    said = el("span", {"class": "aloud"}, of)
    return el("span", {"class": f"sign {of}"}, el("span", {"aria-hidden": "true"}, _SIGNS[of]), said)


def _exceptions(granted: tuple[Granted, ...]) -> Html:
    tones = {"used": "good", "unused": "warn", "expired": "bad", "to come": ""}
    return section(
        "exceptions",
        "Exceptions",
        "What may break a rule, and why. One that has expired, or that nothing needs, is itself a finding.",
        el(
            "ul",
            {"class": "grid"},
            [
                el(
                    "li",
                    {"class": "card"},
                    el("h3", el("code", one.exception.resource)),
                    el(
                        "p",
                        tag(one.exception.rule),
                        tag(one.state, tones[one.state]),
                        tag(f"until {one.exception.expires}") if one.exception.expires else None,
                    ),
                    el("p", one.exception.reason),
                    el("p", {"class": "note"}, ", ".join(one.resources)) if one.resources else None,
                )
                for one in granted
            ],
        ),
    )


def _unread(found: Report) -> Html | None:
    unread = [row for row in found.rows if not row.cells]
    if not unread:
        return None
    kinds: dict[str, list[str]] = {}
    for row in unread:
        kinds.setdefault(row.kind, []).append(row.name)
    return section(
        "unread",
        "No rule is about these",
        None,
        el("dl", {"class": "unread"}, [[el("dt", kind), el("dd", ", ".join(kinds[kind]))] for kind in sorted(kinds)]),
    )


def _rules() -> Html:
    return section(
        "rules",
        "The rules",
        "What each demands, how bad it is to break it, and where that is explained.",
        [
            el(
                "details",
                {"id": f"subject-{slug(subject)}", "class": "subject"},
                el("summary", f"{subject} ", el("span", {"class": "note"}, number(len(rules), "rule"))),
                el("ul", {"class": "plain"}, map(_rule, rules)),
            )
            for subject, rules in SUBJECTS.items()
        ],
    )


def _rule(rule: Rule) -> Html:
    name = el("a", {"href": rule.url, "rel": "noreferrer"}, el("code", rule.name))
    return el(
        "li",
        el("p", name, tag(str(rule.severity)), tag(str(rule.enforcement))),
        el("p", rule.summary),
        el("p", {"class": "note"}, rule.framework) if rule.framework else None,
    )
