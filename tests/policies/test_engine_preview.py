"""The pack in the real engine: what a preview refuses, what it only says, and what it never tells.

One program for each rule, which breaks just that one. Programs only render YAML, so they need no cluster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from policies.pod_security import CONTROLS, KUBERNETES
from policies.rule import Enforcement
from policies.rules import RULES
from policies.unknown import UNKNOWN
from tests.policies.cases import CASES
from tests.policies.cases.case import Case, Declared, room, running, with_pod
from tests.policies.engine import SECRET, Preview, Program
from tests.policies.pods import changed, hardened

pytestmark = pytest.mark.engine

CONTAINER = "spec.containers.0.securityContext"
POD = "spec.securityContext"

# A value that breaks just this control, the level of the namespace, and what the message says of it.
CONTROLS_BROKEN: dict[str, tuple[str, str, Any, str]] = {
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
# The home's own rules hold in any namespace; here they let the same thing pass, so that the control alone is broken.
GRANTED = "exceptions:\n" + "".join(
    f"- {{rule: {rule}, resource: Deployment/app, reason: the control is tried by itself}}\n"
    for rule in ("unprivileged", "host-path", "host-namespaces")
)
OF_CONTROLS = [
    Case(rule, path, with_pod(path, value, level), (message,))
    for rule, (level, path, value, message) in CONTROLS_BROKEN.items()
]
NEWER = {control.rule.name for control in CONTROLS if control.since > KUBERNETES}
ABOUT_EXCEPTIONS = {"exception-expired", "exception-unused"}
FIRST = {case.rule: case for case in reversed(CASES) if case.broken and not case.undecided}
TRIED = [*FIRST.values(), *OF_CONTROLS]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("tried"))


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Program:
    return Program(tmp_path_factory.mktemp("lenient"), GRANTED)


def rules_of(messages: list[str]) -> set[str]:
    """The rules that messages name; the engine puts the policy's own description before each."""
    return {message.rpartition("[")[2].partition(":")[0] for message in messages}


def secretive() -> tuple[Declared, ...]:
    """A deployment that breaks rules with values that are secrets."""
    secret = f"{SECRET}s3cr3t"
    pod = changed("spec.containers.0.image", secret)
    pod["spec"]["containers"][0] |= {"name": secret, "env": [{"name": "PASSWORD", "value": secret}], "args": [secret]}
    pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": secret, "memory": secret}}
    pod["spec"]["securityContext"]["seLinuxOptions"] = {"user": secret, "type": secret}
    return (*room(), running(pod))


def test_every_rule_is_tried() -> None:
    assert {case.rule for case in TRIED} == set(RULES) - NEWER - ABOUT_EXCEPTIONS


@pytest.mark.parametrize("case", TRIED, ids=lambda case: case.rule)
def test_a_program_that_breaks_one_rule_is_refused_for_it(case: Case, program: Program, lenient: Program) -> None:
    preview = (lenient if case.rule in CONTROLS_BROKEN else program).preview(case.program)
    if RULES[case.rule].enforcement is Enforcement.ADVISORY:
        assert preview.code == 0, preview.output
        told = [message for message in preview.advised() if f"[{case.rule}:" in message]
    else:
        assert preview.code != 0, preview.output
        told = preview.refused()
        assert rules_of(told) == {case.rule}, preview.output
    for part in case.broken:
        assert any(part in message for message in told), told
    assert all(RULES[case.rule].url in message and RULES[case.rule].severity in message for message in told)
    # What a person sees on the screen, not only what the engine records.
    assert all(message.splitlines()[-1] in preview.output for message in told)


def test_secrets_stay_secret_in_messages(program: Program) -> None:
    refused = program.preview(secretive())
    told = {"image-pinned", "requests-and-memory-limit", "secrets-in-secrets", "pod-security/se-linux-options"}
    assert told <= rules_of(refused.refused())
    assert "s3cr3t" not in refused.output
    assert not any("s3cr3t" in message for _, _, message in refused.events)


def half_known() -> list[Declared]:
    """A program that keeps every rule as far as it is known, and in the end breaks some."""
    half = changed("spec.containers.0.image", UNKNOWN)
    half["spec"]["securityContext"] = UNKNOWN
    share = changed("spec.volumes.0", {"name": "photos", "nfs": {"server": "nas", "path": "/"}})
    return [
        *room(),
        *room("privileged", "lax"),
        running(half, name="half"),
        running(hardened(), name="anywhere", namespace=UNKNOWN),
        running(share, name="somewhere", namespace=UNKNOWN),
    ]


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> Preview:
    return Program(tmp_path_factory.mktemp("undecided")).preview(half_known())


def test_nothing_is_refused_for_want_of_a_value(undecided: Preview) -> None:
    assert undecided.code == 0, undecided.output
    assert undecided.refused() == []


