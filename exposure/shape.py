"""The shape of a map of who reaches what, and the words in which it is written. Imports nothing of ours.

A map has one row for each thing that can be reached and one column for each kind of somebody who could reach it. A cell
holds the ways from the one to the other; a cell without a way says no. Two maps of one home are compared way by way, so
whoever draws one writes ways with the functions of this module.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

Kind = Literal["app", "part", "platform", "machine", "storage", "names"]
"""What a row is about: an app, at the place where people come in to it; another workload of the same room; a workload
that belongs to no app; a machine; the NAS; names and tags by which things are found."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Protocol = Literal["tcp", "udp"]
Port = tuple[int, Protocol]

INTERNET: Final = "internet"
SIGNED_IN: Final = "signed-in"
OTHERS: Final = "tailnet-others"
LAN: Final = "lan"
PODS: Final = "pods"


def tailnet(role: str) -> str:
    """The key of a role's column."""
    return f"tailnet-{role}"


@dataclass(frozen=True)
class Column:
    """A kind of somebody. `group` and `title` head the column, `meaning` explains it in a sentence's middle."""

    key: str
    group: str
    title: str
    meaning: str


COLUMNS: Final = (
    Column(INTERNET, "Internet", "anybody", "anybody on the internet, without being asked who they are"),
    Column(SIGNED_IN, "Internet", "signed in", "people and programs that Cloudflare Access knows and lets through"),
    Column(tailnet("owner"), "Tailnet", "owner", "devices of the people who are owner, in the tailnet"),
    Column(tailnet("family"), "Tailnet", "family", "devices of the people who are family, in the tailnet"),
    Column(tailnet("guest"), "Tailnet", "guest", "devices of the people who are guest, in the tailnet"),
    Column(OTHERS, "Tailnet", "others", "anything else in the tailnet: machines, and people who have no role"),
    Column(LAN, "At home", "LAN", "any device in one of the home's networks, through no door at all"),
    Column(PODS, "At home", "pods", "other pods of the home, as far as NetworkPolicies let them"),
)
_POSITIONS: Final = {column.key: position for position, column in enumerate(COLUMNS)}

# What machines are known to offer, by port; the same words for every machine.
SERVICES: Final[Mapping[Port, str]] = {
    (22, "tcp"): "SSH",
    (443, "tcp"): "HTTPS",
    (445, "tcp"): "SMB",
    (2049, "tcp"): "NFS",
    (5001, "tcp"): "NAS page",
    (6443, "tcp"): "API server",
    (8472, "udp"): "flannel",
    (10250, "tcp"): "kubelet",
}

EVERY_PORT: Final = "every port"
PROGRAMS: Final = "programs with a service token"
MACHINES: Final = "the home's machines"
_ARROW: Final = " → "


@dataclass(frozen=True, order=True)
class Way:
    """One way from somebody to something, step by step: from the name or address that is asked for to what answers.

    whom: for whom alone it is open, in the order of the alphabet; empty where it is for everybody of the column.
    """

    steps: tuple[str, ...]
    whom: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`photos.example.com → tunnel → immich-server:2283 (for Ada and Ben)`."""
        path = _ARROW.join(self.steps)
        if not self.whom:
            return path
        *others, last = self.whom
        return f"{path} (for {', '.join(others)}{' and ' if others else ''}{last})"


@dataclass(frozen=True)
class Cell:
    """Whether somebody reaches something.

    ways: each way there, sorted, none twice; none means no. why: what keeps them out, for a no; it explains, and is not
    compared.
    """

    ways: tuple[Way, ...] = ()
    why: str = ""

    @property
    def is_open(self) -> bool:
        """Yes or no."""
        return bool(self.ways)


@dataclass(frozen=True)
class Row:
    """A thing that can be reached, and who reaches it.

    key: what it is known by in every map of this home: `namespace/workload`, `app/NAME` for an app that nothing
    declares yet, `machine/NAME`, `nas`, `names/domain`, `names/tailnet`. group: the app or room that it is part of.
    title: what people call it. cells: in the order of `COLUMNS`.
    """

    key: str
    kind: Kind
    group: str
    title: str
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        if len(self.cells) != len(COLUMNS):
            raise ValueError(f"{self.key} has {len(self.cells)} cells for {len(COLUMNS)} columns")

    def __getitem__(self, column: str) -> Cell:
        """The cell of a column, by its key. Raises `KeyError` for a column that there isn't."""
        return self.cells[_POSITIONS[column]]


@dataclass(frozen=True)
class Exposure:
    """A map of who reaches what of one home.

    home: what the home is called. origin: where the map comes from, as a heading says it. rows: apps first, each with
    its other workloads after it. notes: what is to be known when reading it, a sentence each.
    """

    home: str
    origin: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        keys = [one.key for one in self.rows]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"more than one row for {', '.join(twice)}")

    def __getitem__(self, key: str) -> Row:
        """The row of a thing. Raises `KeyError` for one that the map doesn't have."""
        for one in self.rows:
            if one.key == key:
                return one
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        """Whether the map has a row for a thing."""
        return any(one.key == key for one in self.rows)


def cell(ways: Iterable[Way], why: str = "") -> Cell:
    """A cell with these ways in it, brought into order; `why` is kept where there are none."""
    found = tuple(sorted(set(ways)))
    return Cell(found, "" if found else why)


