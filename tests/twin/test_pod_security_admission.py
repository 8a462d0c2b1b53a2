"""The pack's Pod Security Standards against the API server's own: both say the same of the same pods.

Random pods are created, as a dry run, in namespaces that enforce a level. Compared are the verdicts, and the controls
that each side names. A pod that isn't valid gets no verdict, and is left out.

HOMEBRAIN_SEED draws other pods, HOMEBRAIN_PODS more of them.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest
import yaml

from policies.evaluation import Evaluation
from policies.pod import read
from policies.pod_security import KUBERNETES, Level, Version, controls, faults, violations
from policies.resource import Resource
from tests.policies import random_pods
from tests.twin.objects import eventually
from twin.api import Api, ApiError, Manifest, path_of
from twin.cluster import Twin

SEED = int(os.environ.get("HOMEBRAIN_SEED", random_pods.SEED))
COUNT = int(os.environ.get("HOMEBRAIN_PODS", random_pods.COUNT))
# Whatever is compared, so many of the pods at least have to show it.
SOME = COUNT // 300
CONNECTIONS = 4
DRY_RUN = {"dryRun": "All"}

LEVELS: tuple[Level, ...] = ("baseline", "restricted")
# Before each of the versions in which a control came to allow more.
OLDER: tuple[Version, ...] = ((1, 31), (1, 30), (1, 28), (1, 26))

# The reasons that PodSecurity's checks give, of which its messages are made, and the controls of ours that they mean.
# k8s.io/pod-security-admission v0.33.4, policy/check_*.go.
REASONS = {
    "allowPrivilegeEscalation != false": "allow-privilege-escalation",
    "forbidden AppArmor profile": "app-armor-profile",
    "forbidden AppArmor profiles": "app-armor-profile",
    "forbidden sysctls": "sysctls",
    "host namespaces": "host-namespaces",
    "hostPath volumes": "host-path-volumes",
    "hostPort": "host-ports",
    "hostProcess": "windows-host-process",
    "non-default capabilities": "capabilities-baseline",
    "privileged": "privileged",
    "procMount": "proc-mount",
    "restricted volume types": "restricted-volumes",
    "runAsNonRoot != true": "run-as-non-root",
    "runAsUser=0": "run-as-user",
    "seLinuxOptions": "se-linux-options",
    "seccompProfile": "seccomp-profile-{level}",
    "unrestricted capabilities": "capabilities-restricted",
}
# A HostProcess pod that is valid is on the host's network, which Host Namespaces forbids as well.
NEVER_ALONE = "windows-host-process"

Names = frozenset[str]


class Answer(NamedTuple):
    """What the API server says of a pod: the controls that refuse it; None of one that isn't valid."""

    pod: Manifest
    named: Names | None
    said: str


def named_by(message: str) -> Names:
    """The controls that a message of PodSecurity names; none if it isn't one."""
    found = re.search(r'violates? PodSecurity "(?P<level>[a-z]+):[a-z0-9.]+": (?P<reasons>.*)', message)
    if not found:
        return frozenset()
    # Details stand in parentheses, and no value that is drawn has any.
    reasons = re.sub(r" \([^()]*\)", "", found["reasons"]).split(", ")
    return frozenset(REASONS[reason].format(level=found["level"]) for reason in reasons)


def named_by_us(pod: Manifest, level: Level, version: Version = KUBERNETES) -> Names:
    return frozenset(control.name for control, _ in faults(read(pod)[0], level, version))


def namespace(level: Level, version: str) -> Manifest:
    """A namespace that enforces a level, and warns of what its controllers' pods would break."""
    prefix = "pod-security.kubernetes.io"
    labels = {f"{prefix}/{mode}": level for mode in ("enforce", "warn")}
    labels |= {f"{prefix}/{mode}-version": version for mode in ("enforce", "warn")}
    metadata = {"name": f"{level}-{version.replace('.', '-')}", "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def said(version: Version) -> str:
    return f"v{version[0]}.{version[1]}"


def made(api: Api, level: Level, version: str = said(KUBERNETES)) -> str:
    """The name of such a namespace, once pods can be created there."""
    manifest = namespace(level, version)
    name: str = manifest["metadata"]["name"]
    api.apply(manifest)
    eventually(lambda: api.get("ServiceAccount", "default", name))
    return name


def answer(pod: Manifest, send: Callable[[], Any]) -> Answer:
    """What comes of sending this pod. Fails when it is refused for anything but itself."""
    try:
        send()
    except ApiError as error:
        refusal = error
    else:
        return Answer(pod, frozenset(), "admitted")
    # Not readable, or not valid.
    if refusal.status in (400, 422):
        return Answer(pod, None, refusal.message)
    named = named_by(refusal.message)
    assert refusal.status == 403, refusal
    assert named, refusal
    return Answer(pod, named, refusal.message)


def ask(api: Api, where: str, pods: Iterable[Manifest]) -> list[Answer]:
    """What the API server would say to the creation of each pod."""

    def create(pod: Manifest) -> Answer:
        return answer(pod, partial(api.request, "POST", path_of("Pod", namespace=where), pod, query=DRY_RUN))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(create, pods))


