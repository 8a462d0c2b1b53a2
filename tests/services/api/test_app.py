"""What the service answers, before a home of made-up services."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi import FastAPI

from brain.access.identity import RefusedError
from brain.adapters.adapter import Call
from brain.adapters.immich import Immich
from brain.app import create_app
from brain.brain import Brain
from brain.overview import Overview
from brain.routes.events import changes
from brain.upstream import Upstream, connect
from brain.verdict import Verdict
from tests.services.api.fakes import (
    EVERYBODY,
    GIB,
    NOW,
    Fake,
    Nodes,
    Nothing,
    application,
    as_,
    client,
    fail,
    home,
    program,
    settings,
)
from tests.services.api.misbehaving import hang, serving

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

INSIDE = {"gpus", "storage", "alerts", "playing", "exposure"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Home:
    """An application with its services and its clock."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.services = home()
        self.clock = Clock()
        self.settings = settings(folder, **options)
        self.app = create_app(self.settings, tuple(self.services.values()), clock=self.clock, now=lambda: NOW)
        self.brain: Brain = self.app.state.brain

    async def get(self, path: str, who: str = "ann", **params: Any) -> Any:
        async with as_(who, self.app) as asking:
            answered = await asking.get(path, params=params)
        assert answered.status_code == 200, answered.text
        return answered.json()

    async def status(self, path: str, who: str = "ann") -> int:
        async with as_(who, self.app) as asking:
            return (await asking.get(path)).status_code

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


# The overview.


async def test_the_overview_is_the_home_in_one_answer(tmp_path: Path) -> None:
    told = Overview.model_validate(await Home(tmp_path).get("/api/v1/overview"))
    assert (told.home, told.verdict, told.at) == ("homelab", Verdict.HEALTHY, NOW)
    assert [one.service for one in told.services] == ["immich", "jellyfin", "kubernetes", "prometheus"]
    assert told.services[0].link == "https://photos.example.org/"
    assert told.gpus
    [gpu] = told.gpus.items
    assert (gpu.slices_taken, gpu.slices_there, gpu.vram_used, gpu.vram_total) == (3, 4, 10**9, 4 * 10**9)
    assert told.storage
    assert [(one.name, one.what, one.used) for one in told.storage.items] == [
        ("Photos", "Photos", 5 * GIB),
        ("k3s-master", "/", 1_500_000_000),
    ]
    assert told.alerts
    assert [(one.name, one.severity) for one in told.alerts.items] == [("NodeAway", "critical")]
    assert told.playing
    assert [(one.who, one.on, one.is_paused) for one in told.playing.items] == [("Ann", "tv", True)]
    assert told.counts
    assert [(one.what, one.number) for one in told.counts.items] == [
        ("Photos", 48210),
        ("Videos", 3104),
        ("Films", 412),
    ]
    assert told.exposure is None


