"""Whether the parts of a home agree with each other. Imports the model and nothing that reads files.

Each check is a function from a home to the problems it finds. It may assume that every single value is well formed, and
nothing more: two nodes may have one name, an app may name a node that isn't there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from home.checks import addresses, apps, disks, doors, gpus, nas, networks, nodes, people
from home.model import Home
from home.problems import Problem

Check = Callable[[Home], Iterator[Problem]]

CHECKS: tuple[Check, ...] = (
    *people.CHECKS,
    *networks.CHECKS,
    *nodes.CHECKS,
    *addresses.CHECKS,
    *nas.CHECKS,
    *apps.CHECKS,
    *doors.CHECKS,
    *gpus.CHECKS,
    *disks.CHECKS,
)


def problems(home: Home) -> Iterator[Problem]:
    """Everything in the home that doesn't agree."""
    for check in CHECKS:
        yield from check(home)
