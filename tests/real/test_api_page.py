"""The home page of the API in a real browser: every state, every width, light and dark, by keyboard, aloud and live."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from brain.app import create_app
from brain.overview import Overview, Part
from brain.page import words
from brain.verdict import Verdict
from tests.real import axe
from tests.real.api_pictures import pictures
from tests.real.browser import Browser, browser
from tests.real.legibility import CUT_OFF, FAINT, TOO_WIDE, WIDTHS
from tests.real.page_server import PageServer, served, serving
from tests.services.api import fakes
from tests.services.api.homes import ALERTS, HEALTHY_TILES, NOTHING_FOUND, NOW, STATES, home, tile

PAGES = [*STATES, "found", "nothing-found", "401", "403"]
THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
LIVE = "document.querySelector('#live').textContent.startsWith('Live')"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as one:
        yield one


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with served() as one:
        yield one


@pytest.fixture
def site(server: PageServer) -> Iterator[PageServer]:
    """The server, with a healthy home that lets everybody in."""
    yield server
    server.refuses_with = server.behind = server.hangs = 0
    server.overview = STATES["healthy"]


@pytest.fixture(params=PAGES)
def address(request: pytest.FixtureRequest, site: PageServer) -> str:
    """Where this page is."""
    name: str = request.param
    if name in STATES:
        site.overview = STATES[name]
    elif name == "nothing-found":
        return f"{site.address}/?q={NOTHING_FOUND.query}&page=3"
    elif name == "found":
        return f"{site.address}/?q=lake"
    else:
        site.refuses_with = int(name)
    return f"{site.address}/"


@pytest.fixture(scope="module")
def checker() -> str:
    return axe.script()


# Every page.


def test_nothing_is_wider_than_the_screen_or_cut_off(tab: Browser, address: str) -> None:
    for width in WIDTHS:
        tab.open(address, width=width)
        assert tab.ask("document.scrollingElement.scrollWidth") == width
        assert tab.ask(TOO_WIDE) == [], width
        assert tab.ask(CUT_OFF) == [], width


@THEMES
@pytest.mark.parametrize("width", [390, 1280])
def test_all_text_stands_out_from_what_is_behind_it(tab: Browser, address: str, dark: bool, width: int) -> None:
    tab.open(address, width=width, dark=dark)
    assert tab.ask(FAINT) == []


@THEMES
@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing(tab: Browser, address: str, checker: str, dark: bool, width: int) -> None:
    tab.open(address, width=width, dark=dark)
    assert axe.findings(tab, checker) == []


def test_axe_finds_what_is_wrong(tab: Browser, site: PageServer, checker: str) -> None:
    tab.open(f"{site.address}/", width=1280)
    tab.ask("document.querySelector('label').remove(), document.querySelector('svg').removeAttribute('aria-label')")
    found = {one.partition(":")[0] for one in axe.findings(tab, checker)}
    assert {"critical label", "serious svg-img-alt"} <= found


def test_a_page_asks_only_its_own_server_and_the_console_stays_empty(
    tab: Browser, address: str, site: PageServer
) -> None:
    tab.open(address, width=390)
    tab.picture()
    assert tab.requests
    assert [one for one in tab.requests if not one.startswith(f"{site.address}/")] == []
    if site.refuses_with:
        assert tab.requests == [address]
        assert tab.ask("getComputedStyle(document.body).marginTop") == "0px"
    # That the page itself is a refusal, the browser says by itself.
    assert [one for one in tab.complaints if str(site.refuses_with or "nothing") not in one] == []


def test_a_page_says_the_same_without_scripts(tab: Browser, address: str) -> None:
    tab.open(address, width=1280)
    with_scripts = tab.ask("document.querySelector('main').innerText")
    tab.open(address, width=1280, scripts=False)
    assert tab.ask("document.querySelector('main').innerText") == with_scripts
    assert "live" not in tab.ask("document.querySelector('footer').innerText").lower()


def test_on_paper_there_is_nothing_to_press(tab: Browser, site: PageServer) -> None:
    site.overview = STATES["degraded"]
    tab.open(f"{site.address}/", width=800)
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.ask("getComputedStyle(document.querySelector('form')).display") == "none"
    assert tab.ask("getComputedStyle(document.querySelector('.bar')).printColorAdjust") == "exact"
    assert tab.call("Page.printToPDF")["data"]
    tab.call("Emulation.setEmulatedMedia", media="")


# By keyboard and aloud.

FOCUSED = """
(one => `${one.tagName} ${one.name || one.textContent.trim()}`)(document.activeElement)
"""
SEEN = """
(({outlineStyle, outlineWidth}) => outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2)(
  getComputedStyle(document.activeElement))
