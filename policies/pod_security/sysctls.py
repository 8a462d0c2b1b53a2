"""Sysctls: only kernel settings that reach no further than the pod.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_sysctls.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version

SAFE: Final[Mapping[str, Version]] = {
    "kernel.shm_rmid_forced": (1, 0),
    "net.ipv4.ip_local_port_range": (1, 0),
    "net.ipv4.ip_unprivileged_port_start": (1, 0),
    "net.ipv4.ping_group_range": (1, 0),
    "net.ipv4.tcp_syncookies": (1, 0),
    "net.ipv4.ip_local_reserved_ports": (1, 27),
    "net.ipv4.tcp_fin_timeout": (1, 29),
    "net.ipv4.tcp_keepalive_intvl": (1, 29),
    "net.ipv4.tcp_keepalive_probes": (1, 29),
    "net.ipv4.tcp_keepalive_time": (1, 29),
    "net.ipv4.tcp_rmem": (1, 32),
    "net.ipv4.tcp_wmem": (1, 32),
}
"""The settings that are allowed, each since a version."""


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for sysctl in pod.security.get("sysctls").items():
        yield from must(
            sysctl.get("name"),
            lambda value: isinstance(value, str) and SAFE.get(value, (9, 9)) <= version,
            allowed="a setting that Kubernetes counts as safe",
            fix="take it out, or set it on the node",
        )


CONTROL = Control("sysctls", "Sysctls", "baseline", _check)
