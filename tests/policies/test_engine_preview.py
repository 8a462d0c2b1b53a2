"""The pack in the real engine: what a preview refuses, what it only says, and what it never tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policies.pod_security import CONTROLS, KUBERNETES
from policies.rules import RULES
from tests.policies.engine import SECRET, UNKNOWN, Preview, Program
from tests.policies.pods import changed, hardened

pytestmark = pytest.mark.engine

Declared = tuple[str, str, dict[str, Any]]
CONTAINER = "spec.containers.0.securityContext"
POD = "spec.securityContext"

# A value that breaks just this rule, the level of the namespace, and what the message says of it.
BREAKING: dict[str, tuple[str, str, Any, str]] = {
    "image-pinned": ("restricted", "spec.containers.0.image", "nginx:latest", "the tag `latest`"),
    "requests-and-memory-limit": ("restricted", "spec.containers.0.resources.limits", {}, "limits.memory is missing"),
    "unprivileged": ("privileged", f"{CONTAINER}.privileged", True, "privileged is true"),
    "well-formed": ("restricted", f"{CONTAINER}.runAsUser", "root", "runAsUser is a text, allowed is a whole number"),
    "pod-security/windows-host-process": (
        "baseline",
        f"{POD}.windowsOptions.hostProcess",
        True,
        "hostProcess is true, allowed is false",
    ),
    "pod-security/host-namespaces": ("baseline", "spec.hostNetwork", True, "hostNetwork is true"),
    "pod-security/privileged": ("baseline", f"{CONTAINER}.privileged", True, "privileged is true"),
    "pod-security/capabilities-baseline": (
        "baseline",
        f"{CONTAINER}.capabilities.add",
        ["SYS_ADMIN"],
        "capabilities.add[0] is `SYS_ADMIN`",
    ),
    "pod-security/host-path-volumes": ("baseline", "spec.volumes.0", {"hostPath": {"path": "/"}}, "hostPath is set"),
    "pod-security/host-ports": (
        "baseline",
        "spec.containers.0.ports",
        [{"containerPort": 80, "hostPort": 80}],
        "hostPort is a port of the node",
    ),
    "pod-security/app-armor-profile": ("baseline", f"{POD}.appArmorProfile.type", "Unconfined", "type is `Unconfined`"),
    "pod-security/se-linux-options": (
        "baseline",
        f"{POD}.seLinuxOptions.user",
        "root",
        "seLinuxOptions.user is a text",
    ),
    "pod-security/proc-mount": ("baseline", f"{CONTAINER}.procMount", "Unmasked", "procMount is `Unmasked`"),
    "pod-security/seccomp-profile-baseline": (
        "baseline",
        f"{POD}.seccompProfile.type",
        "Unconfined",
        "seccompProfile.type is `Unconfined`",
    ),
    "pod-security/sysctls": (
        "baseline",
        f"{POD}.sysctls",
        [{"name": "kernel.msgmax", "value": "1"}],
        "sysctls[0].name",
    ),
    "pod-security/restricted-volumes": (
        "restricted",
        "spec.volumes.0",
        {"name": "photos", "nfs": {"server": "nas", "path": "/"}},
        "volumes[0].nfs is set, allowed is one of configMap",
    ),
    "pod-security/allow-privilege-escalation": (
        "restricted",
        f"{CONTAINER}.allowPrivilegeEscalation",
        True,
        "allowPrivilegeEscalation is true, allowed is false",
    ),
    "pod-security/run-as-non-root": ("restricted", f"{POD}.runAsNonRoot", False, "runAsNonRoot is false"),
    "pod-security/run-as-user": ("restricted", f"{POD}.runAsUser", 0, "runAsUser is 0"),
    "pod-security/seccomp-profile-restricted": (
        "restricted",
        f"{POD}.seccompProfile",
        None,
        "seccompProfile is missing",
    ),
    "pod-security/capabilities-restricted": (
        "restricted",
        f"{CONTAINER}.capabilities",
        None,
        "capabilities.drop is without `ALL`",
    ),
}
# A privileged container breaks the home's own rule in any namespace.
ALSO = {"pod-security/privileged": {"unprivileged"}}


def namespace(level: str) -> Declared:
    metadata = {"name": level, "labels": {"pod-security.kubernetes.io/enforce": level}}
    return ("kubernetes:core/v1:Namespace", level, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def deployment(name: str, level: Any, pod: dict[str, Any]) -> Declared:
    template = pod | {"metadata": {"labels": {"app": name}}}
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": level}}
    return ("kubernetes:apps/v1:Deployment", name, head | {"spec": spec})


def breaking(rule: str) -> Declared:
    level, path, value, _ = BREAKING[rule]
    return deployment(rule.replace("/", "-"), level, changed(path, value))


NAMESPACES = [namespace(level) for level in ("privileged", "baseline", "restricted")]


def rules_of(messages: list[str]) -> set[str]:
    return {message.rpartition("[")[2].partition(":")[0] for message in messages}


def secretive() -> Declared:
    """A deployment that breaks rules with values that are secrets."""
    secret = f"{SECRET}s3cr3t"
    pod = changed("spec.containers.0.image", secret)
    pod["spec"]["containers"][0]["name"] = secret
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": secret, "memory": secret}}
    pod["spec"]["securityContext"]["seLinuxOptions"] = {"user": secret, "type": secret}
    return deployment("secretive", "restricted", pod)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    """A preview of one deployment for each rule, which breaks it, and of one with secrets."""
    program = Program(tmp_path_factory.mktemp("refused"))
    return program.preview([*NAMESPACES, *map(breaking, BREAKING), secretive()])


@pytest.fixture(scope="module")
def admitted(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    """A preview that nothing refuses, though there is something to say about it."""
    exceptions = """
