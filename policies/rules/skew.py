"""Versions: no kubelet is newer than the API server that it talks to. Advice, since it is how the machines are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.check import StackCheck
from policies.fault import Fault
from policies.field import Field
from policies.machines import describes, machines
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Enforcement, Rule, Severity
from policies.stack import Stack

KUBELETS: Final = Rule(
    "kubelet-skew",
    "No kubelet is newer than the API server, nor more than three minor versions older",
    Severity.MEDIUM,
    "https://kubernetes.io/releases/version-skew-policy/#kubelet",
    enforcement=Enforcement.ADVISORY,
)

_BEHIND_AT_MOST = 3


def skewed(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource, Fault]]:
    """Nodes that don't go with the servers. Which way out suits a home, `python -m home skew` says."""
    described = list(machines(stack))
    about = next((one for one in stack.of_kind("Cluster") if describes(one)), None)
    servers = [minor for one in described if one.is_server and (minor := _minor(one.version))]
    if about is None or not servers:
        return
    oldest, newest = min(servers), max(servers)
    for node in described:
        if node.version.unknown:
            yield about, Fault.unknown(node.version)
        minor = _minor(node.version)
        if node.is_server or minor is None:
            continue
        if minor > oldest:
            found, fix = "newer than the API server", "upgrade the servers first, or reinstall the node at their minor"
        elif minor[0] == newest[0] and newest[1] - minor[1] > _BEHIND_AT_MOST:
            found, fix = f"more than {_BEHIND_AT_MOST} minor versions older than the API server", "upgrade the node"
        else:
            continue
        yield (
            about,
            Fault(
                f"the kubelet of {node.name} ({node.version.value})",
                found,
                f"v{newest[0]}.{newest[1]} down to {_BEHIND_AT_MOST} minor versions older"
                if oldest == newest
                else f"at most v{oldest[0]}.{oldest[1]}",
                f"{fix}; `python -m home skew` shows the ways out, RB-001 how",
            ),
        )


def _minor(version: Field) -> tuple[int, int] | None:
    found = re.match(r"v?([0-9]{1,4})\.([0-9]{1,4})", version.value) if isinstance(version.value, str) else None
    return (int(found[1]), int(found[2])) if found else None


CHECKS: Final = (StackCheck(KUBELETS, about=describes, reads=describes, faults=skewed),)