"""


def tab_through(tab: Browser) -> list[str]:
    """What has the focus, key by key, until it comes round."""
    order: list[str] = []
    for _ in range(60):
        tab.press("Tab", 9)
        at = tab.ask(FOCUSED)
        if at.startswith("BODY"):
            break
        assert tab.ask(SEEN), at
        order.append(at)
    return order


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_tab_key_goes_through_the_page_as_it_is_read(tab: Browser, site: PageServer, scripts: bool) -> None:
    site.overview = STATES["needs-a-key"]
    tab.open(f"{site.address}/", width=1280, scripts=scripts)
    assert tab_through(tab) == [
        "A To the content",
        "INPUT q",
        "BUTTON Search",
        "A Photos",
        "A how to set it",
        "A Films",
        "A Cluster",
        "A Metrics",
        "A every way in",
        "A Look again",
        "A /api/v1/overview",
        "A /api/v1/calls",
    ]


def test_the_first_link_leads_past_the_top(tab: Browser, site: PageServer) -> None:
    tab.open(f"{site.address}/", width=1280)
    tab.press("Tab", 9)
    assert tab.ask("document.activeElement.getBoundingClientRect().top") >= 0
    tab.press("Enter", 13, "\r")
    tab.wait_for("document.activeElement.id === 'main'")
    tab.press("Tab", 9)
    assert tab.ask(FOCUSED) == "A Photos"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_words_and_enter_search(tab: Browser, site: PageServer, scripts: bool) -> None:
    tab.open(f"{site.address}/", width=390, scripts=scripts)
    for _ in range(2):
        tab.press("Tab", 9)
    tab.call("Input.insertText", text="blue lake & boat")
    tab.press("Enter", 13, "\r")
    tab.wait_for("document.querySelector('h2')?.textContent === 'Found for “blue lake & boat”'")
    assert tab.ask("document.querySelector('#q').value") == "blue lake & boat"


def test_a_screen_reader_finds_its_way(tab: Browser, site: PageServer) -> None:
    site.overview = STATES["degraded"]
    tab.open(f"{site.address}/", width=1280)
    nodes: list[dict[str, Any]] = tab.call("Accessibility.getFullAXTree")["nodes"]
    read = [(one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]]
    roles = [role for role, _ in read]
    for role in ("banner", "main", "contentinfo", "search"):
        assert roles.count(role) == 1, role
    assert {"table", "rowheader", "columnheader"} <= set(roles)
    regions = [name for role, name in read if role == "region"]
    assert regions == ["Services", "Alerts", "Now playing", "In the home", "GPUs", "Storage", "Who reaches what"]
    assert ("image", "3 of 4 slices taken") in read
    assert ("image", "3.5 GiB of 4 GiB of VRAM used") in read
    assert [name for role, name in read if name in tuple("✓!✕?·") and role != "RootWebArea"] == []
    assert [name for role, name in read if role == "article"] == ["Photos", "Films", "Cluster", "Metrics"]


def test_on_a_phone_the_map_names_who_comes_in_and_nobody_else(tab: Browser, site: PageServer) -> None:
    rows = "[...document.querySelectorAll('.map tbody tr')].map(one => one.innerText.split(/\\s*\\n\\s*/).join(' '))"
    tab.open(f"{site.address}/", width=390)
    shown = dict(zip(("Immich", "Jellyfin", "Grafana", "k3s-master", "NAS", "Transcode"), tab.ask(rows), strict=True))
    assert shown["Grafana"] == "Grafana Monitoring Tailnet, owner ✓ yes"
    assert shown["Transcode"] == "Transcode nobody"
    tab.open(f"{site.address}/", width=1280)
    assert "nobody" not in tab.ask("document.querySelector('.map').innerText")
    assert tab.ask("document.querySelectorAll('.map tr:last-child td.shut .sign').length") == 8


# Live.


QUICK = """
  window.looks = 0,
  window.setTimeout = ((real) => (what, after) => real(what, after === 3000 ? 20 : after))(window.setTimeout),
  window.fetch = ((real) => (...what) => (window.looks += 1, real(...what)))(window.fetch),
  AbortSignal.timeout = ((real) => () => real.call(AbortSignal, 300))(AbortSignal.timeout),
  true
