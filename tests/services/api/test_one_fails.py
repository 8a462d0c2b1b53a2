"""That a service which fails, in whichever way, neither slows nor changes what is told of the others.

Every adapter before every fault of the fault table, all of them with real connections: the adapters are those that the
settings make, and a server on loopback is each service. The bound is the deadline that the settings promise for an
overview, as they are by default. The clock is that of `waiting.py`, so a busy machine makes nothing late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from brain.brain import Brain
from brain.overview import Overview, Tile
from brain.services import watched
from brain.settings import Settings
from brain.verdict import Verdict
from tests.services.api.misbehaving import Certificate, Reply, Server, serving, unused_port
from tests.services.api.test_fault_table import ADAPTERS, ENDLESS, FAULTS, HOUR, KEY, after_the_door, now, well
from tests.services.api.waiting import WITHOUT_WAITING

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

AT_ONCE: Final = tuple(fault for fault in FAULTS if fault not in ENDLESS)
"""The faults of whoever answers, if not well."""


@dataclass
class Home:
    """A home whose services are well, with a server each, by name."""

    folder: Path
    well: Mapping[str, Server]

    def settings(self, **urls: str) -> Settings:
        """Those of this home, with another address for some."""
        given: dict[str, Any] = {f"{name}_url": server.url for name, server in self.well.items()}
        given |= {f"{name}_key_file": self.folder / "key" for name in ("immich", "jellyfin", "kubernetes")}
        given |= {"kubernetes_ca_file": None}
        return Settings(**(given | urls))


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    return WITHOUT_WAITING


@pytest.fixture(scope="module")
async def home(one_authority: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "key").write_text(KEY, encoding="utf-8")
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(serving(well(name, at=now() - HOUR))) for name in ADAPTERS}
        yield Home(folder, servers)


@dataclass
class Told:
    """An overview, how long it took, and what stands behind its tiles."""

    overview: Overview
    took: float
    facts: Mapping[str, Mapping[str, Any]]

    @property
    def tiles(self) -> Mapping[str, Tile]:
        return {one.service: one for one in self.overview.services}


class Clock:
    """The time that passes, and what a test lets pass besides."""

    def __init__(self) -> None:
        self.passed = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.passed


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[Brain]:
    adapters, clients = watched(settings)
    brain = Brain(settings, adapters, clock=clock)
    try:
        yield brain
    finally:
        await brain.watch.close()
        for client in clients:
            await client.aclose()


async def told(brain: Brain) -> Told:
    clock = asyncio.get_running_loop().time
    began = clock()
    overview = await brain.overview("owner")
    took = round(clock() - began, 6)
    return Told(overview, took, {name: one.value.facts for name, one in brain.watch.peek().items() if one})


@pytest.fixture(scope="module")
async def alone(home: Home) -> Told:
    """The home when nothing fails."""
    async with running(home.settings(), Clock()) as brain:
        found = await told(brain)
    assert {one.verdict for one in found.overview.services} == {Verdict.HEALTHY}
    return found


def nothing_else_changed(found: Told, failing: str, alone: Told) -> None:
    """The others are told of as they are, as they are now, and in time."""
    assert found.took <= Settings().overview_deadline
    assert set(found.tiles) == set(ADAPTERS)
    for name in set(ADAPTERS) - {failing}:
        tile = found.tiles[name]
        assert (tile.verdict, tile.reasons) == (Verdict.HEALTHY, ()), name
        assert found.facts[name] == alone.facts[name], name
        assert not tile.is_stale
        assert tile.age == round(found.took, 1), (
            "it was answered at once, and is as old as the overview has waited since"
        )


async def cold(home: Home, name: str, url: str) -> Told:
    """An overview of a home that was never looked at, of which one service fails."""
    async with running(home.settings(**{f"{name}_url": url}), Clock()) as brain:
        return await told(brain)


async def warm(home: Home, name: str, fault: Reply) -> Told:
    """One long after all was well, when one service has begun to fail."""
    clock = Clock()
    async with (
        serving(home.well[name].reply) as server,
        running(home.settings(**{f"{name}_url": server.url}), clock) as brain,
    ):
        assert {one.verdict for one in (await told(brain)).overview.services} == {Verdict.HEALTHY}
        server.reply = fault
        clock.passed += HOUR.total_seconds()
        return await told(brain)


@pytest.mark.parametrize("fault", AT_ONCE)
async def test_one_that_answers_ill_changes_nothing_of_the_others(home: Home, alone: Told, fault: str) -> None:
    reply, verdict, _, _ = FAULTS[fault]
    async with serving(reply) as server:
        found = await asyncio.gather(*(cold(home, name, server.url) for name in ADAPTERS))
    for name, one in zip(ADAPTERS, found, strict=True):
        assert one.tiles[name].verdict is verdict
        nothing_else_changed(one, name, alone)


async def test_one_that_isn_t_running_changes_nothing_of_the_others(home: Home, alone: Told) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    found = await asyncio.gather(*(cold(home, name, url) for name in ADAPTERS))
    for name, one in zip(ADAPTERS, found, strict=True):
        assert one.tiles[name].verdict is Verdict.DOWN
        nothing_else_changed(one, name, alone)


async def test_one_whose_certificate_has_expired_changes_nothing_of_the_others(
    home: Home, alone: Told, expired: Certificate
) -> None:
    async with serving(well("immich", at=now()), tls=expired.context) as server:
        found = await asyncio.gather(*(cold(home, name, server.url) for name in ADAPTERS))
    for name, one in zip(ADAPTERS, found, strict=True):
        assert "has expired" in one.tiles[name].reasons[0]
        nothing_else_changed(one, name, alone)


ENDLESS_CELLS: Final = tuple((name, fault) for name in ADAPTERS for fault in sorted(ENDLESS))


@pytest.mark.parametrize("up", [False, True], ids=["from the first question on", "at everything else"])
async def test_one_that_never_ends_its_answer_changes_nothing_of_the_others(home: Home, alone: Told, up: bool) -> None:
    async def cell(name: str, fault: str) -> Told:
        reply = FAULTS[fault][0]
        async with serving(after_the_door(name, reply) if up else reply) as server:
            return await cold(home, name, server.url)

    found = await asyncio.gather(*(cell(*one) for one in ENDLESS_CELLS))
    for (name, _), one in zip(ENDLESS_CELLS, found, strict=True):
        assert one.tiles[name].reasons == ("It hasn't answered yet.",)
        nothing_else_changed(one, name, alone)


async def test_one_that_no_longer_ends_its_answer_is_shown_as_it_was_and_the_others_as_they_are(
    home: Home, alone: Told
) -> None:
    found = await asyncio.gather(*(warm(home, name, FAULTS[fault][0]) for name, fault in ENDLESS_CELLS))
    for (name, _), one in zip(ENDLESS_CELLS, found, strict=True):
        assert one.tiles[name].is_stale
        assert one.tiles[name].age >= HOUR.total_seconds()
        assert one.facts[name] == alone.facts[name]
        nothing_else_changed(one, name, alone)
