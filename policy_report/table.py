"""The report for a terminal: subjects by rooms, then everything that isn't a pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from home.wording import number
from policies.rules import RULES
from policy_report.report import ORDER, Cell, Report, Row, Verdict

SIGNS = {
    Verdict.PASS: ("✓", "green"),
    Verdict.EXCEPTION: ("e", "cyan"),
    Verdict.UNDECIDED: ("?", "yellow"),
    Verdict.ADVICE: ("!", "yellow"),
    Verdict.VIOLATION: ("✕", "bold red"),
}
"""The sign of each verdict, and its style."""


def table(found: Report) -> RenderableType:
    """Everything, one below the other."""
    return Group(_matrix(found), "", _legend(), "", *_lines(found))


def _matrix(found: Report) -> Table:
    matrix = Table(title=f"What the policies say of {found.home}", title_justify="left", pad_edge=False)
    matrix.add_column("resource", no_wrap=True)
    for subject in found.subjects:
        # One word a line, so that many subjects have room beside each other.
        matrix.add_column(subject.replace(" ", "\n"), justify="center", no_wrap=True)
    rooms = list(dict.fromkeys(row.room for row in found.rows))
    for room in rooms:
        judged = [row for row in found.rows if row.room == room and row.cells]
        if judged:
            matrix.add_row(Text(room or "in no namespace", style="bold"), style="dim")
        for row in judged:
            cells = (_sign(row.of(rules)) for rules in found.subjects.values())
            matrix.add_row(f"  {row.kind} {row.name}", *cells)
    return matrix


def _sign(cells: Iterable[Cell]) -> Text:
    verdicts = [cell.verdict for cell in cells]
    if not verdicts:
        return Text("")
    worst = max(verdicts, key=ORDER.index)
    sign, style = SIGNS[worst]
    times = verdicts.count(worst)
    return Text(f"{times}{sign}" if worst is not Verdict.PASS and times > 1 else sign, style=style)


def _legend() -> Text:
    said = ", ".join(f"{sign} {verdict}" for verdict, (sign, _) in SIGNS.items())
    return Text(f"{said}; nothing: no rule of that subject is about it. A figure counts the rules.", style="dim")


def _lines(found: Report) -> Iterator[RenderableType]:
    for verdict in reversed(ORDER[1:]):
        told = [(row, cell) for row in found.rows for cell in row.cells if cell.verdict is verdict]
        general = [cell for cell in found.general if cell.verdict is verdict]
        if told or general:
            yield Text(f"{verdict.capitalize()}s" if verdict.endswith("n") else verdict.capitalize(), style="bold")
            yield from (Text(line) for row, cell in told for line in _said(row, cell))
            yield from (Text(f"  {sentence} [{cell.rule}]") for cell in general for sentence in cell.sentences)
            yield ""
    unread = [row for row in found.rows if not row.cells]
    counts = ", ".join(f"{count} {verdict}" for verdict, count in found.counts.items() if count)
    yield f"{number(len(found.rows), 'resource')}, {number(len(RULES), 'rule')}: {counts}."
    if unread:
        yield Text(f"No rule is about {len(unread)} of them: {_kinds(unread)}.", style="dim")


def _said(row: Row, cell: Cell) -> Iterator[str]:
    if cell.verdict is Verdict.EXCEPTION:
        yield f"  {row.kind} {row.name}: {cell.reason} [{cell.rule}]"
        return
    rule = RULES[cell.rule]
    for sentence in cell.sentences:
        yield f"  {row.kind} {row.name}: {sentence} [{rule.name}: {rule.severity}]"


def _kinds(rows: Iterable[Row]) -> str:
    kinds = dict.fromkeys(row.kind for row in rows)
    return ", ".join(sorted(kinds))
