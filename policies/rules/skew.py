"""Versions: no kubelet is newer than the API server that it talks to. Advice, since it is how the machines are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import StackCheck
from policies.fault import Fault
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


def skewed(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource | None, Fault]]:
    """Nodes of the home that don't go together. A stack that describes no home isn't judged."""
    if parameters.home is None:
        return
    from home import skew

    ways_out = skew.look(parameters.home).ways_out
    for node in skew.look(parameters.home).nodes:
        if node.verdict != "fine":
            yield (
                None,
                Fault(
                    f"the kubelet of {node.name}",
                    f"{node.version}, which is {node.verdict}",
                    "a version that is neither newer than the API server nor more than three minor versions older",
                    ", ".join(ways_out) or f"see {skew.RUNBOOK}",
                ),
            )


CHECKS: Final = (StackCheck(KUBELETS, about=lambda one: False, reads=lambda one: False, faults=skewed),)
