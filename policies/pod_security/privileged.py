"""Privileged Containers: no container may switch off the walls between it and the node.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_privileged.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        yield from must(
            container.get("securityContext", "privileged"),
            lambda value: value is not True,
            allowed="false or nothing",
            fix="take it out, and grant what the container truly needs",
        )


CONTROL = Control("privileged", "Privileged Containers", "baseline", _check)
