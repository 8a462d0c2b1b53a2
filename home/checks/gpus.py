"""GPUs: what apps take of a card is there to be had. Imports the model.

Kubernetes counts slices; nothing but this counts the card's memory, which the slices share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from home.apps import GpuShare
from home.model import Home
from home.nodes import Gpu, Node, Sharing
from home.problems import Problem
from home.quantities import format_bytes
from home.wording import listed


@dataclass(frozen=True)
class _Use:
    """One workload's use of a card."""

    who: str
    path: str
    share: GpuShare


def apps_with_a_gpu_name_their_node(home: Home) -> Iterator[Problem]:
    """Memory can only be budgeted on a card that is known."""
    for name, app in home.apps.by_name.items():
        if app.gpu_shares and app.node is None:
            nodes = listed([node.name for node in home.gpu_nodes], "or")
            way_out = f"set apps.{name}.node to {nodes}" if nodes else "no node of the home has one: leave `gpu` out"
            yield Problem(f"apps.{name}.node", f"is missing, but {name} uses a GPU; {way_out}", _gpu_paths(home, name))


def apps_with_a_gpu_run_where_one_is(home: Home) -> Iterator[Problem]:
    """A node without a card has no slices to give."""
    for i, node in enumerate(home.nodes):
        if node.gpu is not None:
            continue
        others = listed([other.name for other in home.gpu_nodes], "or")
        way_out = f"run it on {others}, or leave `gpu` out" if others else "no other has one either: leave `gpu` out"
        for use in _uses(home, node):
            because = (f"nodes[{i}].gpu", f"nodes[{i}].name", f"apps.{use.path.split('.')[1]}.node")
            yield Problem(use.path, f"{use.who} runs on {node.name}, which has no GPU; {way_out}", because)


def recognition_on_a_gpu_runs_on_amd64(home: Home) -> Iterator[Problem]:
    """Immich publishes its machine learning for NVIDIA's cards for one architecture only."""
    app = home.apps.immich
    if app is None or app.machine_learning.gpu is None:
        return
    for i, node in enumerate(home.nodes):
        if node.name == app.node and node.gpu is not None and node.arch != "amd64":
            yield Problem(
                "apps.immich.machineLearning.gpu",
                f"can't be used on {node.name}, which is {node.arch}: Immich's machine learning for NVIDIA cards is "
                "made for amd64; leave it out to compute on the CPU, or run Immich on a node with amd64",
                (f"nodes[{i}].arch", f"nodes[{i}].name", "apps.immich.node"),
            )


def slices_suit_the_sharing(home: Home) -> Iterator[Problem]:
    """Slices are asked for where the card is counted, and only there."""
    for i, node in enumerate(home.nodes):
        if node.gpu is None:
            continue
        unlimited = node.gpu.sharing.mode == "unlimited"
        for use in _uses(home, node):
            because = (f"nodes[{i}].gpu.sharing", f"nodes[{i}].gpu.sharing.mode", *_place(i, use))
            if unlimited and use.share.slices > 0:
                yield Problem(
                    f"{use.path}.slices",
                    f"{use.who} asks for {_slices(use.share.slices)}, but {node.name} shares its card without limits "
                    "and offers none, so its pod would never start; write `slices: 0`",
                    because,
                )
            if not unlimited and use.share.slices == 0:
                yield Problem(
                    f"{use.path}.slices",
                    f"0 asks for no slice, but {node.name} counts its slices, and a pod without one doesn't get the "
                    "card there; write 1",
                    because,
                )


def one_slice_of_a_cut_card_is_all(home: Home) -> Iterator[Problem]:
    """The program has the device plugin refuse more (`failRequestsGreaterThanOne`), since they would give no more."""
    for i, node in enumerate(home.nodes):
        if node.gpu is None or node.gpu.sharing.mode != "time-slicing":
            continue
        for use in _uses(home, node):
            if use.share.slices > 1:
                yield Problem(
                    f"{use.path}.slices",
                    f"{use.who} asks for {use.share.slices} slices, but on a card that is cut by time one gives as "
                    f"much of it as several, and {node.name}'s device plugin refuses a pod that asks for more; write "
                    "1, and raise `vram` if it is memory that it needs",
                    (f"nodes[{i}].gpu.sharing", f"nodes[{i}].gpu.sharing.mode", *_place(i, use)),
                )


def slices_are_enough(home: Home) -> Iterator[Problem]:
    """More slices than the card is cut into leave a pod waiting forever."""
    for i, node in enumerate(home.nodes):
        uses = list(_uses(home, node))
        asked = sum(use.share.slices for use in uses)
        if node.gpu is None or not _is_settled(node.gpu.sharing) or asked <= node.gpu.slices:
            continue
        yield Problem(
            f"nodes[{i}].gpu.sharing",
            f"{node.name} offers {_slices(node.gpu.slices)}, but its apps ask for {asked}: "
            f"{listed(f'{use.who} {use.share.slices}' for use in uses)}; {_more_slices(node.gpu)}",
            (
                f"nodes[{i}].gpu.count",
                *(f"nodes[{i}].gpu.sharing.{key}" for key in ("mode", "replicas")),
                *(path for use in uses for path in (f"{use.path}.slices", *_place(i, use))),
            ),
        )


