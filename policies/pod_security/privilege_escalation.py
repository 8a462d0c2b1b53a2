"""Privilege Escalation: no process may gain more privileges than its parent, as by set-user-ID.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_allowPrivilegeEscalation.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version, unless_windows


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        yield from must(
            container.get("securityContext", "allowPrivilegeEscalation"),
            lambda value: value is False,
            allowed="false",
            fix="set it to false",
        )


CONTROL = Control("allow-privilege-escalation", "Privilege Escalation", "restricted", unless_windows(_check))
