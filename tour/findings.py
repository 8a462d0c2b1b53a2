"""What the policies, the references and the versions have to say, sorted by what it means for the home."""

from __future__ import annotations

from dataclasses import dataclass

from policies.evaluation import Outcome
from policies.rules import RULES
from tour.survey import Survey


@dataclass(frozen=True)
class Finding:
    """One thing that a policy found: where and what, by which rule."""

    sentence: str
    rule: str
    summary: str
    severity: str


@dataclass(frozen=True)
class ExceptionInUse:
    """An exception that something needs: what it allows to whom, and why. expires: a day, or empty."""

    rule: str
    summary: str
    resources: tuple[str, ...]
    reason: str
    expires: str


@dataclass(frozen=True)
class Findings:
    """What the policies found: what refuses the deployment, what waits for a value, what is advice, what is excepted.

    judged: the workloads that were looked at; rules: how many rules there are.
    """

    judged: int
    rules: int
    violations: tuple[Finding, ...]
    undecided: tuple[Finding, ...]
    advice: tuple[Finding, ...]
    exceptions: tuple[ExceptionInUse, ...]


def findings(survey: Survey) -> Findings:
    """What the policies found in a home."""

    def of(outcome: Outcome) -> tuple[Finding, ...]:
        found = (one.finding for one in survey.judgements if one.outcome is outcome)
        return tuple(Finding(one.sentence, one.rule.name, one.rule.summary, str(one.rule.severity)) for one in found)

    used = {one.exception: one.finding.rule for one in survey.judgements if one.exception is not None}
    return Findings(
        judged=survey.judged,
        rules=len(RULES),
        violations=of(Outcome.VIOLATION),
        undecided=of(Outcome.UNDECIDED),
        advice=of(Outcome.ADVICE),
        exceptions=tuple(
            ExceptionInUse(
                rule=exception.rule,
                summary=rule.summary,
                resources=tuple(
                    sorted({one.finding.resource for one in survey.judgements if one.exception == exception})
                ),
                reason=exception.reason,
                expires=exception.expires.isoformat() if exception.expires else "",
            )
            for exception, rule in sorted(used.items(), key=lambda one: (one[0].rule, one[0].resource))
        ),
    )