def memory_is_enough(home: Home) -> Iterator[Problem]:
    """Slices share the card's memory: the app that asks last fails, or takes down the others."""
    for i, node in enumerate(home.nodes):
        uses = list(_uses(home, node))
        if node.gpu is None or not uses:
            continue
        processes = sum(use.share.processes for use in uses)
        budgets = sum(use.share.vram_bytes for use in uses)
        contexts = processes * node.gpu.context_overhead_bytes
        there = node.gpu.count * node.gpu.vram_bytes
        if budgets + contexts <= there:
            continue
        yield Problem(
            f"nodes[{i}].gpu.vram",
            f"{node.name}'s {node.gpu.model} has {format_bytes(there)} of memory, but its apps take "
            f"{_rounded(budgets + contexts)}: {listed(f'{use.who} {use.share.vram}' for use in uses)}, and "
            f"{node.gpu.context_overhead} for the CUDA context of each of "
            f"{_counted(processes, 'process', 'processes')}; "
            f"take {_rounded(budgets + contexts - there)} off, or move an app to another card",
            (
                f"nodes[{i}].gpu.count",
                f"nodes[{i}].gpu.contextOverhead",
                *(path for use in uses for path in (f"{use.path}.vram", f"{use.path}.processes", *_place(i, use))),
            ),
        )


def one_card_is_enough(home: Home) -> Iterator[Problem]:
    """A pod sees the cards that it was given: what others have free is no use to it."""
    for i, node in enumerate(home.nodes):
        if node.gpu is None or node.gpu.count == 1 or not _is_settled(node.gpu.sharing):
            continue
        for use in _uses(home, node):
            cards = max(use.share.slices, 1) if node.gpu.sharing.mode == "exclusive" else 1
            takes = use.share.vram_bytes + use.share.processes * node.gpu.context_overhead_bytes
            if takes > cards * node.gpu.vram_bytes and cards < node.gpu.count:
                yield Problem(
                    f"{use.path}.vram",
                    f"{use.who} takes {_rounded(takes)} with its CUDA contexts, but a pod there is given "
                    f"{_counted(cards, 'card', 'cards')} of {node.name}'s {node.gpu.count}, of {node.gpu.vram} each; "
                    f"take {_rounded(takes - cards * node.gpu.vram_bytes)} off",
                    (
                        f"nodes[{i}].gpu.count",
                        f"nodes[{i}].gpu.vram",
                        f"nodes[{i}].gpu.contextOverhead",
                        f"nodes[{i}].gpu.sharing.mode",
                        f"nodes[{i}].gpu.sharing.replicas",
                        f"{use.path}.slices",
                        f"{use.path}.processes",
                        *_place(i, use),
                    ),
                )


def _is_settled(sharing: Sharing) -> bool:
    """Whether it is known how many slices there are: some, and mode and replicas agree."""
    return sharing.mode != "unlimited" and (sharing.mode == "time-slicing") == ((sharing.replicas or 0) > 1)


def _uses(home: Home, node: Node) -> Iterator[_Use]:
    # A name given twice is a problem of its own; until it is told apart, nothing is known to run there.
    if [other.name for other in home.nodes].count(node.name) > 1:
        return
    for name, app in home.apps_on(node.name).items():
        for place, share in app.gpu_shares.items():
            part = place.removesuffix("gpu").strip(".")
            yield _Use(who=f"{name} {part}".strip(), path=f"apps.{name}.{place}", share=share)


def _place(node: int, use: _Use) -> tuple[str, str]:
    """What decides that the use is on the node."""
    return f"nodes[{node}].name", f"apps.{use.path.split('.')[1]}.node"


def _gpu_paths(home: Home, name: str) -> tuple[str, ...]:
    return tuple(f"apps.{name}.{place}" for place in home.apps.by_name[name].gpu_shares)


def _slices(count: int) -> str:
    return _counted(count, "slice", "slices")


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _rounded(count: int) -> str:
    """Bytes in whole MiB, rounded up: more digits than that say nothing about a card."""
    return f"{-(-count // 2**20)}Mi"


def _more_slices(gpu: Gpu) -> str:
    if gpu.sharing.mode == "time-slicing":
        return "raise replicas, or ask for fewer"
    return "cut the card into more with `sharing: {mode: time-slicing, replicas: …}`, or ask for fewer"


CHECKS = (
    apps_with_a_gpu_name_their_node,
    apps_with_a_gpu_run_where_one_is,
    recognition_on_a_gpu_runs_on_amd64,
    slices_suit_the_sharing,
    one_slice_of_a_cut_card_is_all,
    slices_are_enough,
    memory_is_enough,
    one_card_is_enough,
)
