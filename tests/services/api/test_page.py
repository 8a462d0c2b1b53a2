"""The home page as HTML: every state of a home in words, no name taken for markup, refusals as pages."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from brain.access.identity import WAYS
from brain.found import Found, Hit, Source
from brain.overview import Alert, Count, ExposureMap, Gpu, Overview, Part, Playing, Reach, Store, Wanted
from brain.page import picture, render, words
from brain.routes.page import LAST_PAGE, LONGEST_QUERY, page_router, static_router
from brain.verdict import Verdict
from tests.services.api.fakes import application, as_, client
from tests.services.api.homes import (
    ALERTS,
    COLUMNS,
    FOUND,
    GIB,
    HEALTHY_TILES,
    NEEDS_A_KEY,
    NOTHING_FOUND,
    NOW,
    STATES,
    home,
    tile,
)

VOID = {"meta", "link", "input"}
INLINE = {"a", "b", "code", "span", "time"}


class Outline(HTMLParser):
    """A page taken apart: its tags with their attributes, its text, what is open where it shouldn't be."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.mistakes: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.mistakes += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

        self._between(tag)

    def handle_endtag(self, tag: str) -> None:
        self._between(tag)
        if not self._open or self._open.pop() != tag:
            self.mistakes.append(f"/{tag}")

    def _between(self, tag: str) -> None:
        if tag not in INLINE:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        """What a browser makes of it, without any value."""
        return [(tag, list(attributes)) for tag, attributes in self.tags]

    def values(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


def shown(overview: Overview) -> Outline:
    return Outline(render.home(overview))


ALL_PAGES = {
    **{name: render.home(overview, "Ada (owner)") for name, overview in STATES.items()},
    "found": render.found("homelab", FOUND, "Ada (owner)"),
    "nothing-found": render.found("homelab", NOTHING_FOUND),
    "nobody-to-ask": render.found("homelab", Found(query="lake")),
    **{str(status): render.refused(status, "No.", WAYS)[0] for status in (401, 403, 429, 503)},
    "no-way-in": render.refused(401, "No.")[0],
}


# Every page.


@pytest.fixture(params=ALL_PAGES)
def page(request: pytest.FixtureRequest) -> Outline:
    return Outline(ALL_PAGES[request.param])


def test_every_tag_is_closed_where_it_was_opened(page: Outline) -> None:
    assert page.mistakes == []


def test_every_page_has_one_heading_one_main_and_a_title(page: Outline) -> None:
    tags = [tag for tag, _ in page.tags]
    assert [tags.count(tag) for tag in ("h1", "main", "title", "header", "footer")] == [1, 1, 1, 1, 1]


def test_no_page_has_a_script_a_style_of_an_element_or_a_handler_within(page: Outline) -> None:
    assert [attributes for tag, attributes in page.tags if tag == "script" and "src" not in attributes] == []
    names = {name for _, attributes in page.tags for name in attributes}
    assert [name for name in names if name == "style" or name.startswith("on")] == []


def test_what_a_page_loads_is_there_and_is_its_own(page: Outline) -> None:
    loaded = [attributes["href"] for tag, attributes in page.tags if tag == "link"] + page.values("src")
    own = {f"/static/{name}?v={file.tag}" for name, file in render.files().items()}
    within = [tag for tag, _ in page.tags if tag == "style"]
    # Whoever is refused gets no other file, so a refusal has its style with it.
    assert (set(loaded) <= own and not within) or (loaded, within) == (["data:,"], ["style"])


def test_no_id_stands_twice_and_every_label_and_target_is_there(page: Outline) -> None:
    ids = page.values("id")
    assert sorted(set(ids)) == sorted(ids)
    wanted = [*page.values("aria-labelledby"), *page.values("for")]
    wanted += [one[1:] for one in page.values("href") if one.startswith("#")]
    assert set(wanted) - set(ids) == set()


# The home in words.


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_a_word_with_its_reasons(verdict: Verdict) -> None:
    text = shown(home(tile("immich", "Photos", verdict, "First reason.", "Second reason."))).text
    assert f"Photos {words.said(verdict).sign} {words.said(verdict).word} First reason. Second reason." in text


def test_verdicts_differ_in_word_and_in_sign() -> None:
    assert len({words.said(one).word for one in Verdict}) == len({words.said(one).sign for one in Verdict}) == 5


def test_a_home_that_is_all_right_says_so() -> None:
    page = shown(STATES["healthy"])
    assert "✓ Everything is all right." in page.text
    assert "No alert fires." in page.text
    assert page.text.startswith("✓ homelab · HomeBrain")


@pytest.mark.parametrize(
    ("overview", "sentence"),
    [
        (STATES["degraded"], "Photos is degraded. 3 alerts fire."),
        (STATES["unsupported"], "Photos is of a version that isn't supported."),
        (STATES["down"], "Films is down."),
        (STATES["needs-a-key"], "Photos is unknown."),
        (STATES["nothing-known"], "Metrics is down. Whether an alert fires isn't known."),
        (STATES["stale"], "3 alerts fire. What is known of Photos is old."),
        (STATES["full"], "NAS is full."),
        (STATES["empty"], "No service is watched yet."),
        (STATES["for-a-guest"], "Everything is all right."),
        (
            home(
                tile("a", "A", Verdict.DEGRADED),
                tile("b", "B", Verdict.DOWN),
                tile("c", "C", Verdict.DOWN),
                tile("d", "D", Verdict.DOWN),
                alerts=Part(items=ALERTS.items[1:2]),
            ),
            "B, C and D are down; A is degraded. 1 alert fires.",
        ),
    ],
)
def test_the_headline_says_the_worst_first(overview: Overview, sentence: str) -> None:
    assert words.headline(overview) == sentence
    assert (words.tone(overview) == "good") == (sentence == words.ALL_RIGHT)


def test_a_critical_alert_colours_the_headline_of_a_healthy_home() -> None:
    assert words.tone(home(*HEALTHY_TILES, alerts=ALERTS)) == "bad"
    assert words.tone(home(*HEALTHY_TILES, alerts=Part(items=ALERTS.items[1:]))) == "warn"


def test_what_is_old_says_how_old_it_is() -> None:
    text = shown(STATES["stale"]).text
    for said in (
        "old asked 25 minutes ago",
        "old What is shown was learnt 40 minutes ago.",
        "old What is shown was learnt 2 hours ago.",
        "old What is shown was learnt 2 days ago.",
        "old What is shown was learnt 1 minute ago.",
    ):
        assert said in text
    assert "old asked" not in shown(STATES["healthy"]).text


def test_what_is_not_known_is_not_shown_as_nothing() -> None:
    text = shown(STATES["nothing-known"]).text
    for part in ("Alerts", "GPUs", "Storage"):
        assert f"{part} ? Not known. Prometheus refuses connections." in text
    assert "Now playing ? Not known. Jellyfin didn't answer in time." in text
    assert "In the home ? Not known. Immich didn't answer in time." in text
    for nothing in ("No alert fires", "Nobody is watching", "Nothing is counted", "No node offers", "No storage"):
        assert nothing not in text


def test_an_empty_home_says_of_each_part_that_there_is_nothing() -> None:
    text = shown(STATES["empty"]).text
    for said in (
        "No service is set up yet.",
        "No alert fires.",
        "Nobody is watching or listening.",
        "Nothing is counted yet.",
        "No node offers slices of a GPU.",
        "No storage is measured yet.",
        "No map of who reaches what was given.",
    ):
        assert said in text


def test_what_is_not_for_a_guest_leaves_no_trace() -> None:
    page = shown(STATES["for-a-guest"])
    assert not {"alerts", "playing", "gpus", "storage", "exposure"} & set(page.values("id"))
    for word in ("GPU", "Storage", "Alerts", "Now playing", "Who reaches what", "k3s"):
        assert word not in page.text


def test_a_service_that_needs_a_key_shows_the_command_that_sets_it() -> None:
    text = render.home(STATES["needs-a-key"])
    command = NEEDS_A_KEY.needs.command if NEEDS_A_KEY.needs else ""
    assert f"<code>{command.replace('&', '&amp;')}</code>" in text
    assert "Needs a key" not in shown(STATES["healthy"]).text


def test_gpus_and_storage_are_drawn_and_said() -> None:
    page = shown(STATES["healthy"])
    assert page.values("aria-label")[:1] == ["3 of 4 slices taken"]
    assert "3.5 GiB of 4 GiB of VRAM used" in page.values("aria-label")
    assert "5.7 TiB of 7.1 TiB used" in page.values("aria-label")
    assert "8 GiB, its use not measured" in page.text
    drawn = [attributes["class"] for tag, attributes in page.tags if tag == "rect"]
    assert drawn[:4] == ["taken", "taken", "taken", "free"]


def test_a_store_that_is_nearly_full_is_never_rounded_up_to_full() -> None:
    text = shown(home(*HEALTHY_TILES, storage=Part(items=(Store(name="NAS", used=999, total=1000),)))).text
    assert "full 99 %" in text


def test_alerts_say_how_bad_what_and_for_how_long() -> None:
    text = shown(STATES["degraded"]).text
    assert "NodeAway critical k3s-worker hasn't been heard of. for 20 minutes" in text
    assert "BackupOld info for 3 days" in text


def test_what_plays_says_who_where_and_how() -> None:
    text = shown(STATES["healthy"]).text
    assert "The Third Man (1949) Ada · the living room · directly" in text
    assert "Planet Earth, S1 E3 paused Ben · a phone · made to fit by the GPU" in text


def test_the_map_says_yes_and_no_for_every_column() -> None:
    text = shown(STATES["healthy"]).text
    _, _, rest = text.partition("At home pods Immich ")
    immich, _, _ = rest.partition(" Jellyfin ")
    open_to = {"Internet, signed in", "Tailnet, owner", "Tailnet, family"}
    columns = [f"{one.group}, {one.title}" for one in COLUMNS]
    assert immich == " ".join(f"{one}✓yes" if one in open_to else f"{one}·no" for one in columns)


def test_a_title_leads_only_to_pages_of_the_web() -> None:
    for bad in ("javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:x", "//elsewhere", "/x", "https:", "http://["):
        one = HEALTHY_TILES[0].model_copy(update={"link": bad})
        assert bad not in shown(home(one)).values("href")
        hit = Hit(title="Lake", kind="film", source="Films", link=bad)
        assert bad not in Outline(render.found("homelab", Found(query="x", hits=(hit,)))).values("href")
    assert "https://immich.home.example/" in shown(STATES["healthy"]).values("href")


# Whatever stands in the data stays text.

MARKUP = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "</code></pre><h1>",
    "a & b",
    "'",
    "<!--",
)
any_text = (st.sampled_from(MARKUP) | st.text(min_size=1, max_size=30)).filter(str.strip)  # fmt: skip


