"""The report as plain data: what every rule says of every resource."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policies.evaluation import Judgement, Outcome
from policies.exceptions import RuleException
from policies.rule import Rule
from policies.rules import SUBJECTS
from policy_report.judging import Judged


class Verdict(StrEnum):
    """What a rule says of a resource, from the best to the worst."""

    PASS = "pass"  # noqa: S105 a verdict
    EXCEPTION = "exception"
    UNDECIDED = "undecided"
    ADVICE = "advice"
    VIOLATION = "violation"


ORDER = tuple(Verdict)
"""From the best to the worst."""

_VERDICTS = {
    Outcome.VIOLATION: Verdict.VIOLATION,
    Outcome.ADVICE: Verdict.ADVICE,
    Outcome.UNDECIDED: Verdict.UNDECIDED,
    Outcome.EXCEPTED: Verdict.EXCEPTION,
}


@dataclass(frozen=True)
class Cell:
    """One rule on one resource. sentences: what was found; reason: of the exception that lets it pass, else empty."""

    rule: str
    verdict: Verdict
    sentences: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Row:
    """One resource. room: its namespace, empty where it has none. cells: a rule each; none where no rule reads it."""

    urn: str
    type: str
    kind: str
    name: str
    room: str
    cells: tuple[Cell, ...]

    @property
    def worst(self) -> Verdict | None:
        """The worst of what is said of it; None where nothing is."""
        return max((cell.verdict for cell in self.cells), key=ORDER.index, default=None)

    def of(self, rules: Iterable[Rule]) -> tuple[Cell, ...]:
        """The cells of some rules."""
        names = {rule.name for rule in rules}
        return tuple(cell for cell in self.cells if cell.rule in names)


@dataclass(frozen=True)
class Granted:
    """An exception: what it covers, and whether it is used, unused, expired or waits for a room that is to come."""

    exception: RuleException
    resources: tuple[str, ...]
    state: str


@dataclass(frozen=True)
class Report:
    """home: the name of its stack. general: findings about no resource. rows: by room, kind and name."""

    home: str
    rows: tuple[Row, ...]
    granted: tuple[Granted, ...]
    general: tuple[Cell, ...]

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many cells there are of each verdict; general findings are cells too."""
        counted = Counter(cell.verdict for row in self.rows for cell in row.cells)
        counted.update(cell.verdict for cell in self.general)
        return {verdict: counted[verdict] for verdict in ORDER}

    @property
    def subjects(self) -> Mapping[str, tuple[Rule, ...]]:
        """The subjects whose rules judge some resource, in the order of the policies."""
        used = {cell.rule for row in self.rows for cell in row.cells}
        return {subject: rules for subject, rules in SUBJECTS.items() if any(rule.name in used for rule in rules)}

    @property
    def refused(self) -> bool:
        """Whether the engine would refuse the home."""
        return self.counts[Verdict.VIOLATION] > 0


def report(name: str, found: Judged, today: datetime.date | None = None) -> Report:
    """What the policies say of a program's resources, as a report."""
    judgements = found.evaluation.judgements()
    rows = []
    for resource in found.resources:
        if resource.type == "pulumi:pulumi:Stack":
            continue
        own = [one for one in judgements if one.finding.urn == resource.urn]
        rules = found.evaluation.rules_about(resource)
        rules += [one.finding.rule for one in own if one.finding.rule not in rules]
        cells = tuple(_cell(rule, [one for one in own if one.finding.rule == rule]) for rule in rules)
        rows.append(Row(resource.urn, resource.type, resource.kind, resource.name, _room(resource.props), cells))
    general = [one for one in judgements if not one.finding.urn]
    return Report(
        name,
        tuple(sorted(rows, key=lambda row: (row.room, row.kind, row.name))),
        tuple(_granted(one, judgements, found, today or datetime.date.today()) for one in found.granted),
        tuple(_cell(rule, [one for one in general if one.finding.rule == rule]) for rule in _rules(general)),
    )


def _rules(judgements: Iterable[Judgement]) -> list[Rule]:
    return list(dict.fromkeys(one.finding.rule for one in judgements))


def _cell(rule: Rule, judgements: list[Judgement]) -> Cell:
    verdict = max((_VERDICTS[one.outcome] for one in judgements), key=ORDER.index, default=Verdict.PASS)
    reasons = dict.fromkeys(one.exception.reason for one in judgements if one.exception is not None)
    return Cell(rule.name, verdict, tuple(one.finding.fault.sentence for one in judgements), "; ".join(reasons))


def _room(props: Mapping[str, object]) -> str:
    metadata = props.get("metadata")
    namespace = metadata.get("namespace") if isinstance(metadata, Mapping) else None
    return namespace if isinstance(namespace, str) else ""


def _granted(exception: RuleException, judgements: list[Judgement], found: Judged, today: datetime.date) -> Granted:
    covered = tuple(sorted({one.finding.resource for one in judgements if one.exception == exception}))
    if exception.expired(today):
        state = "expired"
    elif covered:
        state = "used"
    elif exception.room and not any(one.kind == "Namespace" and one.name == exception.room for one in found.resources):
        state = "to come"
    else:
        state = "unused"
    return Granted(exception, covered, state)


def data(found: Report) -> dict[str, Any]:
    """The report as JSON takes it: `schema.json` beside this module says of what shape."""
    return {
        "home": found.home,
        "refused": found.refused,
        "counts": {str(verdict): count for verdict, count in found.counts.items()},
        "rules": [
            {
                "name": rule.name,
                "subject": subject,
                "summary": rule.summary,
                "severity": str(rule.severity),
                "framework": rule.framework,
                "enforcement": str(rule.enforcement),
                "url": rule.url,
            }
            for subject, rules in SUBJECTS.items()
            for rule in rules
        ],
        "resources": [
            {"urn": row.urn, "type": row.type, "name": row.name, "room": row.room, "rules": [*map(_data, row.cells)]}
            for row in found.rows
        ],
        "general": [*map(_data, found.general)],
        "exceptions": [
            {
                "rule": one.exception.rule,
                "resource": one.exception.resource,
                "room": one.exception.room,
                "reason": one.exception.reason,
                "expires": one.exception.expires.isoformat() if one.exception.expires else None,
                "state": one.state,
                "covers": list(one.resources),
            }
            for one in found.granted
        ],
    }


def _data(cell: Cell) -> dict[str, Any]:
    return {"rule": cell.rule, "verdict": str(cell.verdict), "found": list(cell.sentences), "reason": cell.reason}
