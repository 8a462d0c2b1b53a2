"""Every rule of the home's own, by its cases: what keeps it, what breaks it, and what leaves it undecided."""

from __future__ import annotations

import datetime

import pytest

from policies import wording
from policies.evaluation import Evaluation, Outcome
from policies.exceptions import EXPIRED, UNUSED, RuleException
from policies.parameters import Parameters
from policies.pod_security import CONTROLS
from policies.resource import Resource
from policies.rule import Enforcement
from policies.rules import RULES
from tests.policies.cases import ALWAYS_KNOWN, CASES
from tests.policies.cases.case import Case, Declared
from tests.policies.cases.doors import record

TODAY = datetime.date(2026, 11, 25)


def evaluated(case: Case, parameters: Parameters | None = None) -> Evaluation:
    evaluation = Evaluation(case.granted, TODAY, parameters=parameters or Parameters())
    for one in case.program:
        evaluation.judge(resource(one))
    evaluation.conclude()
    return evaluation


def resource(one: Declared) -> Resource:
    return Resource(f"urn:{one.token}::{one.name}", one.token, one.name, one.props, protected=one.protect)


def outcome_of(case: Case) -> Outcome:
    if case.undecided:
        return Outcome.UNDECIDED
    return Outcome.ADVICE if RULES[case.rule].enforcement is Enforcement.ADVISORY else Outcome.VIOLATION


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.what}")
def test_a_case_comes_out_as_it_says(case: Case) -> None:
    of_rule, others = [], []
    for each in evaluated(case).judgements():
        (of_rule if each.finding.rule.name == case.rule else others).append(each)
    assert {each.outcome for each in of_rule} == ({outcome_of(case)} if case.broken else set())
    sentences = [each.finding.sentence for each in of_rule]
    for part in case.broken:
        assert any(part in sentence for sentence in sentences), sentences
    # Undecided values are read by other rules too; nothing else may be broken.
    assert [each.finding.message for each in others if each.outcome is not Outcome.UNDECIDED] == []


def test_every_rule_has_cases_that_keep_it_that_break_it_and_that_wait() -> None:
    of_controls = {control.rule.name for control in CONTROLS}
    for name in RULES.keys() - of_controls - {EXPIRED.name, UNUSED.name}:
        cases = [case for case in CASES if case.rule == name]
        assert any(not case.broken for case in cases), name
        assert any(case.broken and not case.undecided for case in cases), name
        assert any(case.undecided for case in cases) or ALWAYS_KNOWN[name], name


@pytest.mark.parametrize("case", [case for case in CASES if case.broken], ids=lambda case: f"{case.rule}: {case.what}")
def test_a_message_names_resource_rule_severity_and_url(case: Case) -> None:
    judgements = evaluated(case).judgements()
    rule = RULES[case.rule]
    if case.undecided:
        assert any(f"[{case.rule}" in text or case.rule in text for text, _ in wording.notes(judgements))
        return
    told = [text for text, _ in (*wording.refusals(judgements), *wording.notes(judgements))]
    ours = [text for text in told if f"[{rule.name}: {rule.severity}" in text]
    assert ours
    names = {one.name for one in case.program}
    for text in ours:
        assert rule.url in text
        assert any(f" {name}: " in text for name in names)


def test_a_digest_of_the_versions_file_is_asked_for() -> None:
    (case,) = (one for one in CASES if one.rule == "image-registry" and "'nginx:1'" in one.what)
    digest = f"sha256:{'0' * 64}"
    assert evaluated(case, Parameters(digests={"nginx:2": digest})).judgements() == []
    (judgement,) = evaluated(case, Parameters(digests={"nginx:1": digest})).judgements()
    assert judgement.finding.rule.name == "image-pinned"
    assert "an image without its digest, or with another" in judgement.finding.sentence


def test_registries_and_disposable_classes_are_parameters() -> None:
    (case,) = (one for one in CASES if one.rule == "image-registry" and "'ghcr.io/a/b:1'" in one.what)
    assert evaluated(case, Parameters(registries=("ghcr.io/a",))).judgements() == []
    assert evaluated(case, Parameters(registries=("ghcr.io/b",))).judgements() != []
    (case,) = (one for one in CASES if one.what == "a claim that may go")
    assert evaluated(case, Parameters(disposable_storage_classes=())).judgements() != []


def test_an_exception_covers_an_app_that_asks_for_identity_itself() -> None:
    exception = RuleException("public-behind-access", "DnsRecord/photos", "it asks itself")
    case = Case("public-behind-access", "open", (record(),), granted=(exception,))
    assert [each.outcome for each in evaluated(case).judgements()] == [Outcome.EXCEPTED]


def test_what_is_in_the_stack_without_being_judged_counts_and_is_not_blamed() -> None:
    (case,) = (one for one in CASES if one.what == "one too many")
    evaluation = Evaluation()
    *before, last = case.program
    for one in before:
        evaluation.take_in(resource(one))
    evaluation.judge(resource(last))
    assert [each.finding.resource for each in evaluation.conclude()] == ["Deployment three"]


def test_an_exception_of_a_room_that_the_stack_does_not_have_is_not_unused() -> None:
    elsewhere = RuleException("image-pinned", "Deployment/x", "why", room="other")
    here = RuleException("image-pinned", "Deployment/x", "why", room="room")
    for exception, found in ((elsewhere, []), (here, [UNUSED.name])):
        case = Case(
            "default-deny", "closed", next(one for one in CASES if one.what == "closed").program, granted=(exception,)
        )
        assert [each.finding.rule.name for each in evaluated(case).judgements()] == found
