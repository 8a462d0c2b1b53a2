"""Nodes: distinct, with a control plane, sharing their cards in a way that works. Imports the model."""

from __future__ import annotations

import re
from collections.abc import Iterator

from home.checks.repeated import repeated
from home.model import Home
from home.problems import Problem
from home.quantities import format_bytes
from home.record import Record
from home.wording import did_you_mean, listed, shown

# Of an agent: https://docs.k3s.io/installation/requirements
_LEAST_MEMORY = 512 * 2**20


def names_are_unique(home: Home) -> Iterator[Problem]:
    """Kubernetes knows a node by its name."""
    for path, name, first in repeated((f"nodes[{i}].name", node.name) for i, node in enumerate(home.nodes)):
        yield Problem(path, f'"{name}" is already the name of another node ({first})', (first,))


def one_is_a_server(home: Home) -> Iterator[Problem]:
    """Agents need a control plane to join."""
    if all(node.role != "server" for node in home.nodes):
        yield Problem(
            "nodes",
            "no node has the role server, so there is no control plane; set `role: server` on the node that runs it",
            tuple(f"nodes[{i}].role" for i in range(len(home.nodes))),
        )


def a_server_is_in_service(home: Home) -> Iterator[Problem]:
    """A control plane that doesn't answer takes no deployment."""
    servers = [(i, node) for i, node in enumerate(home.nodes) if node.role == "server"]
    if servers and all(node.state != "ready" for _, node in servers):
        i, first = servers[0]
        yield Problem(
            f"nodes[{i}].state",
            f"{first.name} is {first.state}, and no other server is in service, so there is no control plane to deploy "
            "to; set it to ready once it answers",
            tuple(f"nodes[{j}].{key}" for j in range(len(home.nodes)) for key in ("role", "state")),
        )


def memory_is_enough_for_k3s(home: Home) -> Iterator[Problem]:
    """Most likely a slip of the unit: no machine of a home is that small."""
    for i, node in enumerate(home.nodes):
        if node.memory_bytes < _LEAST_MEMORY:
            meant = re.sub(r"(?:k|[KM])(i?)$", r"G\1", node.memory)
            hint = f"did you mean {meant}?" if meant != node.memory else "write what the machine has, such as 8Gi"
            yield Problem(
                f"nodes[{i}].memory",
                f"{node.memory} is less than the {format_bytes(_LEAST_MEMORY)} that K3s needs for itself; {hint}",
            )


def joined_over_a_tailnet_that_exists(home: Home) -> Iterator[Problem]:
    """A node can't join over a mesh that the home doesn't have."""
    for i, node in enumerate(home.nodes):
        if node.joined_over == "tailnet" and home.tailnet is None:
            yield Problem(
                f"nodes[{i}].joinedOver",
                f"{node.name} joins over the tailnet, but the home has none; set homebrain:tailnet, or write lan",
                ("tailnet",),
            )


def taints_are_unique(home: Home) -> Iterator[Problem]:
    """Kubernetes refuses a node with one key and effect twice."""
    for i, node in enumerate(home.nodes):
        taints = ((f"nodes[{i}].taints[{j}]", (taint.key, taint.effect)) for j, taint in enumerate(node.taints))
        for path, (key, effect), first in repeated(taints):
            because = tuple(f"{taint}.{part}" for taint in (path, first) for part in ("key", "effect"))
            yield Problem(path, f"{node.name} carries the taint {key} with {effect} already ({first})", because)


def time_slicing_cuts_the_card(home: Home) -> Iterator[Problem]:
    """The device plugin does not start with fewer than two replicas."""
    for i, node in enumerate(home.nodes):
        if node.gpu is None or node.gpu.sharing.mode != "time-slicing":
            continue
        path, replicas = f"nodes[{i}].gpu.sharing.replicas", node.gpu.sharing.replicas
        because = (f"nodes[{i}].gpu.sharing.mode",)
        if replicas is None:
            yield Problem(path, "is missing; say into how many slices each card is cut, 2 or more", because)
        elif replicas < 2:
            yield Problem(
                path,
                f"{replicas} slice is the whole card, which NVIDIA's device plugin refuses as time-slicing; write 2 or "
                "more, or leave `sharing` out for one pod a card",
                because,
            )


def only_time_slicing_has_replicas(home: Home) -> Iterator[Problem]:
    """Replicas beside another mode would be passed over in silence."""
    for i, node in enumerate(home.nodes):
        if node.gpu is None or node.gpu.sharing.mode == "time-slicing" or node.gpu.sharing.replicas is None:
            continue
        yield Problem(
            f"nodes[{i}].gpu.sharing.replicas",
            f'{node.gpu.sharing.replicas} has no meaning with mode "{node.gpu.sharing.mode}"; leave it out, or set '
            "the mode to time-slicing",
            (f"nodes[{i}].gpu.sharing.mode",),
        )


def assumed_names_what_is_there(home: Home) -> Iterator[Problem]:
    """A mark on a figure that isn't there would mislead whoever reads the output."""
    for i, node in enumerate(home.nodes):
        yield from _assumed(f"nodes[{i}]", node, node.assumed)
    if home.nas is not None:
        yield from _assumed("nas", home.nas, home.nas.assumed)
    for i, share in enumerate(home.shares):
        yield from _assumed(f"nas.shares[{i}]", share, share.assumed)


def _assumed(path: str, record: Record, assumed: tuple[str, ...]) -> Iterator[Problem]:
    fields = type(record).model_fields
    given = [fields[name].alias or name for name in fields if name in record.model_fields_set - {"assumed"}]
    for i, key in enumerate(assumed):
        if key not in given:
            yield Problem(
                f"{path}.assumed[{i}]",
                f"{shown(key)} is not given beside it{did_you_mean(key, given, f'what is given: {listed(given)}')}",
                (f"{path}.{key}",),
            )


CHECKS = (
    names_are_unique,
    one_is_a_server,
    a_server_is_in_service,
    memory_is_enough_for_k3s,
    joined_over_a_tailnet_that_exists,
    taints_are_unique,
    time_slicing_cuts_the_card,
    only_time_slicing_has_replicas,
    assumed_names_what_is_there,
)
