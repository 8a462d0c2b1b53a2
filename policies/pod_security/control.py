"""What a control of the Pod Security Standards is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from policies.fault import Fault
from policies.field import Field
from policies.pod import Pod
from policies.rule import Rule, Severity

Level = Literal["privileged", "baseline", "restricted"]
LEVELS: Final[tuple[Level, ...]] = ("privileged", "baseline", "restricted")
"""From the laxest to the strictest."""

Version = tuple[int, int]
KUBERNETES: Final[Version] = (1, 33)
"""The version whose standard applies unless another is asked for: that of the home's API server."""

Check = Callable[[Pod, Version], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Control:
    """One control.

    name: as in Kubernetes' own source, in kebab case; its rule is `pod-security/<name>`.
    title: as in the standard's text.
    level: the level that it belongs to. Restricted means baseline's controls as well as its own.
    replaces: the name of a control of baseline that it stands in for at restricted.
    since: the version of Kubernetes that it came with; all that came before 1.25 count as 1.0.
    """

    name: str
    title: str
    level: Literal["baseline", "restricted"]
    check: Check
    replaces: str | None = None
    since: Version = (1, 0)

    @property
    def rule(self) -> Rule:
        """The control as a rule of the pack."""
        return Rule(
            f"pod-security/{self.name}",
            f"Pods keep to the Pod Security Standards' control {self.title}",
            Severity.HIGH if self.level == "baseline" else Severity.MEDIUM,
            f"https://kubernetes.io/docs/concepts/security/pod-security-standards/#{self.level}",
            framework=f"Pod Security Standards ({self.level})",
        )


def security_contexts(pod: Pod) -> Iterator[Field]:
    """The pod's security context, then each container's."""
    yield pod.security
    for container in pod.containers():
        yield container.get("securityContext")


def unless_windows(check: Check) -> Check:
    """The check for pods that don't run on Windows.

    Since 1.25 a pod with `spec.os.name: windows` is exempt from controls whose fields Windows doesn't have. Where the
    system isn't known, what the check finds is in doubt.
    """

    def exempting(pod: Pod, version: Version) -> Iterator[Fault]:
        system = pod.spec.get("os", "name")
        if system.value == "windows":
            return
        for fault in check(pod, version):
            yield Fault.unknown(system) if system.unknown else fault

    return exempting
