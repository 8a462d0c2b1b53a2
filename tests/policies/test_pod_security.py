"""Every control of the Pod Security Standards: what passes it, what breaks it, and what leaves it undecided."""

from __future__ import annotations

from typing import Any

import pytest

from policies.pod import ADMITTED_VOLUMES, OTHER_VOLUMES, read
from policies.pod_security import CONTROLS, KUBERNETES, controls, faults, violations
from policies.pod_security.control import Level
from policies.unknown import UNKNOWN
from tests.policies.pods import changed, hardened

CONTAINER = "spec.containers.0.securityContext"
POD = "spec.securityContext"
ANNOTATIONS = "metadata.annotations"
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/web"

# Control, where to put something, values that pass, values that break it.
CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("windows-host-process", f"{POD}.windowsOptions", [None, {}, {"hostProcess": False}], [{"hostProcess": True}]),
    ("windows-host-process", f"{CONTAINER}.windowsOptions.hostProcess", [None, False], [True]),
    ("host-namespaces", "spec.hostNetwork", [None, False], [True]),
    ("host-namespaces", "spec.hostPID", [None, False], [True]),
    ("host-namespaces", "spec.hostIPC", [None, False], [True]),
    ("privileged", f"{CONTAINER}.privileged", [None, False], [True]),
    (
        "capabilities-baseline",
        f"{CONTAINER}.capabilities.add",
        [None, [], ["CHOWN", "SYS_CHROOT"], ["NET_BIND_SERVICE"]],
        [["NET_RAW"], ["CHOWN", "SYS_ADMIN"], ["ALL"], ["chown"], [""]],
    ),
    ("host-path-volumes", "spec.volumes.0", [{"name": "a"}, {"hostPath": None}], [{"hostPath": {}}]),
    (
        "host-ports",
        "spec.containers.0.ports",
        [None, [], [{"hostPort": 0}], [{"hostPort": 0.0}]],
        [[{"hostPort": 80.0}]],
    ),
    (
        "app-armor-profile",
        f"{POD}.appArmorProfile",
        [None, {"type": "RuntimeDefault"}, {"type": "Localhost"}],
        [{"type": "Unconfined"}, {}],
    ),
    ("app-armor-profile", f"{CONTAINER}.appArmorProfile.type", ["RuntimeDefault"], ["Unconfined", ""]),
    (
        "app-armor-profile",
        ANNOTATIONS,
        [
            None,
            {},
            {APP_ARMOR: ""},
            {APP_ARMOR: "runtime/default"},
            {APP_ARMOR: "localhost/x"},
            {"other": "unconfined"},
        ],
        [{APP_ARMOR: "unconfined"}, {APP_ARMOR: "RuntimeDefault"}],
    ),
    (
        "se-linux-options",
        f"{POD}.seLinuxOptions",
        [None, {}, {"type": ""}, {"type": "container_t"}, {"type": "container_engine_t"}, {"user": "", "role": ""}],
        [{"type": "spc_t"}, {"user": "system_u"}, {"role": "system_r"}],
    ),
    ("se-linux-options", f"{CONTAINER}.seLinuxOptions.type", ["container_kvm_t"], ["unconfined_t"]),
    ("proc-mount", f"{CONTAINER}.procMount", [None, "Default"], ["Unmasked", ""]),
    (
        "seccomp-profile-baseline",
        f"{POD}.seccompProfile",
        [None, {"type": "RuntimeDefault"}, {"type": "Localhost"}],
        [{"type": "Unconfined"}, {}],
    ),
    (
        "seccomp-profile-baseline",
        f"{CONTAINER}.seccompProfile",
        [None, {"type": "Localhost"}],
        [{"type": "Unconfined"}],
    ),
    (
        "sysctls",
        f"{POD}.sysctls",
        [None, [], [{"name": "net.ipv4.tcp_rmem"}, {"name": "kernel.shm_rmid_forced"}]],
        [[{"name": "kernel.msgmax"}], [{}]],
    ),
    (
        "restricted-volumes",
        "spec.volumes",
        [None, [], [{"name": "a"}], *([{source: {}}] for source in sorted(ADMITTED_VOLUMES))],
        [[{source: {}}] for source in sorted(OTHER_VOLUMES)],
    ),
    ("allow-privilege-escalation", f"{CONTAINER}.allowPrivilegeEscalation", [False], [True, None]),
    ("run-as-non-root", f"{POD}.runAsNonRoot", [True], [False, None]),
    ("run-as-non-root", f"{CONTAINER}.runAsNonRoot", [True, None], [False]),
    ("run-as-user", f"{POD}.runAsUser", [None, 1000, 65534.0], [0, 0.0]),
    ("run-as-user", f"{CONTAINER}.runAsUser", [None, 1000], [0]),
    (
        "seccomp-profile-restricted",
        f"{POD}.seccompProfile",
        [{"type": "Localhost"}],
        [None, {"type": "Unconfined"}, {}],
    ),
    ("seccomp-profile-restricted", f"{CONTAINER}.seccompProfile", [None, {"type": "Localhost"}], [{"type": "Other"}]),
    (
        "capabilities-restricted",
        f"{CONTAINER}.capabilities",
        [{"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}, {"drop": ["KILL", "ALL"]}],
        [None, {}, {"drop": ["all"]}, {"drop": ["NET_RAW"]}, {"drop": ["ALL"], "add": ["CHOWN"]}],
    ),
]
EVERY_CONTROL = {control.name: control for control in CONTROLS}


def verdicts(pod: object, level: Level, version: tuple[int, int] = KUBERNETES) -> dict[str, set[bool]]:
    """By the name of each control that has something to say, whether that is decided."""
    told: dict[str, set[bool]] = {}
    for control, fault in faults(read(pod)[0], level, version):
        told.setdefault(control.name, set()).add(not fault.undecided)
    return told


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_a_hardened_pod_passes(level: Level) -> None:
    assert violations(hardened(), level) == []


@pytest.mark.parametrize(("name", "path", "value"), [(n, p, v) for n, p, good, _ in CASES for v in good])
def test_values_that_the_standard_allows_pass(name: str, path: str, value: Any) -> None:
    assert name not in verdicts(changed(path, value), EVERY_CONTROL[name].level)


@pytest.mark.parametrize(("name", "path", "value"), [(n, p, v) for n, p, _, bad in CASES for v in bad])
def test_values_that_the_standard_forbids_are_found(name: str, path: str, value: Any) -> None:
    level = EVERY_CONTROL[name].level
    assert verdicts(changed(path, value), level) == {name: {True}}
    assert violations(changed(path, value), level)


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, path, _, _ in CASES])
def test_an_unknown_value_leaves_its_control_undecided(name: str, path: str) -> None:
    assert verdicts(changed(path, UNKNOWN), EVERY_CONTROL[name].level)[name] == {False}
    assert any("is not known yet" in sentence for sentence in violations(changed(path, UNKNOWN), "restricted"))


