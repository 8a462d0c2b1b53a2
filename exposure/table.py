"""The map for a terminal: yes or no for each, every way that makes it so, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exposure.difference import Differing
from exposure.shape import COLUMNS, Exposure, Row
from exposure.wording import heading, summed_up

_OPEN: Final = ("✓", "green")
_SHUT: Final = ("·", "dim")
_DIFFERS: Final = "bold red"


def table(found: Exposure, differing: Iterable[Differing] | None = None) -> RenderableType:
    """Everything, one below the other.

    differing: how `found` differs from what is described; None where it is itself the description.
    """
    told = tuple(differing or ())
    at = {(one.row.key, one.column.key) for one in told}
    parts: list[RenderableType] = [_matrix(found, at), "", _legend(bool(at)), "", Text("By which ways", style="bold")]
    parts += _ways(found)
    if differing is not None:
        parts += ["", *_differences(told)]
    parts += ["", *(Text(note, style="dim") for note in found.notes)]
    return Group(*parts)


def _matrix(found: Exposure, differing: set[tuple[str, str]]) -> Table:
    matrix = Table(
        title=heading(found), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False
    )
    matrix.add_column("")
    for column in COLUMNS:
        matrix.add_column(f"{column.group}\n{column.title}", justify="center", no_wrap=True)
    for group, together in groupby(found.rows, lambda row: row.group):
        rows = list(together)
        if len(rows) > 1:
            matrix.add_row(Text(group, style="bold"))
        for row in rows:
            signs = (_sign(row, column.key, (row.key, column.key) in differing) for column in COLUMNS)
            matrix.add_row(Text(row.title if len(rows) == 1 else f"  {row.title}"), *signs)
    return matrix


def _sign(row: Row, column: str, differs: bool) -> Text:
    sign, style = _OPEN if row[column].is_open else _SHUT
    return Text(f"{sign} ≠", style=_DIFFERS) if differs else Text(sign, style=style)


def _legend(differs: bool) -> Text:
    said = "✓ can be reached, · can't be"
    return Text(f"{said}, ≠ not what is described" if differs else said, style="dim")


def _ways(found: Exposure) -> Iterator[RenderableType]:
    for row in found.rows:
        lines = [f"{column.group}, {column.title}: {way}" for column in COLUMNS for way in row[column.key].ways]
        if lines:
            yield Text(row.title)
            yield Padding(Text("\n".join(lines), style="dim"), (0, 0, 0, 2))
    if shut := [row.title for row in found.rows if not any(cell.is_open for cell in row.cells)]:
        yield Text(f"Nobody reaches {', '.join(shut)}.", style="dim")


def _differences(told: tuple[Differing, ...]) -> Iterator[RenderableType]:
    yield Text(summed_up(told), style="bold red" if told else "bold green")
    yield from (Text(f"  {one}") for one in told)