exceptions:
- {rule: unprivileged, resource: Deployment/unprivileged, reason: it mounts for others}
- {rule: unprivileged, resource: Deployment/gone, reason: it is gone}
"""
    half = changed("spec.containers.0.image", UNKNOWN)
    half["spec"]["securityContext"] = UNKNOWN
    share = changed("spec.volumes.0", {"name": "photos", "nfs": {"server": "nas", "path": "/"}})
    return Program(tmp_path_factory.mktemp("admitted"), exceptions).preview(
        [
            *NAMESPACES,
            breaking("unprivileged"),
            breaking("image-pinned"),
            deployment("half", "restricted", half),
            deployment("anywhere", UNKNOWN, hardened()),
            deployment("somewhere", UNKNOWN, share),
        ],
        {"homebrain-resources": {"rules": {"image-pinned": "advisory"}}},
    )


def test_every_rule_that_can_refuse_has_a_case() -> None:
    newer = {control.rule.name for control in CONTROLS if control.since > KUBERNETES}
    about_exceptions = {"exception-expired", "exception-unused"}
    assert set(BREAKING) == set(RULES) - newer - about_exceptions


def test_a_preview_with_violations_is_refused(refused: Preview) -> None:
    assert refused.code != 0, refused.output
    assert "homebrain@v1.0.0" in refused.output


@pytest.mark.parametrize("rule", BREAKING)
def test_what_breaks_one_rule_is_refused_for_it(rule: str, refused: Preview) -> None:
    name = rule.replace("/", "-")
    messages = refused.refused(name)
    assert rules_of(messages) == {rule} | ALSO.get(rule, set()), refused.output
    assert any(
        f"Deployment {name}: spec.template.{'' if 'spec' in message else '?'}" in message for message in messages
    )
    assert any(BREAKING[rule][3] in message for message in messages)


def test_the_output_shows_the_message_a_person_needs(tmp_path: Path) -> None:
    preview = Program(tmp_path).preview([namespace("restricted"), breaking("image-pinned")])
    assert preview.code != 0
    assert (
        "Deployment image-pinned: spec.template.spec.containers[0].image is an image with the tag `latest`, "
        "allowed is a fixed tag or a digest: take the image's reference from versions.yaml. "
        "[image-pinned: high, https://kubernetes.io/docs/concepts/containers/images/#image-names]"
    ) in preview.output
    assert len(preview.events) == 1


def test_secrets_stay_secret_in_messages(refused: Preview) -> None:
    told = rules_of(refused.refused("secretive"))
    assert {"image-pinned", "requests-and-memory-limit", "pod-security/se-linux-options"} <= told
    assert "s3cr3t" not in refused.output


def test_nothing_is_refused_for_want_of_a_value(admitted: Preview) -> None:
    assert admitted.code == 0, admitted.output
    assert admitted.refused() == []


@pytest.mark.parametrize(
    "note",
    [
        "Deployment half: spec.template.spec.containers[0].image is not known yet, so this is decided at `pulumi up`.",
        "Deployment half: spec.template.spec.securityContext is not known yet, so this is decided at `pulumi up`.",
        "Deployment somewhere: metadata.namespace is not known yet, so this is decided at `pulumi up`. "
        "[pod-security/restricted-volumes]",
    ],
)
def test_what_is_undecided_is_told(note: str, admitted: Preview) -> None:
    assert note in admitted.output


def test_what_passes_at_every_level_needs_no_namespace(admitted: Preview) -> None:
    assert not any("Deployment anywhere" in note for note in admitted.advised())


def test_exceptions_are_told_of_whether_they_are_in_use_or_not(admitted: Preview) -> None:
    notes = "\n".join(admitted.advised())
    assert "- unprivileged for Deployment/unprivileged: it mounts for others" in notes
    assert "the exception from unprivileged for Deployment/gone is needed by nothing" in notes


def test_a_rule_can_be_made_to_advise(admitted: Preview) -> None:
    assert rules_of([note for note in admitted.advised() if "Deployment image-pinned" in note]) == {"image-pinned"}


def test_a_mistake_in_the_exceptions_is_told_and_nothing_is_deployed(tmp_path: Path) -> None:
    exceptions = "exceptions: [{rule: no-such-rule, resource: Deployment/web, reason: why}]"
    preview = Program(tmp_path, exceptions).preview(
        [namespace("restricted"), deployment("web", "restricted", hardened())]
    )
    assert preview.code != 0
    assert "exceptions.yaml, exceptions[0].rule: there is no rule 'no-such-rule'" in preview.output
