"""HostProcess: containers of Windows pods must not run as processes of the host.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_windowsHostProcess.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version, security_contexts


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for context in security_contexts(pod):
        yield from must(
            context.get("windowsOptions", "hostProcess"),
            lambda value: value is not True,
            allowed="false or nothing",
            fix="run it as an ordinary container",
        )


CONTROL = Control("windows-host-process", "HostProcess", "baseline", _check)
