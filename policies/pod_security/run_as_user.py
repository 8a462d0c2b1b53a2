"""Running as Non-root user: no container may ask for user 0.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_runAsUser.go. On user namespaces see `proc_mount`.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version, security_contexts


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for context in security_contexts(pod):
        yield from must(
            context.get("runAsUser"),
            lambda value: value != 0,
            allowed="another user or nothing",
            fix="name a user other than root",
            found="0",
        )


CONTROL = Control("run-as-user", "Running as Non-root user", "restricted", _check)