@pytest.mark.parametrize(
    "note",
    [
        "Deployment half: spec.template.spec.containers[0].image is not known yet, so this is decided at `pulumi up`.",
        "Deployment half: spec.template.spec.securityContext is not known yet, so this is decided at `pulumi up`.",
        "Deployment somewhere: metadata.namespace is not known yet, so this is decided at `pulumi up`. "
        "[pod-security/restricted-volumes]",
    ],
)
def test_what_is_undecided_is_told(note: str, undecided: Preview) -> None:
    assert note in undecided.output


def test_what_passes_at_every_level_needs_no_namespace(undecided: Preview) -> None:
    assert not any("Deployment anywhere" in note for note in undecided.advised())


def test_an_up_decides_what_the_preview_left_undecided(tmp_path: Path) -> None:
    program = Program(tmp_path)
    case = next(one for one in CASES if one.rule == "image-pinned" and one.undecided)
    assert program.preview(case.program).code == 0
    # In a deployment an output that nobody ever fills is null, as an image that turned out to be missing.
    up = program.up(case.program)
    assert up.code != 0, up.output
    assert "image-pinned" in rules_of(up.refused())


EXCEPTIONS = """
exceptions:
- {rule: unprivileged, resource: Deployment/app, reason: it mounts for others}
- {rule: unprivileged, resource: Deployment/gone, reason: it is gone}
- {rule: host-path, resource: Deployment/app, reason: it did once, expires: 2020-01-31}
"""


def test_exceptions_are_told_of_whether_they_hold_or_not(tmp_path: Path) -> None:
    pod = changed(f"{CONTAINER}.privileged", True)
    pod["spec"]["volumes"] = [{"name": "host", "hostPath": {"path": "/"}}]
    preview = Program(tmp_path, EXCEPTIONS).preview([*room("privileged"), running(pod)])
    assert rules_of(preview.refused()) == {"host-path"}
    notes = "\n".join(preview.advised())
    assert "- unprivileged for Deployment/app: it mounts for others" in notes
    assert "the exception from unprivileged for Deployment/gone is needed by nothing" in notes
    assert "the exception from host-path for Deployment/app is expired since 2020-01-31" in notes


def test_a_stack_has_a_config_of_its_own(program: Program) -> None:
    config = {
        "homebrain-resources": {
            "rules": {"image-pinned": "advisory", "probes": "disabled"},
            "registries": ["quay.io/home"],
            "exceptions": [{"rule": "image-registry", "resource": "Deployment/app", "reason": "for a while"}],
        }
    }
    pod = changed("spec.containers.0.image", "nginx:latest")
    pod["spec"]["containers"][0]["readinessProbe"] = None
    declared = [*room(), running(pod), running(changed("spec.containers.0.image", "quay.io/home/a:1"), name="own")]
    preview = program.preview([*declared, running(hardened(), name="other")], config)
    assert rules_of(preview.refused()) == {"image-registry"}
    assert all("Deployment other" in message for message in preview.refused())
    assert any("[image-pinned:" in message for message in preview.advised())


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"rules": {"image-pined": "advisory"}}, "image-pined"),
        ({"registries": "docker.io"}, "registries"),
        ({"exceptions": [{"rule": "image-pined", "resource": "Deployment/app", "reason": "why"}]}, "image-pined"),
    ],
)
def test_a_mistake_in_the_config_is_told(config: dict[str, Any], told: str, program: Program) -> None:
    preview = program.preview([*room(), running(hardened())], {"homebrain-resources": config})
    assert preview.code != 0, preview.output
    assert told in preview.output


def test_a_digest_that_the_versions_file_has_is_asked_for(tmp_path: Path) -> None:
    program = Program(tmp_path)
    digest = f"sha256:{'0123456789abcdef' * 4}"
    program.pin(f"images:\n  web: {{image: docker.io/library/nginx, tag: 1.29.1, digest: '{digest}'}}\n")
    preview = program.preview([*room(), running(hardened())])
    assert rules_of(preview.refused()) == {"image-pinned"}
    assert "an image without its digest, or with another" in preview.refused()[0]
    pinned = changed("spec.containers.0.image", f"docker.io/library/nginx:1.29.1@{digest}")
    assert program.preview([*room(), running(pinned)]).code == 0


def test_a_mistake_in_the_exceptions_is_told_and_nothing_is_deployed(tmp_path: Path) -> None:
    exceptions = "exceptions: [{rule: no-such-rule, resource: Deployment/web, reason: why}]"
    preview = Program(tmp_path, exceptions).preview([*room(), running(hardened())])
    assert preview.code != 0
    assert "exceptions.yaml, exceptions[0].rule: there is no rule 'no-such-rule'" in preview.output
