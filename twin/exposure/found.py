"""What has been found so far of a map that is being read back: ways, and why there are none. Imports the shape."""

from __future__ import annotations

from collections.abc import Iterable

from exposure import shape
from exposure.shape import COLUMNS, Cell, Kind, Row, Way, cell, row
from twin.exposure.cluster import Running, Target


class Found:
    """Ways by what they lead to and for whom, collected from every reader."""

    def __init__(self) -> None:
        self._ways: dict[tuple[str, str], list[Way]] = {}
        self._whys: dict[tuple[str, str], list[str]] = {}

    def add(self, key: str, column: str, *ways: Way) -> None:
        """Somebody reaches something."""
        self._ways.setdefault((key, column), []).extend(ways)

    def explain(self, key: str, column: str, why: str) -> None:
        """What was tried on the way there, and where it ended."""
        told = self._whys.setdefault((key, column), [])
        if why not in told:
            told.append(why)

    @property
    def keys(self) -> frozenset[str]:
        """Everything that somebody reaches."""
        return frozenset(key for (key, _), ways in self._ways.items() if ways)

    def row(self, key: str, kind: Kind, group: str, title: str, why: str) -> Row:
        """The row of a thing; `why` is what keeps people out where nothing else was found to."""
        cells: dict[str, Cell] = {}
        for column in COLUMNS:
            told = "; ".join(self._whys.get((key, column.key), [])) or why
            cells[column.key] = cell(_together(self._ways.get((key, column.key), [])), told)
        return row(key, kind, group, title, cells)


def _together(ways: Iterable[Way]) -> Iterable[Way]:
    """Ways of the same steps as one, for all for whom they are open; a way for everybody takes in the others."""
    whom: dict[tuple[str, ...], set[str] | None] = {}
    for way in ways:
        before = whom.setdefault(way.steps, set())
        whom[way.steps] = None if before is None or not way.whom else before | set(way.whom)
    return (Way(steps, tuple(sorted(people or ()))) for steps, people in whom.items())


class Machines:
    """The home's machines by their addresses, each with the key of its row and its name."""

    def __init__(self, known: Iterable[tuple[str, str, Iterable[str | None]]]) -> None:
        """known: key, name and addresses of each."""
        self.known = tuple((key, name, tuple(one for one in given if one)) for key, name, given in known)
        self._names = {address: (key, name) for key, name, given in self.known for address in given}

    def at(self, address: str) -> tuple[str, str] | None:
        """The key and the name of the machine at an address."""
        return self._names.get(address)


def ending(target: Target, machines: Machines) -> tuple[str, str]:
    """The key of the row that a connection ends in, and how a way says that."""
    if isinstance(target.at, Running):
        return target.at.key, shape.end(target.at.name, target.port)
    address = target.at.address
    known = machines.at(address)
    if known is None:
        return f"address/{address}", shape.end(address, target.port)
    key, name = known
    (at,) = shape.ports_of(name, {(target.port, "tcp")})
    return key, at