def named(text: str) -> Overview:
    """A home in which everything that has a name has this one."""
    return home(
        tile("immich", text, Verdict.DEGRADED, text, text).model_copy(
            update={"needs": Wanted(what=text, command=text), "link": f"https://a.example/{text}"}
        ),
        gpus=Part(items=(Gpu(node=text, model=text, slices_taken=1, slices_there=2),)),
        storage=Part(items=(Store(name=text, what=text, used=1, total=2),)),
        alerts=Part(items=(Alert(name=text, severity="critical", summary=text, since=NOW),)),
        playing=Part(items=(Playing(who=text, title=text, on=text, how=text),)),
        counts=Part(items=(Count(what=text, number=1, more=text),), is_stale=True),
        exposure=ExposureMap(
            columns=(COLUMNS[0].model_copy(update={"title": text, "group": text, "meaning": text}),),
            rows=(Reach(title=text, group=f"{text} too"),),
        ),
    ).model_copy(update={"home": text})


@lru_cache(2)
def shape_of_names(text: str) -> tuple[Any, ...]:
    """The markup of a page on which everything has this name, and of one on which nothing is known, for this reason."""
    unknown = {part: Part(unknown=text) for part in ("gpus", "storage", "alerts", "playing", "counts")}
    return Outline(render.home(named(text), text)).shape, shown(home(**unknown)).shape


