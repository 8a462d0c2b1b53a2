"""What the Immich adapter makes of an Immich, of either version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from brain.adapters.immich import Immich as Adapter
from brain.adapters.immich import MemoriesOf, PhotoSearch, RandomPhotos, _seconds
from brain.adapters.service import Nothing, Paged
from brain.upstream import Kind, UpstreamError
from brain.verdict import Verdict
from demo.immich import VERSIONS, Immich
from tests.services.api.standins import KEY, NOW, SET_KEY, Recorded, an_immich, asking, immich_adapter

pytestmark = pytest.mark.anyio

both = pytest.mark.parametrize("version", VERSIONS)


async def reasons(immich: Immich) -> tuple[Verdict, tuple[str, ...]]:
    report = await immich_adapter(immich.application).look()
    return report.verdict, report.reasons


@both
async def test_one_that_is_well_tells_what_it_has(version: str) -> None:
    report = await immich_adapter(an_immich(version).application).look()
    assert (report.verdict, report.reasons) == (Verdict.HEALTHY, ())
    assert (report.service, report.title, report.at) == ("immich", "Photos", NOW)
    assert report.facts["version"] == version
    assert report.facts["counts"] == {"photos": 86, "videos": 4, "bytes": report.facts["counts"]["bytes"]}
    assert report.facts["counts"]["bytes"] > 0
    (disk,) = report.facts["storage"]
    assert 0 < disk["used_bytes"] < disk["size_bytes"]
    assert report.facts["queues"] == {"waiting": 12, "active": 1, "failed": 0, "paused": []}
    assert report.facts["libraries"][0]["name"] == "NAS"


@both
async def test_a_process_that_is_up_without_its_library_is_degraded_not_down(version: str) -> None:
    immich = an_immich(version)
    immich.storage_mounted = False
    verdict, told = await reasons(immich)
    assert verdict is Verdict.DEGRADED
    assert told == ("It is up, but can't reach its library: the photos' folder isn't mounted, or doesn't answer.",)


@both
@pytest.mark.parametrize(
    ("read", "words"),
    [
        (timedelta(days=3), "The library NAS was last read 3 days ago: its folder may not be reachable."),
        (None, "The library NAS was never read: is its folder mounted?"),
    ],
)
async def test_a_library_that_is_no_longer_read_is_told_of(version: str, read: timedelta | None, words: str) -> None:
    immich = an_immich(version)
    immich.library_read = read
    assert await reasons(immich) == (Verdict.DEGRADED, (words,))


@both
async def test_a_library_that_was_read_last_night_is_all_right(version: str) -> None:
    immich = an_immich(version)
    immich.library_read = timedelta(hours=35)
    assert await reasons(immich) == (Verdict.HEALTHY, ())


@both
async def test_without_a_key_it_says_which_command_sets_one(version: str) -> None:
    asked = Recorded(an_immich(version).application)
    report = await immich_adapter(asked, key="").look()
    assert report.verdict is Verdict.UNKNOWN
    assert report.reasons == (f"It is up, and needs a key before more can be told: `{SET_KEY}`.",)
    assert report.facts == {"version": version}
    assert [one.path for one in asked.requests] == ["/api/server/ping", "/api/server/version"]


@both
async def test_with_a_wrong_key_it_says_which_command_sets_a_good_one(version: str) -> None:
    report = await immich_adapter(an_immich(version).application, key="wrong").look()
    assert report.verdict is Verdict.UNKNOWN
    assert all(SET_KEY in one and "doesn't know the key" in one for one in report.reasons)
    assert "wrong" not in report.model_dump_json()


@both
async def test_a_key_that_may_not_see_one_thing_still_shows_the_rest(version: str) -> None:
    immich = an_immich(version)
    immich.permissions -= {"server.statistics"}
    report = await immich_adapter(immich.application).look()
    assert report.verdict is Verdict.UNKNOWN
    assert len(report.reasons) == 1
    assert report.reasons[0].startswith("Its numbers can't be told")
    assert {"storage", "queues", "libraries"} <= set(report.facts)


async def test_a_key_without_the_right_to_integrity_is_enough() -> None:
    immich = an_immich("3.2.4")
    immich.permissions -= {"maintenance"}
    report = await immich_adapter(immich.application).look()
    assert report.verdict is Verdict.HEALTHY
    assert "integrity" not in report.facts


async def test_files_that_are_missing_are_told_of() -> None:
    immich = an_immich("3.2.4")
    immich.missing_files = 2
    assert await reasons(immich) == (Verdict.DEGRADED, ("2 files that it knows of can't be found any more.",))


@both
async def test_a_paused_queue_with_jobs_is_told_of(version: str) -> None:
    immich = an_immich(version)
    immich.paused = {"smartSearch"}
    assert await reasons(immich) == (Verdict.DEGRADED, ("12 jobs wait in smartSearch, which is paused.",))


@pytest.mark.parametrize("version", ["1.138.1", "4.0.0"])
async def test_a_version_that_isn_t_known_is_unsupported_and_asked_nothing_more(version: str) -> None:
    asked = Recorded(an_immich(version).application)
    report = await immich_adapter(asked).look()
    assert report.verdict is Verdict.UNSUPPORTED
    assert report.reasons == (f"It is version {version}; known here are 2 and 3.",)
    assert len(asked.requests) == 2


@pytest.mark.parametrize(
    ("version", "path", "other"), [("2.7.5", "/api/jobs", "/api/queues"), ("3.2.4", "/api/queues", "/api/jobs")]
)
async def test_each_version_is_asked_for_its_queues_as_it_knows_them(version: str, path: str, other: str) -> None:
    asked = Recorded(an_immich(version).application)
    await immich_adapter(asked).look()
    paths = {one.path for one in asked.requests}
    assert path in paths
    assert other not in paths


@both
async def test_photos_are_found_by_what_is_to_be_seen(version: str) -> None:
    found = await immich_adapter(an_immich(version).application).search(PhotoSearch(text="birthday cake", size=5))
    assert len(found.items) == 5
    assert found.next_page == 2
    assert {one.city for one in found.items} == {"Bangkok"}
    assert found.source == "immich"


@both
async def test_photos_are_found_by_who_is_on_them_where_and_when(version: str) -> None:
    adapter = immich_adapter(an_immich(version).application)
    found = await adapter.search(PhotoSearch(person="mali", city="Hua Hin", country="Thailand", kind="photo", size=100))
    assert len(found.items) == 14
    assert all("Mali" in one.people and one.kind == "photo" and one.seconds is None for one in found.items)
    assert [one.taken for one in found.items] == sorted((one.taken for one in found.items), reverse=True)
    first = date.fromisoformat(found.items[-1].taken[:10])
    assert (await adapter.search(PhotoSearch(city="Hua Hin", taken_to=first - timedelta(days=1)))).items == ()
    assert len((await adapter.search(PhotoSearch(person="Mali", city="Hua Hin", taken_from=first))).items) == 14


@both
async def test_a_name_that_nobody_has_finds_nothing_rather_than_everything(version: str) -> None:
    asked = Recorded(an_immich(version).application)
    adapter = immich_adapter(asked)
    assert (await adapter.search(PhotoSearch(person="Nobody"))).items == ()
    assert (await adapter.random(RandomPhotos(person="Nobody"))).items == ()
    assert {one.path for one in asked.requests} == {"/api/search/person"}


@both
async def test_all_pages_together_are_everything_once(version: str) -> None:
    adapter = immich_adapter(an_immich(version).application)
    seen: list[str] = []
    page: int | None = 1
    while page is not None:
        found = await adapter.search(PhotoSearch(page=page, size=25))
        seen += [one.id for one in found.items]
        page = found.next_page
    assert len(seen) == len(set(seen)) == 90


@both
async def test_a_video_has_its_length_in_seconds(version: str) -> None:
    found = await immich_adapter(an_immich(version).application).search(PhotoSearch(kind="video"))
    assert len(found.items) == 4
    assert all(one.kind == "video" and one.seconds and 4 <= one.seconds <= 90 for one in found.items)


@both
async def test_people_albums_memories_random_ones_and_counts(version: str) -> None:
    adapter = immich_adapter(an_immich(version).application)
    people = await adapter.people(Paged(size=3))
    assert [one.name for one in people.items] == ["Noi", "Anong", "Somchai"]
    assert people.next_page == 2
    albums = await adapter.albums(Paged(size=2))
    assert [one.name for one in albums.items] == ["Alps", "Birthdays"]
    assert albums.next_page == 2
    memories = await adapter.memories(MemoriesOf())
    assert memories.day == NOW.date()
    assert [one.year for one in memories.memories] == sorted((one.year for one in memories.memories), reverse=True)
    assert memories.memories
    assert all(photo.taken.startswith(f"{one.year}-11-26") for one in memories.memories for photo in one.photos)
    assert len((await adapter.random(RandomPhotos(size=7))).items) == 7
    counts = await adapter.counts(Nothing())
    assert (counts.photos, counts.videos) == (86, 4)


@pytest.fixture
def in_bangkok(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home seven hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Bangkok")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@both
@pytest.mark.usefixtures("in_bangkok")
async def test_a_day_is_one_of_the_home_not_of_greenwich(version: str) -> None:
    asked = Recorded(an_immich(version).application)
    adapter = immich_adapter(asked)
    day = date(2026, 10, 25)
    found = await adapter.search(PhotoSearch(taken_from=day, taken_to=day, size=100))
    body = asked.requests[-1].body
    assert (body["takenAfter"], body["takenBefore"]) == ("2026-10-24T17:00:00.000Z", "2026-10-25T16:59:59.999Z")
    assert len(found.items) == 14
    assert {one.taken[:10] for one in found.items} == {"2026-10-25"}


async def test_a_search_that_is_refused_says_so() -> None:
    with pytest.raises(UpstreamError) as caught:
        await immich_adapter(an_immich("3.2.4").application, key="wrong").search(PhotoSearch(text="cake"))
    assert caught.value.kind is Kind.UNAUTHORIZED


@pytest.mark.parametrize("version", VERSIONS)
async def test_each_call_says_what_it_answers_in_a_schema(version: str) -> None:
    calls = immich_adapter(an_immich(version).application).calls
    assert set(calls) == {f"photos.{one}" for one in ("search", "random", "people", "memories", "albums", "counts")}
    for call in calls.values():
        assert call.what.endswith(".")
        assert call.result.model_json_schema()
        for name, told in call.arguments.model_json_schema().get("properties", {}).items():
            assert told.get("description"), f"{call.name}: {name}"
        assert "guest" not in call.roles


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("0:00:00.00000", None), ("0:01:02.50000", 62.5), ("1:00:00.00000", 3600), ("", None), (None, None), (1500, 1.5)],
)
def test_lengths_of_both_versions(duration: str | float | None, seconds: float | None) -> None:
    assert _seconds(duration) == seconds


@given(st.one_of(st.text(max_size=40), st.floats(allow_nan=False), st.none()))
def test_no_length_that_it_tells_is_an_error(duration: Any) -> None:
    found = _seconds(duration)
    assert found is None or isinstance(found, float | int)


# What people ask, and how it is.


@pytest.mark.parametrize("asks", [PhotoSearch(text="a dog"), PhotoSearch(city="Bangkok")], ids=["smart", "facts"])
async def test_searches_that_hang_make_nothing_else_of_it_look_bad(asks: PhotoSearch) -> None:
    immich = an_immich(VERSIONS[-1])

    async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith("/api/search/"):
            await asyncio.Event().wait()
        await immich.application(scope, receive, send)

    upstream = asking(hanging, lambda: {"x-api-key": KEY}, "Immich").apart(deadline=0.02)
    adapter = Adapter(upstream, now=lambda: NOW, has_key=lambda: True, set_key=SET_KEY, search_deadline=0.02)
    for _ in range(6):
        with pytest.raises(UpstreamError) as caught:
            await adapter.search(asks)
    assert caught.value.kind is Kind.BROKEN_OFF
    upstream.deadline = adapter.for_calls.deadline = 5.0
    assert (await adapter.look()).verdict is Verdict.HEALTHY
    assert (await adapter.counts(Nothing())).photos == 86


async def test_a_search_by_what_is_to_be_seen_may_take_longer_than_any_other_call() -> None:
    immich = an_immich(VERSIONS[-1])

    async def loading(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/api/search/smart":
            await asyncio.sleep(0.2)
        await immich.application(scope, receive, send)

    upstream = asking(loading, lambda: {"x-api-key": KEY}, "Immich").apart(deadline=0.1)
    adapter = Adapter(upstream, now=lambda: NOW, has_key=lambda: True, set_key=SET_KEY, search_deadline=30.0)
    assert (await adapter.search(PhotoSearch(text="dog"))).items
