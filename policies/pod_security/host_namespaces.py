"""Host Namespaces: pods must not share the node's network, processes or inter-process communication.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_hostNamespaces.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for namespace in ("hostNetwork", "hostPID", "hostIPC"):
        yield from must(
            pod.spec.get(namespace),
            lambda value: value is not True,
            allowed="false or nothing",
            fix="give the pod namespaces of its own",
        )


CONTROL = Control("host-namespaces", "Host Namespaces", "baseline", _check)