def test_every_control_has_passing_failing_and_unknown_cases() -> None:
    assert {name for name, _, good, bad in CASES if good and bad} == {
        control.name for control in CONTROLS if control.since <= KUBERNETES
    }


@pytest.mark.parametrize("place", ["spec", "spec.containers", "spec.securityContext", "spec.containers.0"])
def test_an_unknown_whole_leaves_everything_below_it_undecided_and_nothing_passed(place: str) -> None:
    told = verdicts(changed(place, UNKNOWN), "restricted")
    assert told
    assert all(decided == {False} for decided in told.values())


def test_what_is_known_is_decided_beside_what_is_not() -> None:
    pod = changed(f"{CONTAINER}.capabilities", {"drop": [UNKNOWN, "ALL"], "add": [UNKNOWN, "SYS_ADMIN"]})
    assert verdicts(pod, "restricted") == {"capabilities-restricted": {True, False}}
    pod = changed(f"{CONTAINER}.capabilities.drop", [UNKNOWN])
    assert verdicts(pod, "restricted") == {"capabilities-restricted": {False}}


def test_what_hangs_on_one_unknown_value_is_told_once_a_control() -> None:
    told = violations(changed("spec.securityContext", UNKNOWN), "restricted")
    assert len(told) == len(set(told))


def test_a_volume_is_undecided_while_a_source_that_would_admit_it_is_unknown() -> None:
    for source, verdict in [(UNKNOWN, {False}), (None, {True})]:
        volume = {"name": "a", "persistentVolumeClaim": source, "nfs": {"server": "nas", "path": "/"}}
        assert verdicts(changed("spec.volumes.0", volume), "restricted") == {"restricted-volumes": verdict}


@pytest.mark.parametrize("kind", ["initContainers", "containers", "ephemeralContainers"])
def test_every_kind_of_container_is_judged(kind: str) -> None:
    pod = hardened()
    pod["spec"][kind] = [{"name": "bad", "securityContext": {"privileged": True}}]
    told = violations(pod, "restricted")
    for field in ("privileged", "allowPrivilegeEscalation", "capabilities.drop"):
        assert any(f"spec.{kind}[0].securityContext.{field}" in sentence for sentence in told)


@pytest.mark.parametrize(
    "name", ["allow-privilege-escalation", "capabilities-restricted", "seccomp-profile-restricted"]
)
def test_windows_pods_are_exempt_from_what_windows_does_not_have(name: str) -> None:
    pod = changed("spec.os", {"name": "windows"})
    pod["spec"]["securityContext"] = {"runAsNonRoot": True}
    pod["spec"]["containers"] = [{"name": "web"}]
    assert violations(pod, "restricted") == []
    pod["spec"]["os"]["name"] = "linux"
    assert verdicts(pod, "restricted")[name] == {True}
    pod["spec"]["os"] = UNKNOWN
    assert verdicts(pod, "restricted")[name] == {False}


