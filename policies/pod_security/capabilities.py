"""Capabilities: what of root's power a container may be given, and (restricted) that it gives up the rest.

Sources: k8s.io/pod-security-admission v0.33.4, policy/check_capabilities_baseline.go and
check_capabilities_restricted.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version, unless_windows

DEFAULT = frozenset(
    (
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    )
)  # fmt: skip
"""What container runtimes grant by default, less NET_RAW."""
# Names that a message may show: Linux' own (capabilities(7)), and the word for all of them.
_KNOWN = DEFAULT | frozenset(
    (
        "ALL", "AUDIT_CONTROL", "AUDIT_READ", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH",
        "IPC_LOCK", "IPC_OWNER", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "NET_BROADCAST",
        "NET_RAW", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE",
        "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
    )
)  # fmt: skip


def _added(pod: Pod, allowed: frozenset[str], phrase: str) -> Iterator[Fault]:
    for container in pod.containers():
        for capability in container.get("securityContext", "capabilities", "add").items():
            yield from must(
                capability, lambda value: value in allowed, allowed=phrase, fix="don't add it", vocabulary=_KNOWN
            )


def _baseline(pod: Pod, version: Version) -> Iterator[Fault]:
    yield from _added(pod, DEFAULT, "one of the capabilities that runtimes grant by default")


def _restricted(pod: Pod, version: Version) -> Iterator[Fault]:
    for container in pod.containers():
        drop = container.get("securityContext", "capabilities", "drop")
        dropped = list(drop.items())
        if any(each.value == "ALL" for each in dropped):
            continue
        unknown = next((each for each in dropped if each.unknown), drop)
        yield from must(
            unknown,
            lambda value: False,
            allowed="a list with `ALL` in it",
            fix='set it to ["ALL"]',
            found="without `ALL`",
        )
    yield from _added(pod, frozenset(("NET_BIND_SERVICE",)), "`NET_BIND_SERVICE` alone")


BASELINE = Control("capabilities-baseline", "Capabilities", "baseline", _baseline)
RESTRICTED = Control(
    "capabilities-restricted", "Capabilities", "restricted", unless_windows(_restricted), replaces=BASELINE.name
)