def comparable(answers: Iterable[Answer]) -> list[tuple[Answer, Names]]:
    return [(each, each.named) for each in answers if each.named is not None]


def disagreements(answers: Iterable[Answer], level: Level, version: Version = KUBERNETES) -> list[str]:
    """Where the pack says otherwise than the API server; each told with all that it takes to look into it."""
    found = []
    for each, theirs in comparable(answers):
        ours, sentences = named_by_us(each.pod, level, version), violations(each.pod, level, version)
        if ours != theirs or bool(sentences) is not bool(theirs):
            found.append(
                f"HOMEBRAIN_SEED={SEED}, {level} of {said(version)}:\n"
                f"  the API server names {sorted(theirs)}: {each.said}\n"
                f"  the pack names {sorted(ours)}: {sentences or 'admitted'}\n"
                f"  {json.dumps(each.pod)}"
            )
    return found


def first(disagreed: list[str]) -> str:
    """The first few of them, for the message of an assertion."""
    return "\n".join([f"{len(disagreed)} disagreements", *disagreed[:3]])


@pytest.fixture(scope="module")
def drawn() -> list[Manifest]:
    return list(random_pods.random_pods(SEED, COUNT))


@pytest.fixture(scope="module")
def answers(twin: Twin, drawn: list[Manifest]) -> dict[Level, list[Answer]]:
    """What the API server says of each pod at each level."""
    api = twin.api()
    return {level: ask(api, made(api, level), drawn) for level in LEVELS}


@pytest.mark.parametrize("level", LEVELS)
def test_the_pack_says_of_every_valid_pod_what_the_api_server_says(
    level: Level, answers: dict[Level, list[Answer]], capsys: pytest.CaptureFixture[str]
) -> None:
    compared = comparable(answers[level])
    disagreed = disagreements(answers[level], level)
    with capsys.disabled():
        print(
            f"\n{level}: {COUNT} random pods of HOMEBRAIN_SEED={SEED}, {len(compared)} compared, "
            f"{sum(bool(named) for _, named in compared)} of them refused, {len(disagreed)} disagreements"
        )
    assert not disagreed, first(disagreed)
    assert len(compared) >= COUNT / 2


@pytest.mark.parametrize("level", LEVELS)
def test_every_control_is_passed_and_broken_and_decides_alone(level: Level, answers: dict[Level, list[Answer]]) -> None:
    compared = [named for _, named in comparable(answers[level])]
    broken = Counter(name for named in compared for name in named)
    alone = Counter(name for named in compared for name in named if len(named) == 1)
    for control in controls(level):
        assert SOME <= broken[control.name] <= len(compared) - SOME, f"seed {SEED}: {control.name}"
        # A control of baseline shows itself there, without the many that restricted adds.
        if control.level == level and control.name != NEVER_ALONE:
            assert alone[control.name] >= SOME, f"seed {SEED}: {control.name}"
    assert sum(not named for named in compared) >= COUNT / 10


def test_hosts_of_probes_are_none_of_1_33s_business(answers: dict[Level, list[Answer]]) -> None:
    reaching_out = [
        each.pod
        for each, named in comparable(answers["baseline"])
        if not named and named_by_us(each.pod, "baseline", (1, 34)) == {"host-probes-and-host-lifecycle"}
    ]
    assert len(reaching_out) >= SOME
    assert not any(violations(pod, "baseline") for pod in reaching_out)


@pytest.mark.parametrize("version", OLDER, ids=said)
@pytest.mark.parametrize("level", LEVELS)
def test_older_versions_of_the_standards_agree_as_well(
    level: Level, version: Version, api: Api, drawn: list[Manifest]
) -> None:
    changed = [pod for pod in drawn if named_by_us(pod, level, version) != named_by_us(pod, level)]
    answered = ask(api, made(api, level, said(version)), changed + drawn[:50])
    disagreed = disagreements(answered, level, version)
    assert not disagreed, first(disagreed)
    assert sum(each.named is not None for each in answered[: len(changed)]) >= SOME // 2


@pytest.mark.parametrize("level", LEVELS)
def test_the_latest_version_that_the_api_server_knows_is_ours(level: Level, api: Api, drawn: list[Manifest]) -> None:
    disagreed = disagreements(ask(api, made(api, level, "latest"), drawn[:100]), level)
    assert not disagreed, first(disagreed)