def test_a_container_that_says_false_is_found_even_where_the_pod_says_true_and_the_reverse() -> None:
    assert "run-as-non-root" in verdicts(changed(f"{CONTAINER}.runAsNonRoot", False), "restricted")
    pod = changed(f"{POD}.runAsNonRoot", False)
    pod["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] = True
    assert "run-as-non-root" in verdicts(pod, "restricted")


def test_a_pod_on_the_hosts_network_listens_on_the_nodes_ports_without_saying_so() -> None:
    pod = changed("spec.containers.0.ports", [{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}])
    assert violations(pod, "baseline") == []
    for network, verdict in [(True, {True}), (UNKNOWN, {False})]:
        pod["spec"]["hostNetwork"] = network
        assert verdicts(pod, "baseline") == {"host-namespaces": verdict, "host-ports": verdict}
    assert sum("[Host Ports]" in sentence for sentence in violations(pod, "baseline")) == 1


def test_every_container_may_say_for_itself_what_the_pod_leaves_open() -> None:
    pod = changed(POD, None)
    pod["spec"]["containers"][0]["securityContext"] |= {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}}
    assert violations(pod, "restricted") == []
    pod["spec"]["initContainers"] = [{"name": "other", "securityContext": {"allowPrivilegeEscalation": False}}]
    assert set(verdicts(pod, "restricted")) == {
        "run-as-non-root",
        "seccomp-profile-restricted",
        "capabilities-restricted",
    }


def test_user_namespaces_lift_nothing_as_their_feature_gate_is_off_in_1_33() -> None:
    pod = changed("spec.hostUsers", False)
    pod["spec"]["securityContext"] |= {"runAsNonRoot": False, "runAsUser": 0}
    pod["spec"]["containers"][0]["securityContext"]["procMount"] = "Unmasked"
    assert set(verdicts(pod, "restricted")) == {"proc-mount", "run-as-non-root", "run-as-user"}


@pytest.mark.parametrize("probe", ["livenessProbe", "readinessProbe", "startupProbe"])
@pytest.mark.parametrize("action", ["httpGet", "tcpSocket"])
def test_hosts_in_probes_are_found_from_1_34_on(probe: str, action: str) -> None:
    pod = changed(f"spec.containers.0.{probe}", {action: {"host": "192.168.0.1", "port": 80}})
    assert violations(pod, "baseline") == []
    assert verdicts(pod, "baseline", (1, 34)) == {"host-probes-and-host-lifecycle": {True}}
    assert violations(changed(f"spec.containers.0.{probe}", {action: {"host": ""}}), "baseline", (1, 34)) == []


@pytest.mark.parametrize("hook", ["postStart", "preStop"])
def test_hosts_in_lifecycle_hooks_are_found_from_1_34_on(hook: str) -> None:
    pod = changed(f"spec.containers.0.lifecycle.{hook}", {"httpGet": {"host": UNKNOWN}})
    assert violations(pod, "baseline") == []
    assert verdicts(pod, "baseline", (1, 34)) == {"host-probes-and-host-lifecycle": {False}}


@pytest.mark.parametrize(
    ("path", "value", "since"),
    [
        (f"{POD}.sysctls", [{"name": "net.ipv4.tcp_rmem"}], (1, 32)),
        (f"{POD}.sysctls", [{"name": "net.ipv4.tcp_fin_timeout"}], (1, 29)),
        (f"{POD}.sysctls", [{"name": "net.ipv4.ip_local_reserved_ports"}], (1, 27)),
        (f"{POD}.seLinuxOptions.type", "container_engine_t", (1, 31)),
    ],
)
def test_what_later_versions_allow_earlier_ones_forbid(path: str, value: Any, since: tuple[int, int]) -> None:
    assert violations(changed(path, value), "baseline", since) == []
    assert violations(changed(path, value), "baseline", (since[0], since[1] - 1))


def test_restricted_replaces_the_controls_of_baseline_that_it_sharpens() -> None:
    baseline, restricted = ({control.name for control in controls(level)} for level in ("baseline", "restricted"))
    assert baseline - restricted == {"capabilities-baseline", "host-path-volumes", "seccomp-profile-baseline"}


def test_privileged_forbids_nothing_and_other_levels_do_not_exist() -> None:
    assert violations(changed("spec.hostPID", True), "privileged") == []
    with pytest.raises(ValueError, match="there is no level 'strict'"):
        violations(hardened(), "strict")  # type: ignore[arg-type]


def test_a_sentence_names_the_field_what_was_found_what_is_allowed_and_how_to_fix_it() -> None:
    assert violations(changed("spec.hostPID", True), "baseline") == [
        "spec.hostPID is true, allowed is false or nothing: give the pod namespaces of its own. [Host Namespaces]"
    ]


def test_half_a_user_is_none() -> None:
    (told,) = violations(changed(f"{POD}.runAsUser", 0.5), "restricted")
    assert told.startswith("spec.securityContext.runAsUser is a number, allowed is a whole number: ")


def test_a_pod_that_kubernetes_cannot_read_does_not_pass() -> None:
    assert violations({}, "baseline") == [
        "spec is missing, allowed is the spec of a pod: write what the pod runs. [Well-formed]"
    ]
    told = violations(changed(f"{CONTAINER}.privileged", "true"), "baseline")
    assert told == [
        "spec.containers[0].securityContext.privileged is a text, allowed is a boolean: "
        "give it the kind of value that Kubernetes takes there. [Well-formed]"
    ]
