"""Whether the nodes' versions go together: each kubelet against the API servers, and these among each other.

Kubernetes' rule (https://kubernetes.io/releases/version-skew-policy/): a kubelet is never newer than an API server that
it may talk to and at most three minor versions older (two, before 1.25); API servers are within one minor of each
other. K3s carries both in one binary, so a node's version is that of its kubelet and, on a server, of its API server.

Breaking the rule is no mistake of the config but the state that a home is in: it is reported, not refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from home.model import Home
from home.nodes import Node
from home.wording import listed

RUNBOOK = "docs/runbooks/01-infrastructure.md"

Minor = tuple[int, int]
"""Major and minor: (1, 33)."""


@dataclass(frozen=True)
class NodeSkew:
    """One node: `behind` is how many minors it is older than the newest API server, negative for newer than the oldest.

    `state` as in the home. `verdict` is what the rule makes of it; a server is measured against the other servers.
    """

    name: str
    role: Literal["server", "agent"]
    state: Literal["ready", "unknown"]
    version: str
    behind: int
    verdict: Literal["fine", "too new", "too old"]


@dataclass(frozen=True)
class Skew:
    """All nodes, what is wrong in sentences, and each way out of it. Both are empty when the rule is kept."""

    nodes: tuple[NodeSkew, ...]
    problems: tuple[str, ...]
    ways_out: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether the rule is kept."""
        return not self.problems


def look(home: Home) -> Skew:
    """The skew of a home's nodes; those out of service count, since they come back with the version they have."""
    servers = [node for node in home.nodes if node.role == "server"]
    oldest, newest = min(servers, key=_order), max(servers, key=_order)
    nodes = tuple(_node_skew(node, oldest, newest) for node in home.nodes)
    problems: list[str] = []
    ways_out: list[str] = []
    apart = [node for node in nodes if node.role == "server" and node.verdict != "fine"]
    if apart:
        problems.append(
            f"The servers lie more than one minor version apart: {_versions(servers)}. Kubernetes wants API servers "
            "within one of each other."
        )
        behind = [node for node in servers if _minor(node) < _minor(newest)]
        ways_out.append(f"upgrade {_names(behind)}, a minor version at a time, to {newest.version}")
    too_new = [node for node, found in _agents(home, nodes) if found == "too new"]
    if too_new:
        problems.append(
            f"{_versions(too_new)} {'is' if len(too_new) == 1 else 'are'} newer than the API server: "
            f"{oldest.name} has {oldest.version}. A kubelet must not be newer than an API server that it talks to."
        )
        ways_out += _down_or_up(too_new, servers, oldest)
    too_old = [node for node, found in _agents(home, nodes) if found == "too old"]
    if too_old:
        problems.append(
            f"{_versions(too_old)} {'is' if len(too_old) == 1 else 'are'} too old for the API server: {newest.name} "
            f"has {newest.version}. A kubelet may be {_allowed(min(too_old, key=_order))} minor versions older at most."
        )
        ways_out.append(f"reinstall {_names(too_old)} with {_install(oldest.version)}")
    return Skew(nodes, tuple(problems), tuple(ways_out))


def text(found: Skew) -> str:
    """The nodes, what is wrong and the ways out, for a terminal; no line end at the end."""
    rows = [
        (node.name, node.role if node.state == "ready" else f"{node.role}, {node.state}", node.version, _measure(node))
        for node in found.nodes
    ]
    table = [("node", "role", "version", "against the API server"), *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    if found.is_kept:
        return "\n".join([*lines, "", "Every kubelet goes with the API server."])
    lines += ["", *found.problems]
    if len(found.ways_out) > 1:
        lines += ["", "The ways out:", *(f"- {way}" for way in found.ways_out)]
    else:
        lines += ["", *(f"The way out: {way}" for way in found.ways_out)]
    return "\n".join([*lines, f"The steps are in {RUNBOOK}."])


def as_data(found: Skew) -> dict[str, Any]:
    """The skew as plain data for JSON."""
    return {
        "kept": found.is_kept,
        "nodes": [
            {
                "name": node.name,
                "role": node.role,
                "state": node.state,
                "version": node.version,
                "minorsBehind": node.behind,
                "verdict": node.verdict,
            }
            for node in found.nodes
        ],
        "problems": list(found.problems),
        "waysOut": list(found.ways_out),
        "runbook": RUNBOOK,
    }


def _node_skew(node: Node, oldest: Node, newest: Node) -> NodeSkew:
    ahead = _distance(_minor(node), _minor(oldest))
    behind = _distance(_minor(newest), _minor(node))
    verdict: Literal["fine", "too new", "too old"] = "fine"
    if node.role == "server":
        verdict = "too old" if behind > 1 else "fine"
    elif ahead > 0:
        verdict = "too new"
    elif behind > _allowed(node):
        verdict = "too old"
    return NodeSkew(node.name, node.role, node.state, node.version, -ahead if ahead > 0 else behind, verdict)


def _agents(home: Home, nodes: Iterable[NodeSkew]) -> list[tuple[Node, str]]:
    return [(node, found.verdict) for node, found in zip(home.nodes, nodes, strict=True) if node.role == "agent"]


def _down_or_up(too_new: list[Node], servers: list[Node], oldest: Node) -> list[str]:
    target = max(too_new, key=_order)
    older = [node for node in servers if _minor(node) < _minor(target)]
    steps = _distance(_minor(target), _minor(oldest))
    via = f", a minor version at a time ({_path(_minor(oldest), _minor(target))})" if steps > 1 else ""
    return [
        f"upgrade {_names(older)} to {_line(target)}{via}: install K3s there again with {_install(target.version)}; "
        "the agents stay as they are",
        f"or reinstall {_names(too_new)} at {_line(oldest)}, with {_install(oldest.version)}",
    ]


def _path(start: Minor, end: Minor) -> str:
    return ", ".join(f"v{start[0]}.{minor}" for minor in range(start[1] + 1, end[1] + 1))


def _install(version: str) -> str:
    return f"INSTALL_K3S_VERSION={version}"


def _line(node: Node) -> str:
    major, minor = _minor(node)
    return f"v{major}.{minor}.x"


def _measure(node: NodeSkew) -> str:
    if node.role == "server":
        return "an API server itself" if node.verdict == "fine" else f"{node.behind} minors behind another: too old"
    if node.behind == 0:
        return "the same minor"
    count = f"{abs(node.behind)} minor{'' if abs(node.behind) == 1 else 's'}"
    where = f"{count} {'behind' if node.behind > 0 else 'ahead'}"
    return where if node.verdict == "fine" else f"{where}: {node.verdict}"


def _versions(nodes: Iterable[Node]) -> str:
    return listed(f"{node.name} ({node.version})" for node in nodes)


def _names(nodes: Iterable[Node]) -> str:
    return listed(node.name for node in nodes)


def _allowed(node: Node) -> int:
    return 3 if _minor(node) >= (1, 25) else 2


def _minor(node: Node) -> Minor:
    major, minor = node.version.removeprefix("v").split(".")[:2]
    return int(major), int(minor)


def _order(node: Node) -> tuple[int, ...]:
    """Versions in their order; a revision of K3s counts after the version that it packages."""
    return tuple(map(int, re.findall(r"\d+", node.version)))


def _distance(newer: Minor, older: Minor) -> int:
    """How many minors lie between; another major is as far away as can be."""
    return newer[1] - older[1] if newer[0] == older[0] else (newer[0] - older[0]) * 1000
