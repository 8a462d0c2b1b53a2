"""How a fit is shown: a table for people, plain data for programs, a line a node for a stack's outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from home.fit.weighing import Amount, Fit, NodeFit, size
from home.quantities import format_millicores
from home.wording import listed

_ASSUMED = "*"

_HEADINGS = ("node", "what", "requested", "limit", "there", "free", "")

_VERDICTS = {
    "always": "The home fits: every pod finds a place, in whatever order they come.",
    "depends on order": "The home may fit: there is a place for every pod, but not whatever order they come in.",
    "never": "The home does not fit.",
    "undecided": "Whether the home always fits could not be decided.",
}


def text(fit: Fit) -> str:
    """The verdict, a table of the nodes and what can't be placed, for a terminal; no colours, no line end at the end.

    A `*` marks what rests on an assumed figure.
    """
    lines = [_VERDICTS[fit.verdict]]
    lines += [f"- {one.why}" for one in fit.unplaced]
    rows = [_HEADINGS, *(row for node in fit.nodes for row in _rows(node))]
    lines += ["", *_aligned(rows)]
    if fit.wandering:
        lines += ["", "On whichever node the scheduler chooses, and so in no row above:"]
        lines += _aligned(
            (
                f"  {one.name}",
                f"{one.pods} pod{'' if one.pods == 1 else 's'}",
                f"{_cpu(one.cpu * one.pods)} CPU",
                size(one.memory * one.pods),
                listed(one.nodes, "or"),
            )
            for one in fit.wandering
        )
    if any(amount.assumed for node in fit.nodes for _, amount in _amounts(node)):
        lines += ["", f"{_ASSUMED} rests on a figure that the home only assumes; VRAM, on what a CUDA context takes."]
    return "\n".join(lines)


def brief(fit: Fit) -> dict[str, str]:
    """The verdict and one line a node, for a stack's outputs:
    `{"verdict": "always", "k3s-master": "1.67 of 12 CPU, 4.6Gi of 31.5Gi memory, 3 of 4 slices, …"}`."""
    lines = {"verdict": "; ".join([fit.verdict, *(one.why for one in fit.unplaced)])}
    for node in fit.nodes:
        if not node.in_service:
            lines[node.name] = "out of service"
            continue
        shown = [(what, amount) for what, amount in _amounts(node) if what != "pods"]
        lines[node.name] = ", ".join(
            f"{_said(what, amount.requested)} of {_said(what, amount.there, up=False)} {what}" for what, amount in shown
        )
    return lines


def as_data(fit: Fit) -> dict[str, Any]:
    """The fit as plain data for JSON: CPU in thousandths of a core (`cpuMilli`), memory and VRAM in bytes."""
    return {
        "verdict": fit.verdict,
        "unplaced": [{"pods": list(one.pods), "why": one.why, "path": one.path} for one in fit.unplaced],
        "nodes": [
            {
                "name": node.name,
                "inService": node.in_service,
                "architecture": node.architecture,
                "taints": list(node.taints),
                "pods": list(node.pods_here),
                "resources": {_KEYS[what]: {**asdict(amount), "free": amount.free} for what, amount in _amounts(node)},
                "contextBytes": node.contexts,
            }
            for node in fit.nodes
        ],
        "onAnyOf": [
            {
                "name": one.name,
                "pods": one.pods,
                "cpuMilli": one.cpu,
                "memoryBytes": one.memory,
                "slices": one.slices,
                "nodes": list(one.nodes),
            }
            for one in fit.wandering
        ],
    }


_KEYS = {"CPU": "cpuMilli", "memory": "memoryBytes", "pods": "pods", "slices": "slices", "VRAM": "vramBytes"}


def _amounts(node: NodeFit) -> Iterator[tuple[str, Amount]]:
    yield "CPU", node.cpu
    yield "memory", node.memory
    yield "pods", node.pods
    if node.slices is not None:
        yield "slices", node.slices
    if node.vram is not None:
        yield "VRAM", node.vram


def _rows(node: NodeFit) -> Iterator[tuple[str, ...]]:
    if not node.in_service:
        yield (node.name, "-", "-", "-", "-", "-", f"{node.architecture}, out of service: takes nothing")
        return
    first = ", ".join([node.architecture, *node.taints])
    for what, amount in _amounts(node):
        if what == "VRAM" and node.slices is None:
            yield ("", "slices", "-", "-", "-", "-", "shared without limits: pods see the card, nothing counts them")
        mark = _ASSUMED if amount.assumed else ""
        # A guessed budget is marked where it is asked for, a guessed machine where it is there.
        asked_mark, there_mark = (mark, "") if what == "VRAM" else ("", mark)
        yield (
            node.name if what == "CPU" else "",
            what,
            _said(what, amount.requested) + asked_mark,
            _limit(what, amount),
            _said(what, amount.there, up=False) + there_mark,
            _said(what, amount.free, up=False) + mark,
            _note(node, what, amount) or (first if what == "CPU" else ""),
        )


def _note(node: NodeFit, what: str, amount: Amount) -> str:
    if amount.free < 0:
        return "too much"
    if what == "memory" and amount.limit is not None and amount.limit > amount.there:
        return "pods may grow beyond the node: the last to grow is killed"
    if what == "VRAM" and node.contexts:
        return f"{size(node.contexts)} of it for CUDA contexts"
    return ""


def _limit(what: str, amount: Amount) -> str:
    if what in ("CPU", "memory"):
        return "none" if amount.limit is None else _said(what, amount.limit)
    return "-"


def _said(what: str, amount: int, up: bool = True) -> str:
    if what == "CPU":
        return _cpu(amount)
    return size(amount, up) if what in ("memory", "VRAM") else str(amount)


def _cpu(amount: int) -> str:
    return format_millicores(amount) if abs(amount) < 1000 else f"{amount / 1000:g}"


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows as lines, their columns under each other."""
    found = list(rows)
    widths = [max(map(len, column)) for column in zip(*found, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in found]
