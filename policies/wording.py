"""How judgements are told: what refuses the deployment one by one, everything else in as few lines as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from policies.evaluation import Judgement, Outcome

AT_MOST: Final = 20
"""Findings of one rule about one resource that are told in full."""

Message = tuple[str, str]
"""A text, and the URN of the resource that it is about; empty for the whole stack."""


def refusals(judgements: Iterable[Judgement]) -> Iterator[Message]:
    """A message for each violation."""
    yield from _told(judgements, Outcome.VIOLATION)


def notes(judgements: Iterable[Judgement]) -> Iterator[Message]:
    """Messages about whatever doesn't refuse the deployment: advice, what is undecided, which exceptions are in use."""
    judgements = list(judgements)
    yield from _told(judgements, Outcome.ADVICE)
    yield from _undecided(judgements)
    in_use = {
        f"{each.exception.rule} for {each.exception.resource}: {each.exception.reason}"
        for each in judgements
        if each.exception is not None
    }
    if in_use:
        yield "\n- ".join(("Exceptions in use:", *sorted(in_use))), ""


def _told(judgements: Iterable[Judgement], outcome: Outcome) -> Iterator[Message]:
    findings = (each.finding for each in judgements if each.outcome is outcome)
    for (urn, rule), group in groupby(findings, key=lambda finding: (finding.urn, finding.rule)):
        alike = list(group)
        yield from ((finding.message, urn) for finding in alike[:AT_MOST])
        more = len(alike) - AT_MOST
        if more > 0:
            yield f"{alike[0].resource}: {more} more like these. [{rule.name}]", urn


def _undecided(judgements: Iterable[Judgement]) -> Iterator[Message]:
    waiting: dict[tuple[str, str, str], dict[str, None]] = {}
    for each in judgements:
        if each.outcome is Outcome.UNDECIDED:
            finding = each.finding
            waiting.setdefault((finding.urn, finding.resource, finding.fault.sentence), {})[finding.rule.name] = None
    for (urn, resource, sentence), rules in waiting.items():
        yield f"{resource}: {sentence} [{', '.join(rules)}]", urn
