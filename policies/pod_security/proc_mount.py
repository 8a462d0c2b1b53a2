"""/proc Mount Type: the runtime's masks over /proc must stay.

Kubernetes has a feature gate, UserNamespacesPodSecurityStandards, that lifts this control, Running as Non-root and
Running as Non-root user for pods with `hostUsers: false`. It is alpha and off by default in 1.33, so user namespaces
change nothing here.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_procMount.go; k8s.io/kubernetes v1.33.4,
pkg/features/kube_features.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        yield from must(
            container.get("securityContext", "procMount"),
            lambda value: value in (None, "Default"),
            allowed="`Default` or nothing",
            fix="take it out",
            vocabulary=("Unmasked",),
        )


CONTROL = Control("proc-mount", "/proc Mount Type", "baseline", _check)