@pytest.mark.parametrize("level", LEVELS)
def test_ephemeral_containers_are_judged_alike(level: Level, api: Api, drawn: list[Manifest]) -> None:
    random = Random(SEED)
    answered = []
    for pod in running(api, made(api, level), [pod for pod in drawn if not violations(pod, level)][:20]):
        metadata = pod["metadata"]
        path = path_of("Pod", metadata["name"], metadata["namespace"], "ephemeralcontainers")
        for _ in range(12):
            containers = random_pods.random_ephemeral_containers(random)
            debugged = pod | {"spec": pod["spec"] | {"ephemeralContainers": containers}}
            answered.append(answer(debugged, partial(api.request, "PUT", path, debugged, query=DRY_RUN)))
    disagreed = disagreements(answered, level)
    assert not disagreed, first(disagreed)
    refused = Counter(bool(named) for _, named in comparable(answered))
    assert min(refused[True], refused[False]) >= 20


def running(api: Api, where: str, pods: Iterable[Manifest]) -> Iterator[Manifest]:
    """Those of the pods that the API server admits, each created and gone again: ephemeral containers come later."""
    for pod in pods:
        # Nobody schedules them, since there is nothing to run.
        waiting = pod | {"spec": pod["spec"] | {"schedulerName": "nobody"}}
        if answer(waiting, partial(api.request, "POST", path_of("Pod", namespace=where), waiting)).named == frozenset():
            there = api.get("Pod", "pod", where)
            assert there is not None
            # What the cluster writes into it meanwhile is no conflict.
            del there["metadata"]["resourceVersion"]
            yield there
            api.request("DELETE", path_of("Pod", "pod", where), query={"gracePeriodSeconds": "0"})


LABELS = {"app": "pod"}
# How each kind that makes pods wraps a template, and where it is created.
CONTROLLERS: dict[str, tuple[str, str, Callable[[Manifest], Manifest]]] = {
    "PodTemplate": ("core/v1", "podtemplates", lambda template: {"template": template}),
    "ReplicationController": ("core/v1", "replicationcontrollers", lambda template: controller(template, LABELS)),
    **{
        kind: ("apps/v1", f"{kind.lower()}s", lambda template: controller(template, {"matchLabels": LABELS}))
        for kind in ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet")
    },
    "Job": ("batch/v1", "jobs", lambda template: {"spec": {"template": once(template)}}),
    "CronJob": (
        "batch/v1",
        "cronjobs",
        lambda template: {"spec": {"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": once(template)}}}},
    ),
}


def controller(template: Manifest, selector: Manifest) -> Manifest:
    return {"spec": {"selector": selector, "template": template}}


def once(template: Manifest) -> Manifest:
    return template | {"spec": template["spec"] | {"restartPolicy": "Never"}}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", CONTROLLERS)
def test_the_api_server_warns_of_what_is_told_of_a_controllers_pods(
    kind: str, level: Level, twin: Twin, api: Api, drawn: list[Manifest]
) -> None:
    where = made(api, level)
    group, plural, wrap = CONTROLLERS[kind]
    version = group.removeprefix("core/")
    path = f"/{'api' if group == 'core/v1' else 'apis'}/{version}/namespaces/{where}/{plural}"
    compared = Counter[bool]()
    for pod in drawn[:80]:
        template = {"metadata": {**pod["metadata"], "labels": LABELS}, "spec": pod["spec"]}
        manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": "pod", "namespace": where}}
        manifest |= wrap(template)
        warned = warnings(twin, path, manifest)
        if warned is None:
            continue
        theirs = frozenset().union(*map(named_by, warned))
        ours = judged(f"kubernetes:{group}:{kind}", manifest, namespace(level, said(KUBERNETES)))
        if pod["spec"].get("hostNetwork"):
            # Of its pods the API server will name the ports as well: it fills those in, but not in templates.
            ours -= {"host-ports"} - theirs
        assert ours == theirs, f"seed {SEED}: {kind} {json.dumps(manifest)} {warned}"
        compared[bool(theirs)] += 1
    assert min(compared[True], compared[False]) >= 5
    assert compared.total() >= 30


def judged(token: str, manifest: Manifest, home: Manifest) -> Names:
    """The controls that the pack says a resource's pods break, in this namespace."""
    evaluation = Evaluation()
    evaluation.judge(Resource("urn:namespace", "kubernetes:core/v1:Namespace", "namespace", home))
    told = evaluation.judge(Resource("urn:resource", token, "resource", manifest))
    names = (judgement.finding.rule.name for judgement in told)
    return frozenset(name.removeprefix("pod-security/") for name in names if name.startswith("pod-security/"))


def warnings(twin: Twin, path: str, manifest: Manifest) -> list[str] | None:
    """What the API server warns of when this is created as a dry run; None if it isn't valid."""
    config = yaml.safe_load(twin.kubeconfig.read_text())
    server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server}{path}?dryRun=All", json.dumps(manifest).encode(), headers)
    trust = ssl.create_default_context(cafile=str(twin.state / "pki" / "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=trust) as response:
            told = response.headers.get_all("Warning") or []
    except HTTPError as error:
        if error.code in (400, 422):
            return None
        raise
    # 299 - "what it says, with \" for a quote"
    return [re.sub(r"\\(.)", r"\1", warning.partition('"')[2].removesuffix('"')) for warning in told]
