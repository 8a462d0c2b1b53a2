"""What the Jellyfin adapter makes of a Jellyfin, of either version."""

from __future__ import annotations

from typing import Any

import pytest

from brain.adapters.jellyfin import Latest, VideoSearch, supported
from brain.adapters.service import Nothing
from brain.upstream import Kind, UpstreamError
from brain.verdict import Verdict
from demo.jellyfin import VERSIONS
from tests.services.api.standins import KEY, SET_KEY, Recorded, a_jellyfin, asking, jellyfin_adapter

pytestmark = pytest.mark.anyio

both = pytest.mark.parametrize("version", VERSIONS)


@both
async def test_one_that_is_well_tells_what_it_has_and_who_watches(version: str) -> None:
    report = await jellyfin_adapter(a_jellyfin(version).application).look()
    assert (report.verdict, report.reasons) == (Verdict.HEALTHY, ())
    assert report.facts["version"] == version
    assert report.facts["counts"] == {"films": 8, "series": 1, "episodes": 4, "songs": 0}
    direct, transcoded = report.facts["playing"]
    assert direct == {
        "title": "Sintel",
        "who": "Anong",
        "device": "Living room",
        "how": "direct",
        "by_gpu": False,
        "paused": False,
        "share": 0.42,
    }
    assert transcoded["title"] == "The Garden 2x01: The seed again"
    assert (transcoded["how"], transcoded["by_gpu"]) == ("transcode", True)
    # Two libraries on one disk are one disk.
    assert [one["name"] for one in report.facts["storage"]] == ["Films"]


@both
async def test_a_process_that_is_up_without_its_films_is_degraded_not_down(version: str) -> None:
    jellyfin = a_jellyfin(version)
    jellyfin.media_mounted = False
    report = await jellyfin_adapter(jellyfin.application).look()
    assert report.verdict is Verdict.DEGRADED
    assert report.reasons == (
        "It is up, but can't reach the library Films: its folder isn't mounted, or is gone.",
        "It is up, but can't reach the library Series: its folder isn't mounted, or is gone.",
    )
    assert report.facts["storage"] == []


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        ("Healthy", Verdict.HEALTHY),
        ("Degraded", Verdict.DEGRADED),
        ("Unhealthy", Verdict.DOWN),
        ("Hello", Verdict.DOWN),
    ],
)
async def test_what_it_says_of_its_own_health_counts(health: str, verdict: Verdict) -> None:
    jellyfin = a_jellyfin("12.1.0")
    jellyfin.health = health
    assert (await jellyfin_adapter(jellyfin.application).look()).verdict is verdict


@both
async def test_without_a_key_it_says_which_command_sets_one(version: str) -> None:
    asked = Recorded(a_jellyfin(version).application)
    report = await jellyfin_adapter(asked, key="").look()
    assert report.verdict is Verdict.UNKNOWN
    assert report.reasons == (f"It is up, and needs a key before more can be told: `{SET_KEY}`.",)
    assert [one.path for one in asked.requests] == ["/health", "/System/Info/Public"]
    assert all("authorization" not in one.headers for one in asked.requests)


@both
async def test_the_key_goes_into_the_one_header_that_both_versions_take(version: str) -> None:
    asked = Recorded(a_jellyfin(version).application)
    await jellyfin_adapter(asked).look()
    assert {one.headers["authorization"] for one in asked.requests} == {f'MediaBrowser Token="{KEY}"'}


async def test_the_standin_of_version_12_takes_no_older_header() -> None:
    def older() -> dict[str, str]:
        return {"X-Emby-Token": KEY}

    assert await asking(a_jellyfin("10.11.11").application, older).get("/Sessions", list[Any])
    with pytest.raises(UpstreamError) as caught:
        await asking(a_jellyfin("12.1.0").application, older).get("/Sessions", list[Any])
    assert caught.value.kind is Kind.UNAUTHORIZED


@pytest.mark.parametrize("version", ["10.10.7", "11.0.0", "13.0.0"])
async def test_a_version_that_isn_t_known_is_unsupported(version: str) -> None:
    report = await jellyfin_adapter(a_jellyfin(version).application).look()
    assert report.verdict is Verdict.UNSUPPORTED
    assert report.reasons == (f"It is version {version}; known here are 10.11 and 12.",)


@pytest.mark.parametrize(("version", "known"), [("10.11.0", True), ("12.0", True), ("12.1.3", True), ("10.9.1", False)])
def test_versions(version: str, known: bool) -> None:
    assert supported(version) is known


async def test_one_that_waits_for_a_restart_says_so() -> None:
    jellyfin = a_jellyfin("12.1.0")
    jellyfin.restart_due = True
    report = await jellyfin_adapter(jellyfin.application).look()
    assert report.reasons == ("It wants to be restarted: an update or a plug-in waits for that.",)


@both
async def test_films_series_and_episodes_are_found_by_title(version: str) -> None:
    adapter = jellyfin_adapter(a_jellyfin(version).application)
    found = await adapter.search(VideoSearch(text="seed"))
    assert [(one.title, one.kind, one.series, one.season) for one in found.items] == [
        ("The seed", "episode", "The Garden", 1),
        ("The seed again", "episode", "The Garden", 2),
    ]
    assert (await adapter.search(VideoSearch(text="seed", year=2024))).items[0].title == "The seed again"
    assert [one.kind for one in (await adapter.search(VideoSearch(text="garden"))).items] == ["series"]
    assert (await adapter.search(VideoSearch(text="nothing of that name"))).items == ()
    film = (await adapter.search(VideoSearch(kind="film", text="sintel"))).items[0]
    assert (film.minutes, film.year) == (15, 2010)
    assert film.about
    assert film.added


@both
async def test_all_pages_together_are_everything_once(version: str) -> None:
    adapter = jellyfin_adapter(a_jellyfin(version).application)
    seen: list[str] = []
    page: int | None = 1
    while page is not None:
        found = await adapter.search(VideoSearch(page=page, size=5))
        seen += [one.id for one in found.items]
        page = found.next_page
    assert len(seen) == len(set(seen)) == 13


@both
async def test_the_latest_come_first(version: str) -> None:
    found = await jellyfin_adapter(a_jellyfin(version).application).latest(Latest(size=3))
    assert [one.title for one in found.items] == ["The seed again", "Charge", "Sprite Fright"]


async def test_what_is_playing_isn_t_for_guests() -> None:
    calls = jellyfin_adapter(a_jellyfin("12.1.0").application).calls
    assert {name for name, one in calls.items() if "guest" in one.roles} == {
        "video.search",
        "video.latest",
        "video.counts",
    }
    playing = await jellyfin_adapter(a_jellyfin("12.1.0").application).playing(Nothing())
    assert [one.who for one in playing.playing] == ["Anong", "Somchai"]
