"""Host Probes / Lifecycle Hooks: probes and hooks must not reach for an address other than the pod's own.

Came with Kubernetes 1.34. Source: k8s.io/pod-security-admission v0.34.2, policy/check_hostProbesAndhostLifecycle.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version

_HANDLERS = (
    ("livenessProbe",),
    ("readinessProbe",),
    ("startupProbe",),
    ("lifecycle", "postStart"),
    ("lifecycle", "preStop"),
)


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        for keys in _HANDLERS:
            handler = container.get(*keys)
            for action in ("httpGet", "tcpSocket"):
                yield from must(
                    handler.get(action, "host"),
                    lambda value: value in (None, ""),
                    allowed="nothing",
                    fix="take it out, so that the pod's own address is asked",
                )


CONTROL = Control("host-probes-and-host-lifecycle", "Host Probes / Lifecycle Hooks", "baseline", _check, since=(1, 34))