@settings(deadline=None)
@given(any_text)
def test_no_name_becomes_markup(text: str) -> None:
    assert shape_of_names(text) == shape_of_names("plain")


@settings(deadline=None)
@given(any_text)
def test_no_word_of_a_search_becomes_markup(text: str) -> None:
    def result(word: str) -> str:
        hit = Hit(title=word, kind=word, source=word, when=word, more=word, link=f"https://a.example/{word}")
        sources = (Source(title=word), Source(title=word, unknown=word))
        return render.found(word, Found(query=word, page=2, hits=(hit,), sources=sources, has_more=True), word)

    assert Outline(result(text)).shape == Outline(result("plain")).shape


@settings(deadline=None)
@given(any_text)
def test_no_reason_of_a_refusal_becomes_markup(text: str) -> None:
    assert Outline(render.refused(401, text)[0]).shape == Outline(render.refused(401, "plain")[0]).shape


# Words and pictures.


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-3, "just now"),
        (4.9, "just now"),
        (5, "5 seconds ago"),
        (89.9, "89 seconds ago"),
        (90, "1 minute ago"),
        (120, "2 minutes ago"),
        (89 * 60, "89 minutes ago"),
        (90 * 60, "1 hour ago"),
        (35 * 3600, "35 hours ago"),
        (36 * 3600, "1 day ago"),
        (2000 * 86400, "2,000 days ago"),
    ],
)
def test_ages_in_words(seconds: float, said: str) -> None:
    assert words.ago(seconds) == said


