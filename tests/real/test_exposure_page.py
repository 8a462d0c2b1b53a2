"""The page of who reaches what in a real browser: on a phone and a desktop, in the light and the dark, and aloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exposure.page import page
from tests.real.browser import Browser, browser
from tests.real.legibility import CUT_OFF, FAINT, TOO_WIDE, WIDTHS
from tests.unit.exposure.maps import agreeing, differing, homelab

PAGES = {
    "described": lambda: page(homelab()),
    "agrees": lambda: page(*agreeing()),
    "differs": lambda: page(*differing()),
}


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module", params=PAGES)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exposure") / "exposure.html"
    path.write_text(PAGES[request.param](), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_the_screen_or_cut_off(tab: Browser, shown: Path, dark: bool) -> None:
    for width in WIDTHS:
        tab.open(shown, width=width, dark=dark)
        assert tab.ask("document.scrollingElement.scrollWidth") == width
        assert tab.ask(TOO_WIDE) == [], width
        assert tab.ask(CUT_OFF) == [], width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_all_text_stands_out_from_what_is_behind_it(tab: Browser, shown: Path, dark: bool, width: int) -> None:
    tab.open(shown, width=width, dark=dark)
    assert tab.ask(FAINT) == []


def test_the_page_asks_for_nothing_but_itself_and_the_console_stays_empty(tab: Browser, shown: Path) -> None:
    tab.open(shown, width=390)
    tab.picture()
    assert tab.requests == [shown.as_uri()]
    assert tab.complaints == []


def test_a_screen_reader_finds_the_table_and_hears_yes_and_no(tab: Browser, shown: Path) -> None:
    tab.open(shown, width=1280)
    nodes: list[dict[str, Any]] = tab.call("Accessibility.getFullAXTree")["nodes"]
    read = [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]]
    roles = [role for role, _ in read]
    assert roles.count("main") == 1
    assert {"banner", "navigation", "contentinfo", "table", "rowheader", "columnheader"} <= set(roles)
    assert [name for _, name in read if name in ("✓", "·", "≠")] == []
    cells = {name.partition(",")[0] for role, name in read if role in ("cell", "gridcell")}
    assert cells == {"yes", "no"}


def test_on_a_phone_each_cell_names_its_column(tab: Browser, shown: Path) -> None:
    tab.open(shown, width=390)
    first = "getComputedStyle(document.querySelector('.map tbody td'), '::before').content"
    assert tab.ask(first) == '"Internet, anybody"'
    tab.open(shown, width=1280)
    assert tab.ask(first) == "none"
