"""What becomes of findings: violations, advice, exceptions, and what waits for a value."""

from __future__ import annotations

import datetime

import pytest

from policies import wording
from policies.evaluation import Evaluation, Outcome
from policies.exceptions import RuleException
from policies.namespaces import LABEL
from policies.resource import Resource
from policies.rule import Enforcement, Rule
from policies.rules import RULES
from policies.unknown import UNKNOWN
from tests.policies.pods import Json, changed, hardened

TODAY = datetime.date(2026, 1, 1)
LATEST = changed("spec.containers.0.image", "nginx:latest")
EXCEPTION = RuleException("image-pinned", "Pod/web", "upstream has no tags")
MESSAGE = (
    "Pod web: spec.containers[0].image is an image with the tag `latest`, allowed is a fixed tag or a digest: "
    "take the image's reference from versions.yaml. "
    "[image-pinned: high, https://kubernetes.io/docs/concepts/containers/images/#image-names]"
)


DENY_ALL: Json = {
    "metadata": {"namespace": "media"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}


def pod(spec_of: Json, name: str = "web") -> Resource:
    props = {"metadata": {"namespace": "media"}, "spec": spec_of["spec"]}
    return Resource(f"urn:{name}", "kubernetes:core/v1:Pod", name, props)


def evaluated(spec_of: Json, *exceptions: RuleException, **enforcement: Enforcement) -> Evaluation:
    levels = {name.replace("_", "-"): level for name, level in enforcement.items()}
    evaluation = Evaluation(exceptions, TODAY, levels)
    labels = {"metadata": {"name": "media", "labels": {LABEL: "baseline"}}}
    evaluation.judge(Resource("urn:ns", "kubernetes:core/v1:Namespace", "media", labels, protected=True))
    evaluation.judge(Resource("urn:deny", "kubernetes:networking.k8s.io/v1:NetworkPolicy", "media", DENY_ALL))
    evaluation.judge(pod(spec_of))
    evaluation.conclude()
    return evaluation


def told(evaluation: Evaluation) -> tuple[list[wording.Message], list[wording.Message]]:
    judgements = evaluation.judgements()
    return list(wording.refusals(judgements)), list(wording.notes(judgements))


def test_a_hardened_pod_leaves_nothing_to_say() -> None:
    assert told(evaluated(hardened())) == ([], [])


def test_a_violation_is_told_with_its_rule_severity_and_url() -> None:
    assert told(evaluated(LATEST)) == ([(MESSAGE, "urn:web")], [])


def test_a_control_is_told_with_its_standard() -> None:
    ((message, _),), _ = told(evaluated(changed("spec.containers.0.securityContext.procMount", "Unmasked")))
    assert message.endswith(
        "[pod-security/proc-mount: high, Pod Security Standards (baseline), "
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline]"
    )


def test_an_advisory_rule_is_told_and_refuses_nothing() -> None:
    assert told(evaluated(LATEST, image_pinned=Enforcement.ADVISORY)) == ([], [(MESSAGE, "urn:web")])


def test_a_disabled_rule_says_nothing() -> None:
    assert told(evaluated(LATEST, image_pinned=Enforcement.DISABLED)) == ([], [])


def test_an_exception_lets_its_resource_pass_and_is_told_of() -> None:
    note = "Exceptions in use:\n- image-pinned for Pod/web: upstream has no tags"
    assert told(evaluated(LATEST, EXCEPTION)) == ([], [(note, "")])


def test_an_exception_for_another_resource_changes_nothing() -> None:
    refused, notes = told(evaluated(LATEST, RuleException("image-pinned", "Pod/api", "why")))
    assert refused == [(MESSAGE, "urn:web")]
    assert [note for note, _ in notes] == [
        "exceptions.yaml: the exception from image-pinned for Pod/api is needed by nothing, "
        "allowed is one that something needs: take it out. "
        "[exception-unused: low, https://www.pulumi.com/docs/insights/policy/]"
    ]


def test_an_expired_exception_holds_no_longer_and_is_itself_told_of() -> None:
    expired = RuleException("image-pinned", "Pod/web", "why", expires=TODAY - datetime.timedelta(days=1))
    refused, ((note, _),) = told(evaluated(LATEST, expired))
    assert refused == [(MESSAGE, "urn:web")]
    assert note.startswith(
        "exceptions.yaml: the exception from image-pinned for Pod/web is expired since 2025-12-31, "
        "allowed is one that still holds"
    )


def test_an_annotation_excepts_nobody() -> None:
    spec_of = LATEST | {"metadata": {"annotations": {"homebrain.io/deviation.image-pinned": "because"}}}
    assert told(evaluated(spec_of))[0] == [(MESSAGE, "urn:web")]


def test_what_is_undecided_is_told_once_a_value_with_the_rules_that_wait_for_it() -> None:
    refused, ((note, urn),) = told(evaluated(changed("spec.containers.0", UNKNOWN)))
    assert refused == []
    assert urn == "urn:web"
    assert note.startswith("Pod web: spec.containers[0] is not known yet, so this is decided at `pulumi up`. [")
    for rule in ("image-pinned", "unprivileged", "requests-and-memory-limit", "pod-security/host-ports"):
        assert rule in note


def test_an_exception_covers_what_is_undecided_too() -> None:
    evaluation = evaluated(changed("spec.containers.0.image", UNKNOWN), EXCEPTION)
    outcomes = {each.finding.rule.name: each.outcome for each in evaluation.judgements()}
    assert outcomes == {"image-pinned": Outcome.EXCEPTED, "image-registry": Outcome.UNDECIDED}


def test_the_stack_is_concluded_once() -> None:
    evaluation = evaluated(hardened(), RuleException("image-pinned", "Pod/api", "why"))
    assert evaluation.conclude() is evaluation.conclude()
    assert len(evaluation.judgements()) == 1


def test_many_findings_of_one_kind_are_cut_short() -> None:
    spec_of = hardened()
    spec_of["spec"]["containers"] *= 50
    for index in range(50):
        spec_of["spec"]["containers"][index] = spec_of["spec"]["containers"][index] | {"image": "nginx"}
    refused, _ = told(evaluated(spec_of))
    assert len(refused) == wording.AT_MOST + 1
    assert refused[-1] == ("Pod web: 30 more like these. [image-pinned]", "urn:web")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rule_says_what_it_demands_and_where_that_is_explained(rule: Rule) -> None:
    assert rule.summary
    assert rule.url.startswith("https://")
    assert rule.severity
