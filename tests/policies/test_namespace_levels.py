"""The Pod Security level that applies to a pod is its namespace's own label."""

from __future__ import annotations

from typing import Any

import pytest

from policies.evaluation import Evaluation, Judgement, Outcome
from policies.namespaces import LABEL, Namespaces
from policies.resource import Resource
from policies.unknown import UNKNOWN
from tests.policies.pods import changed

HOST_PATH = changed("spec.volumes.0", {"hostPath": {"path": "/"}})
NFS = changed("spec.volumes.0", {"nfs": {"server": "nas", "path": "/"}})


def namespace(name: Any, labels: Any, urn: str = "ns") -> Resource:
    return Resource(urn, "kubernetes:core/v1:Namespace", "media", {"metadata": {"name": name, "labels": labels}})


def pod(spec_of: dict[str, Any], name: Any, inherited: Any = None) -> Resource:
    props = {"metadata": {"namespace": name}, "spec": spec_of["spec"]}
    return Resource("pod", "kubernetes:core/v1:Pod", "web", props, inherited)


def by_level(judgements: list[Judgement]) -> list[Judgement]:
    """Those that follow from a level; the home's own rules hold whatever the level."""
    return [each for each in judgements if each.finding.rule.name.startswith("pod-security/")]


def levels(*resources: Resource, of: Any = "media") -> list[str]:
    namespaces = Namespaces()
    for resource in resources:
        namespaces.add(resource)
    return list(namespaces.levels(of))


@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
def test_the_label_names_the_level(level: str) -> None:
    assert levels(namespace("media", {LABEL: level})) == [level]


@pytest.mark.parametrize("labels", [None, {}, {"other": "baseline"}, {LABEL: "lax"}, {LABEL: ""}, {LABEL: 1}, "odd"])
def test_without_a_label_that_names_one_it_is_restricted(labels: Any) -> None:
    assert levels(namespace("media", labels)) == ["restricted"]


def test_a_namespace_that_the_stack_does_not_declare_is_held_to_be_restricted() -> None:
    assert levels(namespace("media", {LABEL: "privileged"}), of="kube-system") == ["restricted"]


def test_an_unknown_label_may_be_any_level() -> None:
    assert levels(namespace("media", {LABEL: UNKNOWN})) == ["privileged", "baseline", "restricted"]
    assert levels(namespace("media", UNKNOWN)) == ["privileged", "baseline", "restricted"]


def test_an_unknown_name_may_be_any_of_the_stacks_or_none() -> None:
    resources = namespace("media", {LABEL: "baseline"}, "1"), namespace("api", {LABEL: "restricted"}, "2")
    assert levels(*resources, of=UNKNOWN) == ["baseline", "restricted"]


def test_a_name_that_no_namespace_has_may_be_that_of_one_not_named_yet() -> None:
    assert levels(namespace(UNKNOWN, {LABEL: "privileged"})) == ["privileged", "restricted"]


def test_a_namespace_that_gets_its_name_later_counts_once() -> None:
    unnamed, named = namespace(UNKNOWN, {LABEL: "privileged"}), namespace("media", {LABEL: "privileged"})
    assert levels(unnamed, named, of="other") == ["restricted"]


@pytest.mark.parametrize(
    ("level", "spec_of", "found"),
    [
        ("privileged", HOST_PATH, set()),
        ("baseline", HOST_PATH, {"pod-security/host-path-volumes"}),
        ("baseline", NFS, set()),
        ("restricted", NFS, {"pod-security/restricted-volumes"}),
        (None, NFS, {"pod-security/restricted-volumes"}),
    ],
)
def test_a_pod_is_judged_by_its_namespaces_level(level: str | None, spec_of: dict[str, Any], found: set[str]) -> None:
    evaluation = Evaluation()
    evaluation.judge(namespace("media", {LABEL: level} if level else None))
    assert {each.finding.rule.name for each in by_level(evaluation.judge(pod(spec_of, "media")))} == found
    assert by_level(evaluation.conclude()) == []


def test_a_pod_that_comes_before_its_namespace_is_judged_in_the_end() -> None:
    evaluation = Evaluation()
    assert by_level(evaluation.judge(pod(HOST_PATH, "media"))) == []
    evaluation.judge(namespace("media", {LABEL: "baseline"}))
    assert [each.finding.rule.name for each in by_level(evaluation.conclude())] == ["pod-security/host-path-volumes"]


@pytest.mark.parametrize("name", [None, ""])
def test_a_pod_that_names_no_namespace_is_in_its_providers_or_in_default(name: Any) -> None:
    for inherited, where in [("media", "media"), (None, "default"), ("", "default")]:
        evaluation = Evaluation()
        evaluation.judge(namespace(where, {LABEL: "privileged"}))
        assert by_level(evaluation.judge(pod(HOST_PATH, name, inherited))) == []
        assert by_level(evaluation.conclude()) == []


def test_an_unknown_level_leaves_undecided_just_what_the_strictest_forbids() -> None:
    evaluation = Evaluation()
    evaluation.judge(namespace("media", {LABEL: UNKNOWN}))
    assert by_level(evaluation.judge(pod(changed("spec.volumes", []), "media"))) == []
    (judgement,) = by_level(evaluation.judge(pod(NFS, "media")))
    assert judgement.outcome is Outcome.UNDECIDED
    assert judgement.finding.sentence == (
        "Pod web: the label pod-security.kubernetes.io/enforce of its namespace is not known yet, "
        "so this is decided at `pulumi up`."
    )


@pytest.mark.parametrize("inherited", [None, UNKNOWN])
def test_a_pod_whose_namespace_is_unknown_is_found_by_what_every_level_forbids(inherited: Any) -> None:
    evaluation = Evaluation()
    evaluation.judge(namespace("media", {LABEL: "baseline"}))
    evaluation.judge(pod(HOST_PATH, None if inherited is UNKNOWN else UNKNOWN, inherited))
    judged = {each.finding.rule.name: each.outcome for each in by_level(evaluation.conclude())}
    assert judged == {
        "pod-security/host-path-volumes": Outcome.VIOLATION,
        "pod-security/restricted-volumes": Outcome.UNDECIDED,
    }
