"""Seccomp: the filter of system calls must not be switched off, and (restricted) must be switched on.

Sources: k8s.io/pod-security-admission v0.33.4, policy/check_seccompProfile_baseline.go and
check_seccompProfile_restricted.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.field import Field
from policies.pod import Pod
from policies.pod_security.control import Control, Version, security_contexts, unless_windows

_ALLOWED = ("RuntimeDefault", "Localhost")


def _set_badly(context: Field) -> Iterator[Fault]:
    profile = context.get("seccompProfile")
    if profile.absent:
        return
    yield from must(
        profile.get("type"),
        lambda value: value in _ALLOWED,
        allowed="`RuntimeDefault` or `Localhost`",
        fix="set it to RuntimeDefault",
        vocabulary=("Unconfined",),
    )


def _baseline(pod: Pod, version: Version) -> Iterator[Fault]:
    for context in security_contexts(pod):
        yield from _set_badly(context)


def _restricted(pod: Pod, version: Version) -> Iterator[Fault]:
    yield from _baseline(pod, version)
    shared = pod.security.get("seccompProfile")
    # A bad or unknown profile of the whole pod has been told already.
    if not shared.absent:
        return
    for container in pod.containers():
        profile = container.get("securityContext", "seccompProfile")
        if profile.absent:
            yield Fault(
                profile.path,
                "missing here and for the whole pod",
                "`RuntimeDefault` or `Localhost` as its type",
                f"set {shared.path}.type to RuntimeDefault",
            )


BASELINE = Control("seccomp-profile-baseline", "Seccomp", "baseline", _baseline)
RESTRICTED = Control(
    "seccomp-profile-restricted", "Seccomp", "restricted", unless_windows(_restricted), replaces=BASELINE.name
)
