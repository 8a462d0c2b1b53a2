"""Privileges: no workload has the run of its node, whatever its namespace would admit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.fault import Fault
from policies.pod import Pod
from policies.pod_security import KUBERNETES, privileged
from policies.rule import Rule, Severity

UNPRIVILEGED: Final = Rule(
    "unprivileged",
    "No container is privileged, in whatever namespace",
    Severity.CRITICAL,
    "https://kubernetes.io/docs/concepts/security/linux-kernel-security-constraints/#privileged-containers",
)


def unprivileged(pod: Pod) -> Iterator[Fault]:
    """Privileged containers."""
    return privileged.CONTROL.check(pod, KUBERNETES)
