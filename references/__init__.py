"""Whether rendered objects fit each other and their apps: references lead somewhere, apps get what they take.

A server checks the shape of an object, and a scheduler whether it fits a node; that a variable is spelt as the app
spells it, or that a port is the one that the app opens, shows at the earliest when a container starts. Pure functions
on plain objects of the Kubernetes API; imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from references import addresses, apps, network, pods, rbac, services, storage
from references.objects import Objects
from references.place import Problem
from references.provided import K3S, Provided
from references.table import Table, load

__all__ = ["K3S", "Problem", "Provided", "Table", "load", "problems"]


@cache
def _table() -> Table:
    return load()


def problems(
    objects: Iterable[Mapping[str, Any]], provided: Provided = K3S, table: Table | None = None
) -> list[Problem]:
    """Everything that is wrong between the objects, each with its field; none when all fits.

    objects: plain dicts as in the API. A Secret's values may be anything, its keys are read. provided: what is there
    without being rendered. table: what apps take; `apps.yaml` when it is left out.
    """
    everything = Objects(objects)
    facts = table or _table()
    found = [
        *services.check(everything, provided),
        *pods.check(everything, provided),
        *storage.check(everything, provided, facts),
        *network.check(everything, provided),
        *addresses.check(everything, provided, facts),
        *rbac.check(everything, provided),
        *apps.check(everything, provided, facts),
    ]
    return list(dict.fromkeys(found))
