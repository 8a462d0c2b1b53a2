"""Running as Non-root: every container must be barred from running as root.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_runAsNonRoot.go. On user namespaces see `proc_mount`.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version, security_contexts


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for context in security_contexts(pod):
        # Said explicitly, it is forbidden even where the other side says better.
        yield from must(
            context.get("runAsNonRoot"), lambda value: value is not False, allowed="true", fix="set it to true"
        )
    shared = pod.security.get("runAsNonRoot")
    if not shared.absent:
        return
    for container in pod.containers():
        own = container.get("securityContext", "runAsNonRoot")
        if own.absent:
            yield Fault(own.path, "missing here and for the whole pod", "true", f"set {shared.path} to true")


CONTROL = Control("run-as-non-root", "Running as Non-root", "restricted", _check)
