"""Access to the node: no workload has the run of it, whatever its namespace would admit.

System components that need it (drivers, exporters) are named one by one in `exceptions.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from policies.check import PodCheck
from policies.fault import Fault
from policies.parameters import Parameters
from policies.pod_security import KUBERNETES, host_namespaces, host_path_volumes, privileged
from policies.pod_security.control import Control
from policies.rule import Rule, Severity
from policies.workloads import Workload

UNPRIVILEGED: Final = Rule(
    "unprivileged",
    "No container is privileged, in whatever namespace",
    Severity.CRITICAL,
    "https://kubernetes.io/docs/concepts/security/linux-kernel-security-constraints/#privileged-containers",
)
NO_HOST_PATH: Final = Rule(
    "host-path",
    "No pod mounts a folder of its node, in whatever namespace",
    Severity.HIGH,
    "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
)
NO_HOST_NAMESPACES: Final = Rule(
    "host-namespaces",
    "No pod shares its node's network, processes or memory, in whatever namespace: NetworkPolicies don't hold there",
    Severity.HIGH,
    "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline",
)


def _everywhere(control: Control) -> Callable[[Workload, Parameters], Iterator[Fault]]:
    """A control of the Pod Security Standards, asked of every pod rather than of those in a namespace of its level."""

    def faults(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
        return control.check(workload.pod, KUBERNETES)

    return faults


CHECKS: Final = (
    PodCheck(UNPRIVILEGED, _everywhere(privileged.CONTROL)),
    PodCheck(NO_HOST_PATH, _everywhere(host_path_volumes.CONTROL)),
    PodCheck(NO_HOST_NAMESPACES, _everywhere(host_namespaces.CONTROL)),
)
