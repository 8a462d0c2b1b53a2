"""The tour's page in a real browser: on a phone and a desktop, in the light and the dark, by keyboard and aloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real.browser import Browser, browser
from tests.real.legibility import CUT_OFF, FAINT, TOO_WIDE, WIDTHS
from tour.page import page
from tour.survey import survey
from tour.view import view

ROOT = Path(__file__).parents[2]
HOMES = [ROOT / "Pulumi.homelab.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]

# Names as long as they may be, and text without a space to break at.
LONGEST = {
    "k3s-master": "m" * 63,
    "NVIDIA GTX 1650 Mobile": "G" * 90,
    "kanokgan.com": f"{'k' * 60}.{'g' * 60}.com",
    "path: photos": f"path: {'p' * 90}",
}


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module", params=[*HOMES, None], ids=lambda path: path.stem if path else "longest-names")
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a home, as a file."""
    folder = tmp_path_factory.mktemp("tour")
    source: Path | None = request.param
    if source is None:
        text = HOMES[0].read_text()
        for short, long in LONGEST.items():
            text = text.replace(short, long)
        source = folder / "Pulumi.longest.yaml"
        source.write_text(text)
    path = folder / "tour.html"
    path.write_text(page(view(survey(source))), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def homelab_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tour") / "tour.html"
    path.write_text(page(view(survey(HOMES[0]))), encoding="utf-8")
    return path


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_is_wider_than_the_screen_or_cut_off(tab: Browser, shown: Path, dark: bool) -> None:
    for width in WIDTHS:
        tab.open(shown, width=width, dark=dark)
        assert tab.ask("document.documentElement.clientWidth") == width
        assert tab.ask("document.scrollingElement.scrollWidth") == width
        assert tab.ask(TOO_WIDE) == [], width
        assert tab.ask(CUT_OFF) == [], width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(tab: Browser, shown: Path, dark: bool) -> None:
    tab.open(shown, width=1280, dark=dark)
    assert tab.ask(FAINT) == []


def test_the_dark_page_is_dark_and_the_light_one_light(tab: Browser, homelab_page: Path) -> None:
    def brightness(dark: bool) -> int:
        tab.open(homelab_page, width=1280, dark=dark)
        color = tab.ask("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in color.strip("rgb()").split(","))

    assert brightness(dark=True) < 100 < 600 < brightness(dark=False)


def test_the_page_asks_for_nothing_but_itself_and_the_console_stays_empty(tab: Browser, shown: Path) -> None:
    tab.open(shown, width=390)
    tab.picture()
    assert tab.requests == [shown.as_uri()]
    assert tab.complaints == []


def test_without_scripts_the_page_is_the_same(tab: Browser, homelab_page: Path) -> None:
    pictures = []
    for scripts in (True, False):
        tab.open(homelab_page, width=1280, scripts=scripts)
        pictures.append(tab.picture())
    assert pictures[0] == pictures[1]


def test_the_keyboard_reaches_every_link_and_shows_where_it_is(tab: Browser, homelab_page: Path) -> None:
    tab.open(homelab_page, width=1280)
    links = tab.ask("document.querySelectorAll('a').length")
    seen = []
    for _ in range(links):
        tab.press("Tab", 9)
        seen.append(
            tab.ask(
                "(one => [one.getAttribute('href'), getComputedStyle(one).outlineStyle,"
                " one.getBoundingClientRect().top >= 0])(document.activeElement)"
            )
        )
    assert seen[0][0] == "#main"
    assert sorted(href for href, _, _ in seen) == sorted(
        tab.ask("[...document.querySelectorAll('a')].map(one => one.getAttribute('href'))")
    )
    assert [one for one in seen if one[1] == "none" or not one[2]] == []


def test_a_screen_reader_finds_landmarks_headings_and_no_decoration(tab: Browser, homelab_page: Path) -> None:
    tab.open(homelab_page, width=1280)
    nodes: list[dict[str, Any]] = tab.call("Accessibility.getFullAXTree")["nodes"]
    read = [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]]
    roles = [role for role, _ in read]
    assert roles.count("main") == 1
    assert {"banner", "navigation", "contentinfo", "table", "rowheader", "columnheader"} <= set(roles)
    assert ("heading", "homelab") in read
    assert ("region", "Rooms") in read
    assert [name for _, name in read if name in ("✓", "!", "✕")] == []
