"""Host Ports: containers must not listen on ports of the node.

Where a pod is on the host's network, every port of its containers is one of the node's: the API server fills in each
`hostPort` that such a pod leaves out.

Sources: k8s.io/pod-security-admission v0.33.4, policy/check_hostPorts.go; k8s.io/kubernetes v1.33.4,
pkg/apis/core/v1/defaults.go (defaultHostNetworkPorts).
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        for port in container.get("ports").items():
            own = port.get("hostPort")
            yield from must(
                own,
                lambda value: value in (None, 0),
                allowed="0 or nothing",
                fix="reach the pod through a Service",
                found="a port of the node",
            )
            if own.value in (None, 0):
                yield from must(
                    pod.spec.get("hostNetwork"),
                    lambda value: value is not True,
                    allowed="false or nothing for a pod with ports",
                    fix="reach the pod through a Service",
                )


CONTROL = Control("host-ports", "Host Ports", "baseline", _check)
