"""Versions: no kubelet is newer than the API server that it talks to. Advice, since it is how the machines are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import StackCheck
from policies.fault import Fault
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
    described = [one for one in machines(stack) if one.minor is not None]
    servers = [one.minor for one in described if one.is_server and one.minor]
    if not servers:
        return
    (about, *_) = (one for one in stack.of_kind("Cluster") if describes(one))
    oldest, newest = min(servers), max(servers)
    for node in described:
        if node.is_server or node.minor is None:
            continue
        if node.minor > oldest:
            found, fix = "newer than the API server", "upgrade the servers first, or reinstall the node at their minor"
        elif node.minor[0] == newest[0] and newest[1] - node.minor[1] > _BEHIND_AT_MOST:
            found, fix = f"more than {_BEHIND_AT_MOST} minor versions older than the API server", "upgrade the node"
        else:
            continue
        yield (
            about,
            Fault(
                f"the kubelet of {node.name} ({node.version})",
                found,
                f"v{newest[0]}.{newest[1]} down to {_BEHIND_AT_MOST} minor versions older"
                if oldest == newest
                else f"at most v{oldest[0]}.{oldest[1]}",
                f"{fix}; `python -m home skew` shows the ways out, RB-001 how",
            ),
        )


CHECKS: Final = (StackCheck(KUBELETS, about=describes, reads=describes, faults=skewed),)