"""
"""Counts how often the page is asked for, and lets it ask again sooner than it would."""


def opened(tab: Browser, site: PageServer) -> None:
    """The page of this home, listening."""
    tab.open(f"{site.address}/", width=1280)
    tab.wait_for(LIVE)
    tab.ask("window.loadedOnce = true")


def test_a_change_is_seen_and_said_without_loading_the_page(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    site.change(STATES["down"])
    tab.wait_for("document.querySelector('#services').innerText.includes('It refuses connections.')")
    assert tab.ask("document.querySelector('#headline').innerText").endswith("Films is down.")
    assert tab.ask("document.querySelector('#aloud').textContent") == "Films is down."
    assert tab.ask("document.title").startswith("✕ ")
    assert tab.ask("window.loadedOnce")
    assert tab.complaints == []


def test_a_key_that_is_wanted_and_then_set_comes_and_goes(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    site.change(STATES["needs-a-key"])
    tab.wait_for("document.querySelector('#keys').innerText.includes('pulumi config set')")
    site.change(STATES["healthy"])
    tab.wait_for("!document.querySelector('#keys').innerText.trim()")
    assert tab.ask("window.loadedOnce")


def test_what_has_not_changed_stays_and_the_focus_with_it(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    tab.ask("document.querySelector('#gpus').untouched = true, document.querySelector('#services').untouched = true")
    for _ in range(5):
        tab.press("Tab", 9)
    assert tab.ask(FOCUSED) == "A Films"
    # The services' ages differ, and nothing else of them.
    site.change(home(*(one.model_copy(update={"age": 61.0}) for one in HEALTHY_TILES), alerts=ALERTS))
    tab.wait_for("document.querySelector('#alerts').innerText.includes('NodeAway')")
    assert tab.ask("document.querySelector('#gpus').untouched && document.querySelector('#services').untouched")
    assert tab.ask("document.querySelector('#services .age').textContent") == "61 seconds ago"
    assert tab.ask(FOCUSED) == "A Films"


def test_the_focus_stays_on_a_link_in_a_part_that_is_drawn_anew(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    for _ in range(5):
        tab.press("Tab", 9)
    site.change(home(tile("immich", "Photos", Verdict.DOWN, "It is gone."), *HEALTHY_TILES[1:]))
    tab.wait_for("document.querySelector('#services').innerText.includes('It is gone.')")
    assert tab.ask(FOCUSED) == "A Films"


def test_hostile_names_stay_text_when_they_come_live(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    name = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    site.change(home(tile("immich", name, Verdict.DOWN, name), alerts=Part(unknown=name)))
    tab.wait_for(f"document.querySelector('#services h3').textContent === {name!r}")
    assert tab.ask("document.querySelectorAll('main img, main script').length") == 0
    assert tab.complaints == []


def test_a_change_of_what_is_for_whom_loads_the_page(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    site.change(STATES["for-a-guest"])
    tab.wait_for("!window.loadedOnce && !document.querySelector('#gpus') && document.readyState === 'complete'")


def test_whoever_is_no_longer_let_in_sees_nothing_more_of_the_home(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    site.refuses_with = 401
    site.change(STATES["down"])
    tab.wait_for("document.querySelector('h1')?.textContent === 'Who are you?'")
    assert "homelab" not in tab.ask("document.body.innerText")


def test_a_page_whose_server_is_gone_says_so_and_finds_it_again(tab: Browser) -> None:
    with served() as first:
        opened(tab, first)
    tab.wait_for("document.querySelector('#live').textContent.startsWith('Not live')")
    assert "Everything is all right." in tab.ask("document.body.innerText")
    with served(first.port) as second:
        second.overview = STATES["down"]
        tab.wait_for(LIVE)
        tab.wait_for("document.querySelector('#headline').innerText.endsWith('Films is down.')")
    assert tab.ask("window.loadedOnce")


def down(after: float) -> Overview:
    """The films are gone, as was seen so many seconds after all was well."""
    tiles = [one.model_copy(update={"at": NOW + timedelta(seconds=after)}) for one in STATES["down"].services]
    return home(*tiles)


def test_a_page_asks_until_it_shows_what_it_was_told(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    tab.ask(QUICK)
    site.behind = 3
    site.change(down(60), of="jellyfin")
    tab.wait_for("document.querySelector('#services').innerText.includes('It refuses connections.')")
    assert site.behind == 0


def test_what_was_before_does_not_come_back_when_another_replica_answers(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    tab.ask(QUICK)
    site.change(down(60), of="jellyfin")
    tab.wait_for("document.querySelector('#services').innerText.includes('It refuses connections.')")
    tab.ask(
        "window.said = [], new MutationObserver(() => said.push(document.querySelector('#headline').innerText))"
        ".observe(document.body, {childList: true, subtree: true}), window.looks = 0, true"
    )
    site.behind = 2
    tab.ask("document.dispatchEvent(new Event('visibilitychange')), true")
    tab.wait_for("window.looks >= 3 && window.said.length")
    assert {one.splitlines()[-1] for one in tab.ask("window.said")} == {"Films is down."}


def test_a_page_that_is_never_shown_what_it_was_told_shows_what_there_is(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    tab.ask(QUICK)
    before = site.looked
    site.behind = 1000
    site.change(down(60), of="jellyfin")
    tab.wait_for("window.looks >= 6")
    asked = site.looked - before
    tab.ask("document.dispatchEvent(new Event('visibilitychange'))")
    tab.wait_for("window.looks >= 7")
    # One more, and none besides.
    assert 6 <= asked <= 7
    assert "Healthy" in tab.ask("document.querySelector('#services').innerText")


def test_an_answer_that_never_comes_does_not_keep_the_page_from_asking_again(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    tab.ask(QUICK)
    site.hangs = 1
    site.change(STATES["degraded"])
    tab.wait_for("window.looks >= 1")
    site.change(STATES["down"])
    tab.wait_for("document.querySelector('#services').innerText.includes('It refuses connections.')")


def test_a_stream_that_ends_by_itself_is_no_loss(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    tab.ask(
        "window.said = [], new MutationObserver(() => said.push(document.querySelector('#live').textContent))"
        ".observe(document.querySelector('#live'), {childList: true, characterData: true, subtree: true}), true"
    )
    tab.ask(QUICK)
    site.end_streams()
    tab.wait_for("performance.getEntriesByType('resource').filter(one => one.name.endsWith('/events')).length >= 1")
    tab.wait_for("window.looks >= 1")
    site.change(STATES["down"])
    tab.wait_for("document.querySelector('#services').innerText.includes('It refuses connections.')")
    assert tab.ask("window.said") == []


@pytest.mark.parametrize("seconds", [0, 4, 5, 89, 90, 3599, 5399, 5400, 129_599, 129_600, 172_800_000])
def test_the_script_says_ages_in_the_servers_words(tab: Browser, site: PageServer, seconds: int) -> None:
    opened(tab, site)
    said = tab.ask(
        f"document.querySelector('.age').dataset.age = {seconds},"
        "document.dispatchEvent(new Event('visibilitychange')), document.querySelector('.age').textContent"
    )
    # A second or two of the page's own life count as well.
    assert said in {words.ago(seconds + more) for more in range(8)}


def test_ages_grow_while_nothing_happens(tab: Browser, site: PageServer) -> None:
    opened(tab, site)
    now = "document.querySelector('.age').textContent"
    before = tab.ask(now)
    tab.wait_for(f"{now} !== {before!r}", patience=15)


# The whole service, its own events among it.


def test_the_service_itself_shows_a_change_to_whoever_is_known(tab: Browser, tmp_path: Path) -> None:
    services = fakes.home()
    settings = fakes.settings(tmp_path, tailnet_proxies=("127.0.0.1/32",), look_every=0.2, fresh_for=0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with serving(create_app(settings, tuple(services.values())), listener):
            tab.open(address, width=1280)
            assert tab.ask("document.querySelector('h1').textContent") == "Who are you?"
            assert tab.ask("getComputedStyle(document.body).marginTop") == "0px"
            tab.call("Network.setExtraHTTPHeaders", headers={"Tailscale-User-Login": "ann@example.org"})
            tab.open(address, width=1280)
            tab.wait_for(LIVE)
            tab.ask("window.loadedOnce = true")
            assert "Healthy" in tab.ask("document.querySelector('#services').innerText")
            services["jellyfin"].verdict, services["jellyfin"].reasons = Verdict.DOWN, ("It refuses connections.",)
            tab.wait_for("document.querySelector('#services').innerText.includes('It refuses connections.')")
            assert tab.ask("window.loadedOnce")
            assert tab.complaints == []
            tab.call("Network.setExtraHTTPHeaders", headers={})
            tab.open("about:blank", width=1280)


# Pictures.


def test_pictures_of_the_page_can_be_made(tmp_path: Path) -> None:
    light, dark = pictures(tmp_path)
    assert [one.name for one in (light, dark)] == ["api-light.png", "api-dark.png"]
    for one in (light, dark):
        content = one.read_bytes()
        assert content.startswith(b"\x89PNG")
        assert int.from_bytes(content[16:20]) == 1280
        assert 1000 < int.from_bytes(content[20:24]) < 2000
    assert light.read_bytes() != dark.read_bytes()
