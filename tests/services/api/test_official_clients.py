"""The stand-ins answer as the official clients expect, and the adapters ask what the official clients ask."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jsonschema
import pytest

from brain.verdict import Verdict
from demo.immich import Immich
from demo.jellyfin import Jellyfin
from demo.serving import serving
from tests.real import in_ci
from tests.services.api.clients import Clients, NotHereError, install
from tests.services.api.shapes import ENDPOINTS, derived, recorded
from tests.services.api.standins import (
    KEY,
    Recorded,
    Request,
    ask_all_of_immich,
    ask_all_of_jellyfin,
    immich_adapter,
    jellyfin_adapter,
)

pytestmark = [pytest.mark.anyio, pytest.mark.engine]

IMMICH = {"immich2": "2.7.5", "immich3": "3.2.4"}
JELLYFIN = {"jellyfin10": "10.11.11", "jellyfin12": "12.1.0"}

# The client's type for each answer; a list of them in brackets.
IMMICH_ANSWERS: Mapping[str, str] = {
    "ping": "ServerPingResponse",
    "version": "ServerVersionResponseDto",
    "storage": "ServerStorageResponseDto",
    "statistics": "ServerStatsResponseDto",
    "smart": "SearchResponseDto",
    "metadata": "SearchResponseDto",
    "random": "[AssetResponseDto]",
    "person": "[PersonResponseDto]",
    "people": "PeopleResponseDto",
    "memories": "[MemoryResponseDto]",
    "albums": "[AlbumResponseDto]",
    "libraries": "[LibraryResponseDto]",
    "queues": "[QueueResponseDto]",
    "jobs": "QueuesResponseLegacyDto",
    "integrity": "IntegrityReportSummaryResponseDto",
}
JELLYFIN_ANSWERS: Mapping[str, str] = {
    "public": "PublicSystemInfo",
    "info": "SystemInfo",
    "storage": "SystemStorageDto",
    "counts": "ItemCounts",
    "sessions": "[SessionInfoDto]",
    "found": "BaseItemDtoQueryResult",
    "named": "BaseItemDtoQueryResult",
    "latest": "BaseItemDtoQueryResult",
}
# The client's type for the body of each question.
BODIES: Mapping[str, str] = {
    "/api/search/smart": "SmartSearchDto",
    "/api/search/metadata": "MetadataSearchDto",
    "/api/search/random": "RandomSearchDto",
}
# What the clients don't ask, being for load balancers: https://jellyfin.org/docs/general/post-install/networking
BEYOND_THE_CLIENTS = {"/health"}


def real_now() -> datetime:
    return datetime.now(UTC)


@cache
def installed() -> Clients | NotHereError:
    try:
        return install()
    except NotHereError as why:
        return why


@pytest.fixture
def clients() -> Clients:
    found = installed()
    if isinstance(found, NotHereError):
        if in_ci():
            pytest.fail(str(found))
        pytest.skip(f"needs the official clients. {found}")
    return found


def fits(answer: Any, wanted: str, shapes: Mapping[str, Any]) -> list[str]:
    """Where an answer isn't of the client's type."""
    answers = answer if wanted.startswith("[") else [answer]
    schema = shapes[wanted.strip("[]")]
    found = []
    for one in answers:
        for error in jsonschema.Draft7Validator(schema).iter_errors(one):
            found.append(f"{error.json_path}: {error.message[:200]}")
    return found


def types_of(package: str, answers: Mapping[str, str]) -> dict[str, str]:
    """Version 2's client knows nothing of integrity, and says a ping's answer apart from what can be sent."""
    if package == "immich2":
        read = {"ping": "ServerPingResponseRead", "integrity": ""}
        return {name: kind for name, kind in {**answers, **read}.items() if kind}
    return dict(answers)


@pytest.mark.parametrize("package", ENDPOINTS)
async def test_the_recorded_shapes_are_those_of_the_official_client(clients: Clients, package: str) -> None:
    """If not, `python -m tests.services.api.shapes` records them anew."""
    assert recorded(package) == await derived(clients, package)


@pytest.mark.parametrize("package", IMMICH)
async def test_what_the_immich_standin_answers_is_what_its_official_client_expects(
    clients: Clients, package: str
) -> None:
    wanted = types_of(package, IMMICH_ANSWERS)
    shapes = await clients.shapes(package, [one.strip("[]") for one in wanted.values()])
    async with serving(Immich(IMMICH[package], KEY, real_now).application) as url:
        answers = await clients.ask(package, url, KEY)
    assert set(answers) == set(wanted)
    assert {name: fits(answers[name], wanted[name], shapes) for name in wanted} == {name: [] for name in wanted}
    assert answers["smart"]["assets"]["items"]
    assert answers["metadata"]["assets"]["items"]
    assert answers["memories"]


@pytest.mark.parametrize("package", JELLYFIN)
async def test_what_the_jellyfin_standin_answers_is_what_its_official_client_expects(
    clients: Clients, package: str
) -> None:
    shapes = await clients.shapes(package, [one.strip("[]") for one in JELLYFIN_ANSWERS.values()])
    async with serving(Jellyfin(JELLYFIN[package], KEY, real_now).application) as url:
        answers = await clients.ask(package, url, KEY)
    if package == "jellyfin10":
        # This client's type for the reasons has no values at all; the server's own document has a list of names.
        for session in answers["sessions"]:
            session.get("TranscodingInfo", {}).pop("TranscodeReasons", None)
    assert set(answers) == set(JELLYFIN_ANSWERS)
    found = {name: fits(answers[name], kind, shapes) for name, kind in JELLYFIN_ANSWERS.items()}
    assert found == {name: [] for name in JELLYFIN_ANSWERS}
    assert [one["Name"] for one in answers["found"]["Items"]] == ["The seed"]
    assert len(answers["named"]["Items"]) == 3
    assert any("NowPlayingItem" in one for one in answers["sessions"])


@pytest.mark.parametrize("package", [*IMMICH, *JELLYFIN])
async def test_the_official_client_is_refused_with_another_key(clients: Clients, package: str) -> None:
    standin: Immich | Jellyfin = (
        Immich(IMMICH[package], KEY, real_now) if package in IMMICH else Jellyfin(JELLYFIN[package], KEY, real_now)
    )
    async with serving(standin.application) as url:
        answers = await clients.ask(package, url, "another")
    told = {name for name, answer in answers.items() if answer != {"failed": 401}}
    assert told == {"ping", "version", "public"} & set(answers)


async def test_answers_in_the_shape_of_another_version_are_found_out(clients: Clients) -> None:
    wanted = types_of("immich2", IMMICH_ANSWERS)
    shapes = await clients.shapes("immich3", [IMMICH_ANSWERS[name].strip("[]") for name in wanted])
    async with serving(Immich(IMMICH["immich2"], KEY, real_now).application) as url:
        answers = await clients.ask("immich2", url, KEY)
    strange = {name for name in wanted if fits(answers[name], IMMICH_ANSWERS[name], shapes)}
    assert strange == {"version", "smart", "metadata", "random", "memories", "albums", "jobs"}


@pytest.mark.parametrize("package", IMMICH)
async def test_the_immich_adapter_asks_as_the_official_client_does(clients: Clients, package: str) -> None:
    ours = Recorded(Immich(IMMICH[package], KEY, real_now).application)
    adapter = immich_adapter(ours)
    report = await ask_all_of_immich(adapter)
    assert report.verdict is Verdict.HEALTHY, report.reasons
    theirs = await asked_by_the_client(clients, package)
    assert beyond(ours.requests, theirs) == []
    shapes = await clients.shapes(package, list(BODIES.values()))
    bodies = [one for one in ours.requests if one.body is not None]
    assert {one.path for one in bodies} == set(BODIES)
    assert [fits(one.body, BODIES[one.path], shapes) for one in bodies] == [[]] * len(bodies)
    keyless = {"/api/server/ping", "/api/server/version"}
    assert all(one.headers.get("x-api-key") == KEY for one in ours.requests if one.path not in keyless)


@pytest.mark.parametrize("package", JELLYFIN)
async def test_the_jellyfin_adapter_asks_as_the_official_client_does(clients: Clients, package: str) -> None:
    ours = Recorded(Jellyfin(JELLYFIN[package], KEY, real_now).application)
    adapter = jellyfin_adapter(ours)
    report = await ask_all_of_jellyfin(adapter)
    assert report.verdict is Verdict.HEALTHY, report.reasons
    theirs = await asked_by_the_client(clients, package)
    assert beyond(ours.requests, theirs) == []
    # One header, of the scheme that the client's has, and none of those that version 12 has turned off.
    for one in ours.requests:
        assert one.headers["authorization"] == f'MediaBrowser Token="{KEY}"'
        assert not {"x-emby-token", "x-mediabrowser-token", "x-emby-authorization"} & set(one.headers)
        assert not {"api_key", "apikey"} & {name.lower() for name, _ in one.parameters}
    assert all(one.headers["authorization"].startswith("MediaBrowser ") for one in theirs)
    assert all(f'Token="{KEY}"' in one.headers["authorization"] for one in theirs)


async def asked_by_the_client(clients: Clients, package: str) -> list[Request]:
    standin: Immich | Jellyfin = (
        Immich(IMMICH[package], KEY, real_now) if package in IMMICH else Jellyfin(JELLYFIN[package], KEY, real_now)
    )
    recorded = Recorded(standin.application)
    async with serving(recorded) as url:
        await clients.ask(package, url, KEY)
    return recorded.requests


def beyond(ours: list[Request], theirs: list[Request]) -> list[str]:
    """What of our requests the official client never asks: a method and path, or a parameter."""
    known: dict[tuple[str, str], set[str]] = {}
    for one in theirs:
        known.setdefault((one.method, one.path), set()).update(name.lower() for name, _ in one.parameters)
    found = []
    for one in ours:
        if one.path in BEYOND_THE_CLIENTS:
            continue
        if (one.method, one.path) not in known:
            found.append(f"{one.method} {one.path}")
            continue
        more = {name.lower() for name, _ in one.parameters} - known[one.method, one.path]
        found += [f"{one.method} {one.path}?{name}" for name in sorted(more)]
    return found