def test_what_began_in_the_future_by_a_wrong_clock_has_lasted_a_moment() -> None:
    assert words.since(NOW + timedelta(hours=1), NOW) == "a moment"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KiB"),
        (512 * 1024**2, "512 MiB"),
        (int(3.5 * GIB), "3.5 GiB"),
        (4 * GIB, "4 GiB"),
        (7300 * GIB, "7.1 TiB"),
        (2000 * 1024**5, "2,000 PiB"),
    ],
)
def test_sizes_in_words(number: int, said: str) -> None:
    assert words.size(number) == said


@given(st.integers(0, 10**20))
def test_a_size_is_said_to_a_twentieth(number: int) -> None:
    figure, unit = words.size(number).split()
    power = ("B", "KiB", "MiB", "GiB", "TiB", "PiB").index(unit)
    assert float(figure.replace(",", "")) * 1024**power == pytest.approx(number, rel=0.05, abs=0.5)


@given(st.integers(0, 40), st.integers(0, 40))
def test_slices_lie_side_by_side_within_the_bar(taken: int, there: int) -> None:
    pieces = picture.slices(taken, there)
    ends = [(float(one.x.rstrip("%")), float(one.x.rstrip("%")) + float(one.width.rstrip("%"))) for one in pieces]
    assert all(0 <= begin < end <= 100.2 for begin, end in ends)
    assert all(before[1] <= after[0] for before, after in pairwise(ends))
    if 0 < there <= picture.MOST_SLICES:
        assert [one.is_taken for one in pieces] == [number < taken for number in range(there)]


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_a_bar_is_as_long_as_what_is_used_and_never_longer_than_it_can_be(used: int, total: int) -> None:
    for piece in picture.bar(used, total):
        width = float(piece.width.rstrip("%"))
        assert width <= 100
        assert width == pytest.approx(max(min(used / total, 1) * 100, picture.LEAST), abs=0.01)
    assert bool(picture.bar(used, total)) == (used > 0 and total > 0)


# Over HTTP.


class Home:
    """What the routes ask of: it remembers what it was asked."""

    refusal: HTTPException | None = None
    asked: tuple[str, int] | None = None

    async def look(self, request: Request) -> Overview:
        if self.refusal:
            raise self.refusal
        return STATES["healthy"]

    async def find(self, request: Request, query: str, page: int) -> Found:
        self.asked = (query, page)
        return FOUND.model_copy(update={"query": query, "page": page})


