"""Every kind of Kubernetes resource that makes pods gives them up to the rules."""

from __future__ import annotations

from typing import Any

import pytest

from policies.evaluation import Evaluation, Outcome
from policies.resource import Resource
from policies.unknown import UNKNOWN
from policies.workloads import bears_pods, workloads
from tests.policies.pods import Json, changed, hardened


def controller(pod: Json) -> Json:
    return {"metadata": {"name": "web", "namespace": "media"}, "spec": {"template": pod}}


def cron_job(pod: Json) -> Json:
    return {"metadata": {"namespace": "media"}, "spec": {"jobTemplate": {"spec": {"template": pod}}}}


def bare(pod: Json) -> Json:
    return pod | {"metadata": {"namespace": "media"}}


# The type token, how it wraps a pod, and the way to the pod.
KINDS: list[tuple[str, Any, str]] = [
    ("kubernetes:core/v1:Pod", bare, ""),
    ("kubernetes:v1:Pod", bare, ""),
    ("kubernetes:core/v1:PodTemplate", lambda pod: {"metadata": {"namespace": "media"}, "template": pod}, "template."),
    ("kubernetes:core/v1:ReplicationController", controller, "spec.template."),
    ("kubernetes:apps/v1:ReplicaSet", controller, "spec.template."),
    ("kubernetes:apps/v1:Deployment", controller, "spec.template."),
    ("kubernetes:apps/v1beta1:Deployment", controller, "spec.template."),
    ("kubernetes:extensions/v1beta1:Deployment", controller, "spec.template."),
    ("kubernetes:apps/v1:StatefulSet", controller, "spec.template."),
    ("kubernetes:apps/v1:DaemonSet", controller, "spec.template."),
    ("kubernetes:batch/v1:Job", controller, "spec.template."),
    ("kubernetes:batch/v1:CronJob", cron_job, "spec.jobTemplate.spec.template."),
    ("kubernetes:batch/v1beta1:CronJob", cron_job, "spec.jobTemplate.spec.template."),
    ("kubernetes:apps/v1:DeploymentList", lambda pod: {"items": [controller(pod)]}, "items[0].spec.template."),
]


def resource(token: str, props: Json) -> Resource:
    return Resource(f"urn:pulumi:home::homebrain::{token}::web", token, "web", props)


@pytest.mark.parametrize(("token", "wrap", "way"), KINDS)
def test_its_pod_is_found_where_the_kind_keeps_it(token: str, wrap: Any, way: str) -> None:
    (workload,) = workloads(resource(token, wrap(hardened())))
    assert workload.pod.spec.path == f"{way}spec"
    assert workload.namespace.value == "media"
    assert workload.faults == ()
    assert [container.path for container in workload.pod.containers()] == [f"{way}spec.containers[0]"]


@pytest.mark.parametrize(("token", "wrap", "way"), KINDS)
def test_what_its_pod_breaks_is_told_with_the_whole_path(token: str, wrap: Any, way: str) -> None:
    evaluation = Evaluation()
    evaluation.judge(resource(token, wrap(changed("spec.hostPID", True))))
    (judgement,) = evaluation.conclude()
    assert judgement.outcome is Outcome.VIOLATION
    kind = token.rsplit(":", 1)[-1]
    assert judgement.finding.sentence.startswith(f"{kind} web: {way}spec.hostPID is true, allowed is false or nothing")
    assert judgement.finding.rule.name == "pod-security/host-namespaces"


@pytest.mark.parametrize(("token", "wrap", "way"), KINDS)
def test_an_unknown_pod_is_undecided_rather_than_passed(token: str, wrap: Any, way: str) -> None:
    evaluation = Evaluation()
    judged = evaluation.judge(resource(token, wrap(hardened() | {"spec": UNKNOWN}))) + evaluation.conclude()
    assert {judgement.outcome for judgement in judged} == {Outcome.UNDECIDED}
    assert {judgement.finding.fault.path for judgement in judged} == {f"{way}spec"}


@pytest.mark.parametrize(
    "token",
    [
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:core/v1:Namespace",
        "kubernetes:example.com/v1:Deployment",
        "kubernetes:helm.sh/v3:Release",
        "homebrain:kubernetes:Deployment",
        "pulumi:pulumi:Stack",
        "Deployment",
        "",
    ],
)
def test_other_kinds_make_no_pods(token: str) -> None:
    assert not bears_pods(resource(token, controller(hardened())))
    assert list(workloads(resource(token, controller(hardened())))) == []


def test_a_controller_without_a_template_is_told_of() -> None:
    judged = Evaluation().judge(resource("kubernetes:apps/v1:Deployment", {"spec": {}}))
    assert [judgement.finding.sentence for judgement in judged] == [
        "Deployment web: spec.template.spec is missing, allowed is the spec of a pod: write what the pod runs."
    ]
