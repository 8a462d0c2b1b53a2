"""Budgets: every container says what it needs, and how much memory it may take at most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.fault import Fault, must
from policies.pod import Pod
from policies.rule import Rule, Severity

BUDGETED: Final = Rule(
    "requests-and-memory-limit",
    "Every container requests CPU and memory and has a memory limit",
    Severity.MEDIUM,
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
)

# A node's scheduler and its kubelet both go by these; CPU is left unlimited, since a busy node shares it fairly anyway.
_NEEDED = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
_NOTHING = re.compile(r"[+-]?0*\.?0*([eE][+-]?[0-9]+|[numkKMGTPE]i?)?")


def _amounts_to_something(quantity: object) -> bool:
    if isinstance(quantity, str):
        return _NOTHING.fullmatch(quantity) is None
    return bool(quantity)


def budgeted(pod: Pod) -> Iterator[Fault]:
    """Init and regular containers without one of them. Ephemeral containers can't have any."""
    for container in pod.lasting_containers():
        for keys in _NEEDED:
            yield from must(
                container.get("resources", *keys),
                _amounts_to_something,
                allowed="an amount greater than 0",
                fix="say what the container needs",
                found="missing or 0",
            )