@pytest.fixture
def brain() -> Home:
    return Home()


class Site:
    """An application, asked one thing at a time."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def ask(self, method: str, path: str, **params: str) -> httpx.Response:
        async def once() -> httpx.Response:
            async with client(self._app) as one:
                return await one.request(method, path, params=params or None)

        return asyncio.run(once())

    def get(self, path: str, **params: str) -> httpx.Response:
        return self.ask("GET", path, **params)


@pytest.fixture
def site(brain: Home) -> Site:
    app = FastAPI()
    app.include_router(page_router("homelab", brain.look, brain.find, lambda request: "Ada (owner)"))
    app.include_router(static_router())
    return Site(app)


def test_the_page_is_html_that_nobody_keeps_and_that_may_load_only_its_own_files(site: Site) -> None:
    answer = site.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == render.POLICY
    assert "unsafe" not in render.POLICY
    assert "You are known here as Ada (owner)." in Outline(answer.text).text


def test_it_answers_heads_and_nothing_that_would_change_something(site: Site) -> None:
    assert site.ask("HEAD", "/").status_code == 200
    assert site.ask("POST", "/").status_code == 405


def test_words_in_the_search_box_lead_to_what_is_found(site: Site, brain: Home) -> None:
    text = Outline(site.get("/", q="  big   lake ").text).text
    assert brain.asked == ("big lake", 1)
    assert "Found for “big lake”" in text
    assert "Photos was asked: 1,204 matches" in text
    assert "Films was asked: 1 match ?" in text
    assert "Series couldn't be asked. It didn't answer in time." in text


def test_a_blank_search_is_the_home(site: Site, brain: Home) -> None:
    assert "Everything is all right." in site.get("/", q=" \t").text
    assert brain.asked is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("0", 1), ("-2", 1), ("x", 1), ("", 1), ("²", 1), ("٣", 1), ("99999999", LAST_PAGE), ("9" * 5000, 1)],
)
def test_whatever_is_written_as_the_page_is_a_page(site: Site, brain: Home, text: str, number: int) -> None:
    assert site.get("/", q="lake", page=text).status_code == 200
    assert brain.asked == ("lake", number)


def test_a_search_is_no_longer_than_the_box_lets_it_be(site: Site, brain: Home) -> None:
    page = site.get("/", q="x" * 5000)
    assert page.status_code == 200
    assert brain.asked == ("x" * LONGEST_QUERY, 1)
    assert Outline(page.text).values("maxlength") == [str(LONGEST_QUERY)]


def test_pages_of_the_result_lead_on_with_the_same_words(site: Site) -> None:
    page = Outline(site.get("/", q="a&b=c d", page="2").text)
    assert "/?q=a%26b%3Dc%20d&page=3" in [one.replace("+", "%20") for one in page.values("href")]
    assert "/?q=a%26b%3Dc%20d&page=1" in [one.replace("+", "%20") for one in page.values("href")]


@pytest.mark.parametrize(
    ("status", "said"), [(401, "Who are you?"), (403, "This isn't for you"), (429, "Not so fast"), (503, "Not now")]
)
def test_a_refusal_is_a_page_with_its_status_that_tells_nothing_of_the_home(
    site: Site, brain: Home, status: int, said: str
) -> None:
    brain.refusal = HTTPException(status, "A sentence.", {"Retry-After": "7", "WWW-Authenticate": "Bearer"})
    answer = site.get("/")
    text = Outline(answer.text).text
    assert answer.status_code == status
    assert (answer.headers["retry-after"], answer.headers["www-authenticate"]) == ("7", "Bearer")
    assert answer.headers["content-security-policy"] == render.refused(status, "A sentence.")[1]
    assert f"{said} A sentence." in text
    assert "homelab" not in text
    assert "k3s" not in text


def test_a_refusals_policy_knows_its_style_by_its_checksum() -> None:
    text, policy = render.refused(401, "No.")
    [style] = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    checksum = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{checksum}';" in policy


def test_a_refusal_by_what_the_route_depends_on_is_a_page_too(brain: Home) -> None:
    def nobody() -> None:
        raise HTTPException(401, "A sentence.")

    app = FastAPI()
    router = page_router("homelab", brain.look, brain.find, lambda request: "")
    app.include_router(router, dependencies=[Depends(nobody)])
    answer = Site(app).get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (401, "text/html; charset=utf-8")


def test_files_are_kept_for_ever_under_the_name_that_changes_with_them(site: Site) -> None:
    for name, file in render.files().items():
        kept = site.get(f"/static/{name}", v=file.tag)
        assert kept.content == file.content
        assert "immutable" in kept.headers["cache-control"]
        assert site.get(f"/static/{name}").headers["cache-control"] == "no-cache"
        assert site.get(f"/static/{name}", v="before").headers["cache-control"] == "no-cache"
    assert site.get("/static/style.css").headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize("name", ["other.css", "..%2frender.py", "%2e%2e/render.py", "", "style.css/x"])
def test_nothing_else_is_a_file(site: Site, name: str) -> None:
    assert site.get(f"/static/{name}").status_code == 404


def test_nothing_of_the_page_stands_in_the_description_of_the_api(site: Site) -> None:
    described: Mapping[str, Any] = site.get("/openapi.json").json()
    assert described["paths"] == {}


def test_a_tile_says_of_which_service_it_is_and_when_that_was_looked_at() -> None:
    """By which the script knows whether the page is as new as what it was told (`/events` says the same)."""
    page = shown(STATES["degraded"])
    services = STATES["degraded"].services
    assert page.values("data-service") == [one.service for one in services]
    assert page.values("data-at") == [one.at.isoformat() for one in services]


# Before the whole service.


@pytest.mark.anyio
async def test_each_role_sees_its_own_home(tmp_path: Path) -> None:
    app = application(tmp_path)
    for who, role, sees_inside in (("ann", "owner", True), ("ben", "family", True), ("guest", "guest", False)):
        async with as_(who, app) as browser:
            page = Outline((await browser.get("/")).text)
        assert f"You are known here as {who}@example.org ({role})." in page.text
        assert ({"gpus", "storage", "alerts", "playing"} <= set(page.values("id"))) == sees_inside
        assert ("k3s-master" in page.text) == sees_inside
        assert "Films" in page.text


@pytest.mark.anyio
async def test_a_search_asks_what_is_for_whoever_asks(tmp_path: Path) -> None:
    app = application(tmp_path)
    async with as_("ann", app) as owner, as_("guest", app) as guest:
        for_owner, for_guest = [Outline((await one.get("/?q=man")).text).text for one in (owner, guest)]
    assert "The Third Man" in for_owner
    assert "IMG_1.jpg" in for_owner
    assert "The Third Man" in for_guest
    assert "IMG_1.jpg" not in for_guest


@pytest.mark.anyio
async def test_a_stranger_gets_a_page_that_tells_nothing_and_no_file(tmp_path: Path) -> None:
    async with client(application(tmp_path), Accept="text/html") as stranger:
        page, file = await stranger.get("/"), await stranger.get("/static/style.css")
    assert (page.status_code, file.status_code) == (401, 401)
    assert "Who are you?" in page.text
    assert "homelab" not in page.text
    assert page.headers["content-security-policy"] == render.refused(401, "")[1]
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.anyio
async def test_files_say_themselves_how_long_they_are_kept(tmp_path: Path) -> None:
    async with as_("guest", application(tmp_path)) as browser:
        page = Outline((await browser.get("/")).text)
        [address] = [one for one in page.values("href") if one.startswith("/static/style.css")]
        assert "immutable" in (await browser.get(address)).headers["cache-control"]


@pytest.mark.anyio
async def test_every_way_from_the_page_into_the_api_is_there(tmp_path: Path) -> None:
    app = application(tmp_path)
    page = Outline(render.home(STATES["healthy"]))
    script = render.files()["page.js"].content.decode()
    ways = {one for one in [*page.values("href"), *re.findall('"(/[^"]*)"', script)] if one.startswith("/api/")}
    assert len(ways) == 4
    assert ways <= set(app.openapi()["paths"])
