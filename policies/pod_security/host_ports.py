"""Host Ports: containers must not listen on ports of the node.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_hostPorts.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        for port in container.get("ports").items():
            yield from must(
                port.get("hostPort"),
                lambda value: value in (None, 0),
                allowed="0 or nothing",
                fix="reach the pod through a Service",
                found="a port of the node",
            )


CONTROL = Control("host-ports", "Host Ports", "baseline", _check)
