"""The machines of the home, as the program's component for the cluster describes them in its own inputs.

The engine hands a pack what the program registers, but not the stack's config.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from policies.field import Field
from policies.quantity import amount
from policies.resource import Resource
from policies.shape import INTEGER, TEXT, Shape, cut
from policies.stack import Stack

TYPE: Final = "homebrain:cluster:Cluster"

_SHAPE: Shape = {
    "nodes": [
        {
            "name": TEXT,
            "role": TEXT,
            "version": TEXT,
            "gpu": {"count": INTEGER, "memory": TEXT, "contextOverhead": TEXT},
        }
    ]
}


@dataclass(frozen=True, slots=True)
class Machine:
    """One node. version: a place, which may be unknown. cards: how many GPUs it has; memory: of all of them; context:
    what each process takes on top. Bytes."""

    name: str
    is_server: bool
    version: Field
    cards: int
    memory: float
    context: float


def describes(resource: Resource) -> bool:
    """Whether it is the component that describes the machines."""
    return resource.type == TYPE


def machines(stack: Stack) -> Iterator[Machine]:
    """The machines of a stack whose program describes them; what isn't known of one is left out with it."""
    for resource in stack.of_kind("Cluster"):
        for node in Field("", cut(resource.props, _SHAPE)[0]).get("nodes").items():
            name, gpu = node.get("name").value, node.get("gpu")
            if isinstance(name, str):
                cards = gpu.get("count").value
                cards = cards if isinstance(cards, int) else 0
                yield Machine(
                    name,
                    node.get("role").value == "server",
                    node.get("version"),
                    cards,
                    cards * (amount(gpu.get("memory").value) or 0),
                    amount(gpu.get("contextOverhead").value) or 0,
                )
