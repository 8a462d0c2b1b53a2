"""The map's shape, how two of them differ, and how it is shown."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import exposure
from exposure import COLUMNS, Cell, Differing, Exposure, as_data, cell, difference_data, differences, from_data, row
from exposure.page import page
from exposure.shape import KINDS, SERVICES, Way, ports_of
from exposure.table import table
from tests.unit.exposure.maps import LONG, agreeing, differing, homelab

SCHEMA = json.loads(Path(exposure.__file__).with_name("schema.json").read_text(encoding="utf-8"))
WORD = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=6)
WAYS = st.builds(Way, st.lists(WORD, min_size=1, max_size=3).map(tuple), st.lists(WORD, max_size=2).map(tuple))
CELLS = st.builds(cell, st.lists(WAYS, max_size=2), WORD)
ROWS = st.builds(
    lambda key, kind, cells: exposure.Row(key, kind, key, key, tuple(cells)),
    WORD,
    st.sampled_from(KINDS),
    st.lists(CELLS, min_size=len(COLUMNS), max_size=len(COLUMNS)),
)
MAPS = st.builds(
    lambda rows, notes: Exposure("home", "somewhere", tuple(rows), tuple(notes)),
    st.lists(ROWS, max_size=3, unique_by=lambda one: one.key),
    st.lists(WORD, max_size=1),
)


def shown(found: Exposure, told: tuple[Differing, ...] | None = None, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(found, told))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# Shape.


@settings(max_examples=40, deadline=None)
@given(MAPS)
def test_a_map_comes_back_from_its_data_as_it_was(one: Exposure) -> None:
    data = json.loads(json.dumps(as_data(one)))
    jsonschema.validate(data, SCHEMA)
    assert from_data(data) == one


@settings(max_examples=40, deadline=None)
@given(MAPS)
def test_a_map_does_not_differ_from_itself_in_whatever_order(one: Exposure) -> None:
    assert differences(one, one) == ()
    assert differences(one, replace(one, rows=one.rows[::-1])) == ()


@settings(max_examples=40, deadline=None)
@given(MAPS, MAPS)
def test_what_opens_one_way_closes_the_other(one: Exposure, other: Exposure) -> None:
    there = {(each.row.key, each.column.key): (each.opened, each.closed) for each in differences(one, other)}
    back = {(each.row.key, each.column.key): (each.closed, each.opened) for each in differences(other, one)}
    assert there == back
    assert all(opened or closed for opened, closed in there.values())


def test_why_there_is_no_way_explains_and_is_not_compared() -> None:
    one = Exposure("home", "", (row("a", "app", "a", "a", {"lan": Cell((), "a reason")}),))
    other = Exposure("home", "", (row("a", "app", "a", "a", {"lan": Cell((), "another")}),))
    assert differences(one, other) == ()


def test_two_rows_of_one_thing_are_refused() -> None:
    one = row("a", "app", "a", "a", {})
    with pytest.raises(ValueError, match="more than one row for a"):
        Exposure("home", "", (one, one))


def test_a_column_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError, match="neighbours"):
        row("a", "app", "a", "a", {"neighbours": cell([Way(("x",))])})


def test_ports_are_told_by_what_they_are_for() -> None:
    assert ports_of("nas", {(445, "tcp"), (2049, "tcp")}) == ("nas: SMB (445)", "nas: NFS (2049)")
    assert ports_of("nas", {(1, "tcp"), (445, "tcp")}) == ("nas: SMB (445)", "nas: other tcp ports")
    assert ports_of("nas", {*SERVICES, (1, "tcp"), (1, "udp")}) == ("nas: every port",)
    assert ports_of("nas", ()) == ()


# Shown.


def test_the_table_has_a_line_for_each_row_and_every_way() -> None:
    text = shown(homelab())
    for one in homelab().rows:
        assert one.title in text
        for each in one.cells:
            assert all(str(way) in text for way in each.ways)
    assert all(note in text for note in homelab().notes)
    assert "differ" not in text


def test_the_table_says_that_nothing_differs_and_that_policies_are_not_enforced() -> None:
    text = shown(*agreeing())
    assert agreeing()[1] == ()
    assert "Who reaches what is as described, cell by cell." in text
    assert "The twin doesn't enforce NetworkPolicies." in text


def test_the_table_tells_each_difference_with_both_sides() -> None:
    found, told = differing()
    text = shown(found, told, width=1000)
    assert len(told) > 2 * len(COLUMNS)
    assert f"not as described: {len(told)} cells differ, " in text
    assert all(str(one) in text for one in told)
    assert text.count("≠") == len(told) + 1


def test_data_of_a_twin_has_its_differences_and_keeps_the_schema() -> None:
    found, told = differing()
    data = {**as_data(found), "differences": difference_data(told)}
    jsonschema.validate(data, SCHEMA)
    assert [one["said"] for one in data["differences"]] == list(map(str, told))


class Outline(HTMLParser):
    """The tags of a page, and those that were never closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str, **attributes: Any) -> list[dict[str, str | None]]:
        return [given for one, given in self.tags if one == tag and attributes.items() <= given.items()]


@pytest.mark.parametrize(
    "given_map", [(homelab(), None), agreeing(), differing()], ids=["described", "agrees", "differs"]
)
def test_the_page_is_one_table_with_heads_and_links_that_lead_somewhere(
    given_map: tuple[Exposure, tuple[Differing, ...] | None],
) -> None:
    found, told = given_map
    outline = Outline(page(found, told))
    assert outline.open == []
    assert len(outline.of("table")) == len(outline.of("caption")) == 1
    assert len(outline.of("th", scope="row")) == len(found.rows)
    assert len(outline.of("th", scope="col")) == len(COLUMNS) + 1
    assert len(outline.of("td")) == len(found.rows) * len(COLUMNS)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {one["href"] for one in outline.of("a")} <= {f"#{one}" for one in ids}
    assert not outline.of("script")


def test_the_page_marks_every_cell_that_differs_and_says_so_aloud() -> None:
    found, told = differing()
    text = page(found, told)
    marked = [one for one in Outline(text).of("td") if "differs" in str(one["class"]).split()]
    assert len(marked) == len(told)
    assert text.count("which is not what is described") == len(told)
    assert not [one for one in Outline(page(*agreeing())).of("td") if "differs" in str(one["class"]).split()]


def test_the_page_writes_names_as_text() -> None:
    text = page(*differing())
    assert "Ada &amp; &lt;Ben&gt;" in text
    assert "<Ben>" not in text
    assert LONG in text
    assert "A &lt;note&gt; &amp; more." in text


def test_the_page_says_that_policies_are_not_enforced() -> None:
    assert "The twin doesn't enforce NetworkPolicies." in page(*agreeing())


def test_the_same_map_is_the_same_page() -> None:
    assert page(*differing()) == page(*differing())
