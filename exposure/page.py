"""The map as one HTML file that loads nothing, runs nothing and reads well on a phone, in the dark and aloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from exposure.difference import Differing
from exposure.shape import COLUMNS, INTERNET, LAN, SIGNED_IN, Cell, Column, Exposure, Row
from exposure.wording import heading, summed_up
from pages.document import document
from pages.markup import Child, Html, el
from pages.pieces import section, slug, tile, verdict

STYLE: Final = Path(__file__).with_name("style.css")

Differences = Mapping[tuple[str, str], Differing]


def page(found: Exposure, differing: Iterable[Differing] | None = None) -> str:
    """The page. The same map gives the same bytes.

    differing: how `found` differs from what is described; None where it is itself the description.
    """
    told = None if differing is None else tuple(differing)
    at = {(one.row.key, one.column.key): one for one in told or ()}
    return document(
        heading(found),
        STYLE.read_text(),
        header=_header(found, told),
        main=(_differences(told) if told is not None else None, _matrix(found, at), _columns(), _ways(found)),
        footer=el("footer", el("h2", "What to know when reading it"), [el("p", note) for note in found.notes]),
    )


def _header(found: Exposure, told: tuple[Differing, ...] | None) -> Html:
    return el(
        "header",
        {"class": "top"},
        el("p", {"class": "eyebrow"}, "HomeBrain"),
        el("h1", found.home),
        el("p", {"class": "lede"}, f"Who reaches what, {found.origin}: yes or no, and the way that makes it so."),
        el("nav", {"aria-label": "In short"}, el("ul", {"class": "tiles"}, _tiles(found, told))),
    )


def _tiles(found: Exposure, told: tuple[Differing, ...] | None) -> Iterator[Html]:
    if told is not None:
        said = f"{len(told)} {'cell' if len(told) == 1 else 'cells'}" if told else "Nothing"
        yield tile("#differences", "Differs", said, "from what is described", "bad" if told else "good")
    apps = [row for row in found.rows if row.kind not in ("names", "machine", "storage")]
    for column, what in ((INTERNET, "Open to anybody"), (SIGNED_IN, "Open to who signs in")):
        yield tile("#map", what, _count(apps, [column]), "from the internet", "")
    in_tailnet = [column.key for column in COLUMNS if column.group == "Tailnet"]
    yield tile("#map", "In the tailnet", _count(apps, in_tailnet), "for those who have the role", "")
    yield tile("#map", "Through no door", _count(apps, [LAN]), "from the home's own networks", "")


def _count(rows: Iterable[Row], columns: list[str]) -> str:
    count = sum(1 for row in rows if any(row[column].is_open for column in columns))
    return f"{count} {'workload' if count == 1 else 'workloads'}" if count else "Nothing"


def _differences(told: tuple[Differing, ...]) -> Html:
    return section(
        "differences",
        "What differs",
        None,
        verdict("bad" if told else "good", summed_up(told)),
        el("ul", {"class": "findings"}, map(_difference, told)) if told else None,
    )


def _difference(one: Differing) -> Html:
    return el(
        "li",
        el("h3", f"{one.row.title}: {one.column.group}, {one.column.title}"),
        el("dl", _side("Described", one.described, "ways"), _side("Found", one.found, "ways")),
    )


def _side(what: str, cell: Cell, name: str) -> Iterator[Html]:
    yield el("dt", what)
    yield el("dd", {"class": name}, _answer(cell))


def _answer(cell: Cell) -> Child:
    """Yes with each way, or no with what keeps people out."""
    if not cell.is_open:
        return (el("strong", "No"), f": {cell.why}" if cell.why else None)
    return (el("strong", "Yes"), el("ul", {"class": "plain"}, [el("li", str(way)) for way in cell.ways]))


def _matrix(found: Exposure, differing: Differences) -> Html:
    groups = [(group, len(list(columns))) for group, columns in groupby(COLUMNS, lambda one: one.group)]
    return section(
        "map",
        "The map",
        "A row for each thing that can be reached, a column for each kind of somebody. The name of a thing leads to "
        "the ways to it.",
        el(
            "p",
            {"class": "legend"},
            el("span", _sign(True), " can be reached"),
            el("span", _sign(False), " can't be"),
            el("span", el("span", {"class": "sign differs", "aria-hidden": "true"}, "≠"), " not what is described")
            if differing
            else None,
        ),
        el(
            "table",
            {"class": "map"},
            el("caption", {"class": "aloud"}, f"Who reaches what of {found.home}, {found.origin}"),
            el(
                "thead",
                el(
                    "tr",
                    el("th", {"scope": "col", "rowspan": "2"}, "What"),
                    [el("th", {"scope": "colgroup", "colspan": str(count)}, group) for group, count in groups],
                ),
                el("tr", [el("th", {"scope": "col"}, column.title) for column in COLUMNS]),
            ),
            [_group(group, list(rows), differing) for group, rows in groupby(found.rows, lambda row: row.group)],
        ),
    )


def _group(group: str, rows: list[Row], differing: Differences) -> Html:
    head = el("tr", {"class": "group"}, el("th", {"scope": "rowgroup", "colspan": str(len(COLUMNS) + 1)}, group))
    # A thing alone needs no heading of the same words.
    alone = [row.title for row in rows] == [group]
    return el("tbody", None if alone else head, [_row(row, differing) for row in rows])


def _row(row: Row, differing: Differences) -> Html:
    return el(
        "tr",
        el("th", {"scope": "row"}, el("a", {"href": f"#{_ident(row)}"}, row.title)),
        [_cell(row, column, differing.get((row.key, column.key))) for column in COLUMNS],
    )


def _cell(row: Row, column: Column, differing: Differing | None) -> Html:
    is_open = row[column.key].is_open
    return el(
        "td",
        {
            "class": " ".join(["open" if is_open else "shut", *(["differs"] if differing else [])]),
            "data-who": column.title if column.group == "At home" else f"{column.group}, {column.title}",
        },
        _sign(is_open),
        el(
            "span",
            {"class": "aloud"},
            "yes" if is_open else "no",
            ", which is not what is described" if differing else None,
        ),
        el("span", {"class": "sign differs", "aria-hidden": "true"}, "≠") if differing else None,
    )


def _sign(is_open: bool) -> Html:
    return el(
        "span", {"class": f"sign {'open' if is_open else 'shut'}", "aria-hidden": "true"}, "✓" if is_open else "·"
    )


def _columns() -> Html:
    return section(
        "columns",
        "Who is who",
        None,
        el(
            "dl",
            {"class": "who"},
            [[el("dt", f"{one.group}, {one.title}"), el("dd", one.meaning)] for one in COLUMNS],
        ),
    )


def _ways(found: Exposure) -> Html:
    return section(
        "ways",
        "The ways",
        "Each from the name or address that is asked for to what answers. Where there is none: what keeps people out.",
        [_ways_to(row) for row in found.rows],
    )


def _ways_to(row: Row) -> Html:
    return el(
        "article",
        {"id": _ident(row), "class": "card"},
        el("h3", row.title),
        el("p", {"class": "note"}, row.group) if row.group != row.title else None,
        el("dl", {"class": "who"}, [_side(whom, cell, "ways") for whom, cell in _told_together(row)]),
    )


def _told_together(row: Row) -> list[tuple[str, Cell]]:
    """Who reaches it, one by one and then who doesn't, together where the same keeps them out."""
    found = [(f"{one.group}, {one.title}", row[one.key]) for one in COLUMNS if row[one.key].is_open]
    kept_out: dict[Cell, list[Column]] = {}
    for column in COLUMNS:
        if not row[column.key].is_open:
            kept_out.setdefault(row[column.key], []).append(column)
    for cell, columns in kept_out.items():
        by_group = (
            f"{group}, {', '.join(one.title for one in ones)}"
            for group, ones in groupby(columns, lambda one: one.group)
        )
        found.append(("Everybody" if len(columns) == len(COLUMNS) else "; ".join(by_group), cell))
    return found


def _ident(row: Row) -> str:
    return f"to-{slug(row.key)}"