async def test_the_worst_verdict_is_the_homes(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    lived_in.services["jellyfin"].verdict = Verdict.DEGRADED
    lived_in.services["jellyfin"].reasons = ("Its disk is full.",)
    told = await lived_in.get("/api/v1/overview")
    assert told["verdict"] == "degraded"
    assert told["services"][1]["reasons"] == ["Its disk is full."]


async def test_what_the_home_is_made_of_is_not_for_guests(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    lived_in = Home(tmp_path, exposure_file=tmp_path / "map.json")
    told = await lived_in.get("/api/v1/overview", "guest")
    assert [one["service"] for one in told["services"]] == ["jellyfin"]
    assert {name for name in INSIDE if told[name] is not None} == set()
    assert [one["what"] for one in told["counts"]["items"]] == ["Films"]
    assert "k3s" not in json.dumps(told)
    assert [one["facts"] for one in await lived_in.get("/api/v1/services", "guest")] == [{}]
    for path in ("/api/v1/services/kubernetes", "/api/v1/services/nothing"):
        assert await lived_in.status(path, "guest") == 404
    for path in ("/api/v1/infrastructure/nodes", "/api/v1/exposure", "/metrics", "/api/v1/media/photos/search?text=x"):
        assert await lived_in.status(path, "guest") == 403
    full = await lived_in.get("/api/v1/overview", "ben")
    assert {name for name in INSIDE if full[name] is not None} == INSIDE


async def test_each_role_keeps_an_overview_of_its_own(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    for who, many in (("ann", 4), ("guest", 1), ("ann", 4), ("guest", 1)):
        assert len((await lived_in.get("/api/v1/overview", who))["services"]) == many


async def test_a_service_that_hangs_costs_the_deadline_once_and_nobody_elses_data(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, overview_deadline=0.1)
    hung = lived_in.services["immich"]
    hung.open.clear()
    began = time.monotonic()
    told = await lived_in.get("/api/v1/overview")
    assert 0.08 <= time.monotonic() - began < 1
    assert told["services"][0]["verdict"] == "unknown"
    assert told["services"][0]["reasons"] == ["It hasn't answered yet."]
    assert [one["verdict"] for one in told["services"][1:]] == ["healthy"] * 3
    assert told["counts"]["items"][0]["what"] == "Films"
    hung.open.set()
    await lived_in.settled()
    lived_in.clock.now += 1
    told = await lived_in.get("/api/v1/overview")
    assert told["services"][0]["verdict"] == "healthy"
    assert hung.looked == 1


async def test_a_service_that_begins_to_hang_keeps_its_last_report_with_its_age(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    await lived_in.get("/api/v1/overview")
    lived_in.services["immich"].open.clear()
    for _ in range(4):
        lived_in.clock.now += 11
        await lived_in.get("/api/v1/overview")
        await lived_in.settled()
    told = await lived_in.get("/api/v1/overview")
    hung, well = told["services"][:2]
    assert (hung["verdict"], hung["age"], hung["is_stale"]) == ("healthy", 44.0, True)
    assert (well["is_stale"], well["age"] <= 11) == (False, True)
    assert told["counts"]["is_stale"] is True
    assert told["playing"]["is_stale"] is False


async def test_a_look_without_an_end_is_ended(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, look_deadline=0.05)
    lived_in.services["immich"].open.clear()
    told = await lived_in.get("/api/v1/overview")
    assert told["services"][0]["reasons"] == ["Looking at it took longer than 0.05 s."]


async def test_with_every_service_gone_the_home_still_answers(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    for service in lived_in.services.values():
        service.error = RuntimeError("gone")
    for path in ("overview", "services", "services/immich", "calls", "search?q=man"):
        assert await lived_in.status(f"/api/v1/{path}") == 200
    told = await lived_in.get("/api/v1/overview")
    assert {one["verdict"] for one in told["services"]} == {"unknown"}
    assert {told[name]["unknown"] != "" for name in INSIDE - {"exposure"}} == {True}


async def test_an_adapter_that_breaks_takes_no_other_with_it(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    lived_in.services["immich"].error = RuntimeError("a secret")
    told = await lived_in.get("/api/v1/overview")
    assert told["services"][0]["verdict"] == "unknown"
    assert "secret" not in json.dumps(told)
    assert told["services"][1]["verdict"] == "healthy"


@pytest.mark.parametrize(
    "facts", [{"gpus": "many"}, {"gpus": [{}]}, {"gpus": [{"node": 1}]}, {"gpus": None}, {"gpus": [None]}]
)
async def test_figures_that_are_not_understood_are_said_to_be(tmp_path: Path, facts: Mapping[str, Any]) -> None:
    lived_in = Home(tmp_path)
    lived_in.services["kubernetes"].facts = facts
    told = await lived_in.get("/api/v1/overview")
    assert told["gpus"] == {
        "items": [],
        "unknown": "What was told of it isn't understood here.",
        "age": 0.0,
        "is_stale": False,
    }
    assert told["storage"]["items"]


async def test_a_part_that_nobody_tells_of_says_why(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    prometheus = lived_in.services["prometheus"]
    prometheus.verdict, prometheus.reasons, prometheus.facts = Verdict.DOWN, ("Nothing listens there.",), {}
    told = await lived_in.get("/api/v1/overview")
    assert (told["alerts"]["items"], told["alerts"]["unknown"]) == ([], "Metrics: Nothing listens there.")
    assert told["storage"]["items"]


async def test_a_home_without_services_is_unknown(tmp_path: Path) -> None:
    async with as_("ann", application(tmp_path, [])) as ann:
        told = (await ann.get("/api/v1/overview")).json()
    assert told["verdict"] == "unknown"
    assert {name for name in INSIDE if told[name] is not None} == set()


async def test_a_service_that_waits_for_a_key_says_which_command_sets_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    lived_in = Home(tmp_path, immich_key_file=key, set_key={"immich": "make key"})
    assert (await lived_in.get("/api/v1/services/immich"))["needs"]["command"] == "make key"
    key.write_text("a-key\n")
    assert (await lived_in.get("/api/v1/services/immich"))["needs"] is None
    assert lived_in.settings.key("immich")() == "a-key"
    key.write_text("two\nlines")
    assert not lived_in.settings.key("immich")


async def test_a_new_token_counts_at_once_and_an_old_one_no_more(tmp_path: Path) -> None:
    app = application(tmp_path)
    async with program(app) as old, client(app, Authorization=f"Bearer {'n' * 40}") as new:
        assert ((await old.get("/metrics")).status_code, (await new.get("/metrics")).status_code) == (200, 401)
        (tmp_path / "tokens.json").write_text(json.dumps({"prometheus": "n" * 40}))
        assert ((await old.get("/metrics")).status_code, (await new.get("/metrics")).status_code) == (401, 200)
        for bad in ('{"prometheus": "short"}', "{", "[]", '{"a": 1}'):
            (tmp_path / "tokens.json").write_text(bad)
            assert (await new.get("/metrics")).status_code == 401


# Services and their calls.


async def test_a_service_is_told_of_with_its_figures(tmp_path: Path) -> None:
    told = await Home(tmp_path).get("/api/v1/services/kubernetes")
    assert (told["title"], told["verdict"]) == ("Cluster", "healthy")
    assert told["facts"]["gpus"][0]["slices"] == 4


async def test_calls_are_asked_by_their_arguments(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    found = await lived_in.get("/api/v1/media/photos/search", text="a dog", page=2)
    assert (found["items"][0]["city"], found["next_page"]) == ("Bangkok", 2)
    assert (await lived_in.get("/api/v1/media/video/search", "guest", text="man"))["items"][0]["year"] == 1949
    assert (await lived_in.get("/api/v1/infrastructure/nodes"))["names"] == ["k3s-master", "k3s-worker"]
    for path in ("/api/v1/media/photos/search?page=0", "/api/v1/media/photos/search?colour=red"):
        assert await lived_in.status(path) == 422


async def test_calls_are_described_so_that_a_program_can_use_them(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    described = {one["name"]: one for one in await lived_in.get("/api/v1/calls")}
    assert set(described) == {"photos.search", "video.search", "infrastructure.nodes"}
    for one in described.values():
        jsonschema.Draft202012Validator.check_schema(one["arguments"])
        jsonschema.Draft202012Validator.check_schema(one["result"])
        result = await lived_in.get(one["path"])
        jsonschema.validate(result, one["result"])
    assert {one["name"] for one in await lived_in.get("/api/v1/calls", "ben")} == {"photos.search", "video.search"}
    assert {one["name"] for one in await lived_in.get("/api/v1/calls", "guest")} == {"video.search"}


async def test_a_new_adapter_brings_its_own_routes(tmp_path: Path) -> None:
    async def balance(asked: Any) -> Nodes:
        return Nodes(names=("savings",))

    money = Fake("money", "Money", calls=[Call("money.balance", "What there is.", Nothing, Nodes, EVERYBODY, balance)])
    async with as_("ann", application(tmp_path, [money])) as ann:
        assert (await ann.get("/api/v1/money/balance")).json() == {"names": ["savings"]}
        assert "/api/v1/money/balance" in (await ann.get("/api/v1/openapi.json")).json()["paths"]


async def test_a_services_failure_is_told_in_its_words(tmp_path: Path) -> None:
    calls = [Call("infrastructure.nodes", "The machines.", Nothing, Nodes, EVERYBODY, fail)]
    async with as_("ann", application(tmp_path, [Fake("kubernetes", "Cluster", calls=calls)])) as ann:
        answered = await ann.get("/api/v1/infrastructure/nodes")
    assert (answered.status_code, answered.headers["Retry-After"]) == (503, "7")
    assert answered.json() == {"detail": "Cluster asks to be left alone for 7 s (HTTP 429).", "kind": "throttled"}


def test_two_adapters_do_not_share_a_name_nor_two_calls(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same name"):
        application(tmp_path, [Fake("a", "A"), Fake("a", "B")])
    calls = [Call("x.y", "What.", Nothing, Nodes, EVERYBODY, fail)]
    with pytest.raises(ValueError, match="both offer"):
        application(tmp_path, [Fake("a", "A", calls=calls), Fake("b", "B", calls=calls)])


# Search.


async def test_one_search_finds_photos_and_films_and_names_its_sources(tmp_path: Path) -> None:
    found = await Home(tmp_path).get("/api/v1/search", q="man")
    assert [(one["title"], one["kind"], one["source"], one["when"]) for one in found["hits"]] == [
        ("IMG_1.jpg", "photo", "Photos", "2024-05-01"),
        ("The Third Man", "film", "Films", "1949"),
    ]
    assert found["hits"][0]["more"] == "Bangkok · Ann"
    assert found["hits"][0]["link"] == "https://photos.example.org/photos/p1"
    assert [one["title"] for one in found["sources"]] == ["Photos", "Films"]
    assert found["has_more"] is True


async def test_the_last_page_has_no_more(tmp_path: Path) -> None:
    assert (await Home(tmp_path).get("/api/v1/search", q="man", page=3))["has_more"] is False


async def test_a_guest_searches_what_is_for_guests(tmp_path: Path) -> None:
    found = await Home(tmp_path).get("/api/v1/search", "guest", q="man")
    assert [one["title"] for one in found["sources"]] == ["Films"]


@pytest.mark.parametrize("how", ["fails", "breaks", "hangs"])
async def test_a_source_that_can_not_be_asked_is_named_with_why(tmp_path: Path, how: str) -> None:
    async def never(asked: Any) -> Nodes:
        await asyncio.Event().wait()
        raise AssertionError

    async def broken(asked: Any) -> Nodes:
        raise RuntimeError("a secret")

    services = home()
    good = services["immich"].calls["photos.search"]
    bad = {"fails": fail, "breaks": broken, "hangs": never}[how]
    films = Fake("jellyfin", "Films", calls=[Call("video.search", "Films.", good.arguments, Nodes, EVERYBODY, bad)])
    async with as_("ann", application(tmp_path, [services["immich"], films], search_deadline=0.1)) as ann:
        found = (await ann.get("/api/v1/search", params={"q": "man"})).json()
    assert [one["title"] for one in found["hits"]] == ["IMG_1.jpg"]
    assert found["sources"][0]["unknown"] == ""
    assert found["sources"][1]["unknown"]
    assert "secret" not in json.dumps(found)


async def test_a_source_that_is_late_says_so_itself_and_is_left_alone_in_the_end(tmp_path: Path) -> None:
    async with serving(hang) as server:
        upstream = Upstream("Immich", server.url, client=(asking := connect()), deadline=60)
        photos = Immich(upstream, now=lambda: NOW, has_key=lambda: True, set_key="", search_deadline=0.05)
        async with asking, as_("ann", application(tmp_path, [photos], search_deadline=0.05)) as ann:
            found = [(await ann.get("/api/v1/search", params={"q": "man"})).json() for _ in range(6)]
    why = [one["sources"][0]["unknown"] for one in found]
    assert set(why[:5]) == {"Immich gave no whole answer within 0.05 s."}
    assert why[5].startswith("Immich isn't asked for")


# The map of who reaches what.

CELLS = {"internet": {"open": False, "ways": [], "why": "no"}, "pods": {"open": True, "ways": [], "why": ""}}
MAP = {
    "home": "homelab",
    "origin": "as described",
    "notes": [],
    "columns": [
        {"key": "internet", "group": "Internet", "title": "anybody", "meaning": "anybody"},
        {"key": "pods", "group": "At home", "title": "pods", "meaning": "other pods"},
    ],
    "rows": [
        {"key": "photos", "kind": "app", "group": "immich", "title": "immich", "cells": CELLS},
        {"key": "db", "kind": "part", "group": "immich", "title": "immich-database", "cells": CELLS},
    ],
}


async def test_the_map_is_served_as_it_was_given_and_shown_in_short(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_text(json.dumps(MAP))
    lived_in = Home(tmp_path, exposure_file=file)
    assert await lived_in.get("/api/v1/exposure") == MAP
    shown = (await lived_in.get("/api/v1/overview"))["exposure"]
    assert shown["rows"] == [{"title": "immich", "group": "immich", "open_to": ["pods"]}]
    file.write_text("{}")
    assert await lived_in.status("/api/v1/exposure") == 404


async def test_without_a_map_there_is_none(tmp_path: Path) -> None:
    assert await Home(tmp_path).status("/api/v1/exposure") == 404


# Changes.


@asynccontextmanager
async def listening(brain: Brain, role: Any = "owner", **options: Any) -> AsyncIterator[AsyncIterator[bytes]]:
    with brain.watch.listen() as queue:
        stream = changes(brain, role, queue, **({"lasts": 60.0} | options))
        assert (await anext(stream)).startswith(b"retry: ")
        try:
            yield stream
        finally:
            await stream.aclose()  # type: ignore[attr-defined]


async def looked(lived_in: Home) -> None:
    lived_in.clock.now += 11
    await lived_in.brain.watch.reports()
    await lived_in.settled()


async def test_a_change_of_a_verdict_is_told_once(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    await looked(lived_in)
    async with listening(lived_in.brain) as stream, asyncio.timeout(5):
        lived_in.services["immich"].verdict = Verdict.DOWN
        lived_in.services["immich"].reasons = ("It is gone.\n\nevent: change",)
        await looked(lived_in)
        await looked(lived_in)
        lived_in.services["jellyfin"].verdict = Verdict.DEGRADED
        await looked(lived_in)
        first, second = await anext(stream), await anext(stream)
    head, data, *rest = first.decode().split("\n")
    assert (head, rest) == ("event: change", ["", ""])
    assert json.loads(data.removeprefix("data: "))["reasons"] == ["It is gone.\n\nevent: change"]
    assert json.loads(second.decode().split("\n")[1].removeprefix("data: "))["service"] == "jellyfin"


async def test_a_guest_hears_of_what_is_for_guests(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    await looked(lived_in)
    async with listening(lived_in.brain, "guest", quiet_for=5) as stream, asyncio.timeout(5):
        lived_in.services["immich"].verdict = lived_in.services["jellyfin"].verdict = Verdict.DOWN
        await looked(lived_in)
        assert b'"jellyfin"' in await anext(stream)


async def test_silence_is_filled_so_that_the_connection_lives(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    async with listening(lived_in.brain, quiet_for=0.01) as stream:
        assert (await anext(stream)).startswith(b":")
        assert lived_in.brain.watch.listeners == 1
    assert lived_in.brain.watch.listeners == 0


async def test_who_does_not_listen_is_left_behind(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    async with listening(lived_in.brain) as stream:
        for number in range(40):
            lived_in.services["immich"].reasons = (f"{number}",)
            await looked(lived_in)
        assert lived_in.brain.watch.listeners == 0
        async with asyncio.timeout(5):
            assert len([one async for one in stream]) == 1


async def asgi(app: FastAPI, path: str, until: Callable[[list[bytes]], bool]) -> tuple[int, list[bytes]]:
    """Asks as a server would, and goes away when it has seen enough: what httpx's transport can't do."""
    gone = asyncio.Event()
    status, parts = 0, list[bytes]()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))
        if until(parts):
            gone.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"tailscale-user-login", b"ann@example.org")],
        "client": ("100.64.0.7", 1),
        "server": ("home", 80),
        "scheme": "http",
    }
    async with asyncio.timeout(5):
        await app(scope, receive, send)  # type: ignore[arg-type]
    return status, parts


async def test_events_are_sent_until_the_browser_goes(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    status, parts = await asgi(lived_in.app, "/api/v1/events", lambda parts: b"retry" in b"".join(parts))
    assert status == 200
    assert b"".join(parts).startswith(b"retry: 3000\n\n")
    assert lived_in.brain.watch.listeners == 0


async def test_no_more_listen_than_may(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, max_listeners=1)
    async with listening(lived_in.brain):
        assert await lived_in.status("/api/v1/events") == 503
    assert lived_in.brain.watch.listeners == 0


async def test_nobody_listens_at_more_places_than_they_may_and_others_still_do(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, max_listeners_each=3, listen_for=0.2)
    async with as_("ann", lived_in.app) as ann, as_("ben", lived_in.app) as ben:
        asked = [*(ann.get("/api/v1/events") for _ in range(5)), ben.get("/api/v1/events")]
        *of_ann, of_ben = await asyncio.gather(*asked)
        assert sorted(one.status_code for one in of_ann) == [200, 200, 200, 429, 429]
        assert of_ben.status_code == 200
        [refused, _] = [one for one in of_ann if one.status_code == 429]
        assert "close one" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) >= 1
        # Their places are free again.
        assert lived_in.brain.watch.listeners == 0
        assert (await ann.get("/api/v1/events")).status_code == 200


async def test_a_stream_ends_so_that_who_listens_is_let_in_anew_or_not(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, listen_for=0.01)
    async with program(lived_in.app) as listening_:
        assert (await listening_.get("/api/v1/events")).text == "retry: 3000\n\n"
        (tmp_path / "tokens.json").write_text("{}")
        assert (await listening_.get("/api/v1/events")).status_code == 401


async def test_a_stream_ends_in_time_however_much_happens(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    await looked(lived_in)
    async with listening(lived_in.brain, lasts=0.05) as stream, asyncio.timeout(5):
        lived_in.services["immich"].verdict = Verdict.DOWN
        async for _ in stream:
            lived_in.services["immich"].reasons = (str(lived_in.clock.now),)
            await looked(lived_in)


# Health.


async def test_it_is_ready_when_every_service_was_looked_at(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    async with client(lived_in.app) as anybody:
        assert (await anybody.get("/healthz")).json() == {"status": "ok"}
        assert (await anybody.get("/readyz")).status_code == 503
        await lived_in.brain.watch.reports()
        assert (await anybody.get("/readyz")).status_code == 200


async def test_a_service_that_hangs_does_not_keep_it_from_being_ready(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, look_deadline=15)
    lived_in.services["immich"].open.clear()
    await lived_in.brain.watch.reports()
    async with client(lived_in.app) as anybody:
        assert (await anybody.get("/readyz")).status_code == 503
        lived_in.clock.now += 16
        assert (await anybody.get("/readyz")).status_code == 200


async def test_it_tells_prometheus_of_itself_and_its_services(tmp_path: Path) -> None:
    lived_in = Home(tmp_path)
    await lived_in.get("/api/v1/overview")
    lived_in.clock.now += 3
    async with program(lived_in.app) as prometheus:
        await prometheus.get("/api/v1/services/immich")
        await prometheus.get("/nowhere/at/all")
        told = (await prometheus.get("/metrics")).text
    assert 'brain_requests_total{method="GET",route="/api/v1/overview",status="200"} 1.0' in told
    assert 'brain_requests_total{method="GET",route="/api/v1/services/{name}",status="200"} 1.0' in told
    assert 'brain_requests_total{method="GET",route="",status="404"} 1.0' in told
    assert 'brain_service_verdict{service="immich",verdict="healthy"} 1.0' in told
    assert 'brain_service_verdict{service="immich",verdict="down"} 0.0' in told
    assert 'brain_service_age_seconds{service="immich"} 3.0' in told


async def test_it_begins_to_look_by_itself_and_stops_at_the_end(tmp_path: Path) -> None:
    lived_in = Home(tmp_path, look_every=0.01, fresh_for=0.001)
    async with lived_in.app.router.lifespan_context(lived_in.app), asyncio.timeout(5):
        while not lived_in.services["prometheus"].looked:
            await asyncio.sleep(0)
        lived_in.services["immich"].open.clear()
    assert [task for task in asyncio.all_tasks() if "watch" in repr(task) or "_ask_once" in repr(task)] == []


def test_a_refusal_is_one_of_http() -> None:
    refused = RefusedError(429, "Wait.", 0.2)
    assert (refused.status_code, refused.detail, refused.headers) == (429, "Wait.", {"Retry-After": "1"})
