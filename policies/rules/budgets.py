"""Budgets: every container says what it needs, and how much memory it may take at most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import PodCheck
from policies.fault import Fault, must
from policies.parameters import Parameters
from policies.quantity import amount
from policies.rule import Rule, Severity
from policies.workloads import Workload

BUDGETED: Final = Rule(
    "requests-and-memory-limit",
    "Every container requests CPU and memory and has a memory limit",
    Severity.MEDIUM,
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
)

# A node's scheduler and its kubelet both go by these; CPU is left unlimited, since a busy node shares it fairly anyway.
_NEEDED = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))


def _amounts_to_something(quantity: object) -> bool:
    # What is no quantity at all, the API server refuses.
    return quantity not in (None, "") and amount(quantity) != 0


def budgeted(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Init and regular containers without one of them. Ephemeral containers can't have any."""
    for container in workload.pod.lasting_containers():
        for keys in _NEEDED:
            yield from must(
                container.get("resources", *keys),
                _amounts_to_something,
                allowed="an amount greater than 0",
                fix="say what the container needs",
                found="missing or 0",
            )


CHECKS: Final = (PodCheck(BUDGETED, budgeted),)
