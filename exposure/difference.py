"""How two maps of one home differ, cell by cell. Imports the shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from exposure.shape import COLUMNS, Cell, Column, Exposure, Row, Way, cell_data

_NOT_THERE = Cell((), "there is nothing of that name")


@dataclass(frozen=True)
class Differing:
    """A cell in which what was found isn't what was described.

    row: the thing, as it is described, or as it was found where nothing is described.
    """

    row: Row
    column: Column
    described: Cell
    found: Cell

    @property
    def opened(self) -> tuple[Way, ...]:
        """Ways that are there and shouldn't be."""
        return tuple(way for way in self.found.ways if way not in self.described.ways)

    @property
    def closed(self) -> tuple[Way, ...]:
        """Ways that should be there and aren't."""
        return tuple(way for way in self.described.ways if way not in self.found.ways)

    def __str__(self) -> str:
        """`immich, internet anybody: described yes, by …; found no, because …`."""
        said = _said(self.described, self.closed)
        found = _said(self.found, self.opened)
        return f"{self.row.title}, {self.column.group} ({self.column.title}): described {said}; found {found}"


def differences(described: Exposure, found: Exposure) -> tuple[Differing, ...]:
    """Every cell that differs, in the order of the described map; what only one of them has counts as closed in the
    other."""
    there = {row.key: row for row in found.rows}
    known = {row.key for row in described.rows}
    pairs: list[tuple[Row, Row | None, Row | None]] = [(row, row, there.get(row.key)) for row in described.rows]
    pairs += [(row, None, row) for row in found.rows if row.key not in known]
    return tuple(_differing(pairs))


def _differing(pairs: Iterable[tuple[Row, Row | None, Row | None]]) -> Iterable[Differing]:
    for row, described, found in pairs:
        for column in COLUMNS:
            one = described[column.key] if described else _NOT_THERE
            other = found[column.key] if found else _NOT_THERE
            if one.ways != other.ways:
                yield Differing(row, column, one, other)


def _said(cell: Cell, alone: tuple[Way, ...]) -> str:
    """Yes or no, with the ways that only this side has, or what keeps people out."""
    if not cell.is_open:
        return f"no, because {cell.why}" if cell.why else "no"
    return f"yes, by {'; '.join(map(str, alone))}" if alone else "yes, by nothing more"


def arranged(found: Exposure, described: Exposure) -> Exposure:
    """What was found, in the order and by the names of what is described; what only was found comes last."""
    there = {row.key: row for row in found.rows}
    rows = [
        replace(row, cells=there[row.key].cells if row.key in there else (_NOT_THERE,) * len(COLUMNS))
        for row in described.rows
    ]
    rows += [row for row in found.rows if row.key not in described]
    return replace(found, rows=tuple(rows))


def difference_data(told: Iterable[Differing]) -> list[dict[str, Any]]:
    """Differences as plain data for JSON: `[{"row": key, "column": key, "described": cell, "found": cell, "said"}]`,
    with cells as in `shape.as_data`."""
    return [
        {
            "row": one.row.key,
            "column": one.column.key,
            "described": cell_data(one.described),
            "found": cell_data(one.found),
            "said": str(one),
        }
        for one in told
    ]