def row(key: str, kind: Kind, group: str, title: str, cells: Mapping[str, Cell], why: str = "") -> Row:
    """A row with these cells, by the keys of their columns; the rest say no, because `why`."""
    if unknown := sorted(cells.keys() - _POSITIONS.keys()):
        raise KeyError(f"there is no column {', '.join(unknown)}")
    return Row(key, kind, group, title, tuple(cells.get(one.key, Cell((), why)) for one in COLUMNS))


# How ways are written.


def end(name: str, port: int | str) -> str:
    """Where a way ends at a workload: `immich-server:2283`."""
    return f"{name}:{port}"


def through_the_tunnel(hostname: str, at: str, path: str = "") -> Way:
    """From a public name, which anybody may ask for, to `at`; `path` where the way is open below that path only."""
    return Way((hostname + path, "tunnel", at))


def through_access(hostname: str, at: str, whom: Iterable[str], path: str = "") -> Way:
    """The same, past Cloudflare Access, which lets `whom` through."""
    return Way((hostname + path, "Access", "tunnel", at), tuple(sorted(set(whom))))


def through_funnel(name: str, at: str) -> Way:
    """From a name of the tailnet that Tailscale shows to the whole internet."""
    return Way((name, "Funnel", "proxy", at))


def through_a_proxy(name: str, at: str, whom: Iterable[str] = ()) -> Way:
    """From a name of the tailnet by the app's proxy to `at`."""
    return Way((name, "proxy", at), tuple(sorted(set(whom))))


def to_a_proxy(name: str, at: str, whom: Iterable[str] = ()) -> Way:
    """From a name of the tailnet to the proxy itself."""
    return Way((name, at), tuple(sorted(set(whom))))


def over_the_tailnet(at: str, whom: Iterable[str] = (), source: str = "tailnet") -> Way:
    """From a device in the tailnet to a machine; `source` says which, where the column doesn't."""
    return Way((source, at), tuple(sorted(set(whom))))


def from_pods(workload: str, at: str) -> Way:
    """From the pods of `namespace/workload`."""
    return Way((workload, at))


def from_the_lan(address: str, at: str) -> Way:
    """From a device at home that asks for this address."""
    return Way((address, at))


def on_the_hosts_network(name: str) -> Way:
    """From a device at home to a pod that has its node's own addresses: no NetworkPolicy applies to it."""
    return Way(("its node's address", f"{name}, on the host's network"))


def a_name(name: str, target: str) -> Way:
    """A name that leads somewhere."""
    return Way((name, target))


def gives(tag: str, whom: Iterable[str] = ()) -> Way:
    """That somebody may give a machine this tag, and so make it one of those that have it."""
    return Way((tag, "may be given to a machine"), tuple(sorted(set(whom))))


def ports_of(name: str, ports: Collection[Port], others: Collection[Protocol] = ()) -> tuple[str, ...]:
    """The ends at a machine with these ports open; `others`: protocols of which a port besides `SERVICES` is open.

    `("k3s-master: SSH (22)", "k3s-master: other udp ports")`. Ports that are no known service count as others.
    """
    rest = {*others, *(protocol for port, protocol in ports if (port, protocol) not in SERVICES)}
    if set(SERVICES) <= set(ports) and rest == {"tcp", "udp"}:
        return (f"{name}: {EVERY_PORT}",)
    return (
        *(f"{name}: {service} ({port})" for (port, protocol), service in SERVICES.items() if (port, protocol) in ports),
        *(f"{name}: other {protocol} ports" for protocol in sorted(rest)),
    )


# As plain data.


def as_data(exposure: Exposure) -> dict[str, Any]:
    """The map as plain data for JSON, which is also what the home's API answers with:

    `{"home", "origin", "notes": [...], "columns": [{"key", "group", "title", "meaning"}], "rows": [{"key", "kind",
    "group", "title", "cells": {"internet": {"open": true, "ways": [{"steps": [...], "whom": [...]}], "why": ""}}}]}`

    `exposure/schema.json` has its schema.
    """
    return {
        "home": exposure.home,
        "origin": exposure.origin,
        "notes": list(exposure.notes),
        "columns": [
            {"key": one.key, "group": one.group, "title": one.title, "meaning": one.meaning} for one in COLUMNS
        ],
        "rows": [
            {
                "key": one.key,
                "kind": one.kind,
                "group": one.group,
                "title": one.title,
                "cells": {column.key: cell_data(one[column.key]) for column in COLUMNS},
            }
            for one in exposure.rows
        ],
    }


def from_data(data: Mapping[str, Any]) -> Exposure:
    """The map that `as_data` made this of. Raises `KeyError` or `ValueError` for what isn't one."""
    return Exposure(
        data["home"],
        data["origin"],
        tuple(
            row(
                one["key"],
                one["kind"],
                one["group"],
                one["title"],
                {key: _cell_of(found) for key, found in one["cells"].items()},
            )
            for one in data["rows"]
        ),
        tuple(data["notes"]),
    )


def cell_data(found: Cell) -> dict[str, Any]:
    """A cell as `as_data` has it."""
    ways = [{"steps": list(way.steps), "whom": list(way.whom)} for way in found.ways]
    return {"open": found.is_open, "ways": ways, "why": found.why}


def _cell_of(data: Mapping[str, Any]) -> Cell:
    return cell((Way(tuple(way["steps"]), tuple(way["whom"])) for way in data["ways"]), data["why"])
