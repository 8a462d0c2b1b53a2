"""What each adapter makes of each way in which its service can fail: the verdict, the words, and nothing that leaks.

Each fault is tried twice, with real connections to a server that misbehaves: on the first question, and on all later
ones, the first having been answered as it should be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final

import pytest

from brain.adapters import Adapter, Immich, Jellyfin, Kubernetes, Prometheus
from brain.adapters.faults import AT_THE_DOOR, OF_A_PART
from brain.adapters.jellyfin import authorization
from brain.settings import Settings
from brain.upstream import Kind, Upstream, connect
from brain.verdict import Report, Verdict
from tests.services.api import misbehaving
from tests.services.api.misbehaving import Connection, Reply, answer, certificate, html, serving, unused_port
from tests.services.api.waiting import WITHOUT_WAITING

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

KEY: Final = "key-that-nobody-may-see"
SECRET: Final = "what-a-body-says-that-nobody-may-see"
SET_KEY: Final = "the command that sets it"
DEADLINE: Final = Settings().call_deadline
"""Of a call. The clock is that of `waiting.py`: nobody waits for it, and a busy machine makes nothing late."""
ENDLESS: Final = frozenset({"hang", "slow drip"})
DAY: Final = timedelta(days=1)

DOWN, DEGRADED, UNKNOWN, HEALTHY = Verdict.DOWN, Verdict.DEGRADED, Verdict.UNKNOWN, Verdict.HEALTHY


def leaking(status: int, **headers: str) -> Reply:
    """An error whose body says what must not be told."""
    return answer({"message": SECRET, "key": KEY}, status=status, headers=headers)


# What a service does; the verdict if it does so from the first question on; the one if only to later ones; and words of
# both reasons.
FAULTS: Final[Mapping[str, tuple[Reply, Verdict, Verdict, str]]] = {
    "reset": (misbehaving.reset, DOWN, DEGRADED, "broke the connection off before it answered"),
    "closed": (misbehaving.closed, DOWN, DEGRADED, "broke the connection off before it answered"),
    "hang": (misbehaving.hang, DOWN, DEGRADED, "gave no whole answer within"),
    "slow drip": (misbehaving.slow_drip(every=0.3), DOWN, DEGRADED, "gave no whole answer within"),
    "cut off": (misbehaving.cut_off, DOWN, DEGRADED, "broke off in the middle of its answer"),
    "not HTTP": (misbehaving.not_http, DOWN, DEGRADED, "something other than HTTP"),
    "401": (leaking(401), UNKNOWN, UNKNOWN, "doesn't know the key"),
    "403": (leaking(403), UNKNOWN, UNKNOWN, "doesn't allow the key"),
    "404": (leaking(404), DOWN, DEGRADED, "has nothing where this was asked"),
    "429": (leaking(429, **{"Retry-After": "30"}), DEGRADED, DEGRADED, "asks to be left alone for"),
    "500": (leaking(500), DOWN, DEGRADED, "failed to answer (HTTP 500)"),
    "HTML": (html(), DOWN, DEGRADED, ""),
    "truncated JSON": (misbehaving.truncated_json(), DOWN, DEGRADED, ""),
    "100 MB": (misbehaving.giant(says_so=False), DOWN, DEGRADED, "is larger than the"),
    "100 MB that says so": (misbehaving.giant(says_so=True), DOWN, DEGRADED, "is larger than the"),
    "wrong schema": (answer({"status": SECRET, "items": 7, "alerts": KEY}), DOWN, DEGRADED, ""),
    "wrong kind of schema": (answer([SECRET, 3]), DOWN, DEGRADED, ""),
}
# Two services answer their first question in words, not data, which these faults aren't told from by their kind.
IN_WORDS: Final = {"jellyfin": "doesn't say that it is healthy", "prometheus": "doesn't say that it is ready"}
IN_DATA: Final = {
    "HTML": "answers with a web page in place of data",
    "truncated JSON": "answer ends in the middle",
    "wrong schema": "answers in a shape that isn't known here",
    "wrong kind of schema": "answers in a shape that isn't known here",
}

GOOD_DOORS: Final[Mapping[str, Mapping[str, Reply]]] = {
    "immich": {
        "/api/server/ping": answer({"res": "pong"}),
        "/api/server/version": answer({"major": 3, "minor": 2, "patch": 4}),
    },
    "jellyfin": {
        "/health": answer(body=b"Healthy", headers={"Content-Type": "text/plain"}),
        "/System/Info/Public": answer({"Version": "12.1.0"}),
    },
    "kubernetes": {"/version": answer({"gitVersion": "v1.33.6+k3s1"})},
    "prometheus": {"/-/ready": answer(body=b"Prometheus Server is Ready.\n")},
}
ADAPTERS: Final = tuple(GOOD_DOORS)


@pytest.fixture(scope="module")
def anyio_backend() -> Any:
    return WITHOUT_WAITING


def now() -> datetime:
    return datetime.now(UTC)


def adapter(name: str, url: str, ca_file: str | None) -> tuple[Adapter, Callable[[], Any]]:
    """The adapter that asks there, and what closes its connections."""
    client = connect(ca_file=ca_file)
    headers = {
        "immich": lambda: {"x-api-key": KEY},
        "jellyfin": lambda: authorization(KEY),
        "kubernetes": lambda: {"Authorization": f"Bearer {KEY}"},
        "prometheus": dict,
    }[name]

    def upstream() -> Upstream:
        return Upstream(name.title(), url, client=client, headers=headers)

    made: Mapping[str, Callable[[], Adapter]] = {
        "immich": lambda: Immich(upstream(), now=now, has_key=lambda: True, set_key=SET_KEY),
        "jellyfin": lambda: Jellyfin(upstream(), now=now, has_key=lambda: True, set_key=SET_KEY),
        "kubernetes": lambda: Kubernetes(upstream(), now=now, remedy=f"See {SET_KEY}."),
        "prometheus": lambda: Prometheus(upstream(), now=now),
    }
    return made[name](), client.aclose


@asynccontextmanager
async def looking(name: str, url: str, *, ca_file: str | None = None) -> AsyncIterator[Adapter]:
    made, close = adapter(name, url, ca_file)
    try:
        yield made
    finally:
        await close()


def path_of(connection: Connection) -> str:
    """What is asked for."""
    return connection.request.split(b" ", 2)[1].decode().split("?")[0]


def after_the_door(name: str, fault: Reply) -> Reply:
    """The first questions answered well, every later one not."""
    doors = GOOD_DOORS[name]

    async def reply(connection: Connection) -> None:
        await doors.get(path_of(connection), fault)(connection)

    return reply


def holds_no_secret(report: Report) -> None:
    told = report.model_dump_json()
    assert KEY not in told
    assert SECRET not in told
    assert "127.0.0.1" not in told


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_service_that_fails_from_the_first_question_on(name: str, fault: str) -> None:
    reply, verdict, _, words = FAULTS[fault]
    async with serving(reply) as server, looking(name, server.url) as looked:
        began = asyncio.get_running_loop().time()
        report = await looked.look()
        took = round(asyncio.get_running_loop().time() - began, 6)
    expected = words or (IN_WORDS.get(name) or IN_DATA[fault])
    assert report.verdict is verdict, report.reasons
    assert len(report.reasons) == 1
    assert expected in report.reasons[0]
    if name == "kubernetes" and fault in ("401", "403"):
        assert SET_KEY in report.reasons[0]
    holds_no_secret(report)
    assert took <= DEADLINE
    assert (took == DEADLINE) == (fault in ENDLESS)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_service_that_is_up_and_fails_at_everything_else(name: str, fault: str) -> None:
    reply, _, verdict, words = FAULTS[fault]
    standin = after_the_door(name, reply)
    async with serving(standin) as server, looking(name, server.url) as looked:
        began = asyncio.get_running_loop().time()
        report = await looked.look()
        took = round(asyncio.get_running_loop().time() - began, 6)
    expected = words or IN_DATA[fault]
    assert report.verdict is verdict, report.reasons
    assert any(expected in one for one in report.reasons), report.reasons
    if verdict is UNKNOWN and name != "prometheus":
        assert all(SET_KEY in one for one in report.reasons), report.reasons
    holds_no_secret(report)
    # Everything later is asked at once: one deadline for all of it.
    assert took <= DEADLINE


@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_service_that_isn_t_running(name: str) -> None:
    async with looking(name, f"http://127.0.0.1:{unused_port()}") as looked:
        report = await looked.look()
    assert report.verdict is DOWN
    assert report.reasons == (f"{name.title()} refuses connections: nothing listens there.",)


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [(-2 * DAY, -DAY, "has expired"), (DAY, 2 * DAY, "isn't valid yet: its clock or this one is wrong")],
    ids=["expired", "not valid yet"],
)
@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_service_whose_certificate_is_of_another_time(
    name: str, begins: timedelta, ends: timedelta, words: str, tmp_path: Path
) -> None:
    made = certificate(tmp_path, begins=begins, ends=ends)
    async with (
        serving(answer({}), tls=made.context) as server,
        looking(name, server.url, ca_file=made.ca_file) as looked,
    ):
        report = await looked.look()
    assert report.verdict is DOWN
    assert words in report.reasons[0]
    assert server.requests == [], "nothing was sent to it"
    holds_no_secret(report)


def well(name: str, *, at: datetime, headers: Mapping[str, str] | None = None) -> Reply:
    """A service that is well. at: a time that it tells of, if it tells of any. headers: of all its answers."""

    def said(content: Any) -> Reply:
        return answer(content, headers=headers)

    told = at.isoformat()
    node = {
        "metadata": {"name": "one"},
        "status": {
            "nodeInfo": {"kubeletVersion": "v1.33.6+k3s1"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
    pod = {
        "metadata": {"name": "a", "namespace": "b", "creationTimestamp": told},
        "spec": {},
        "status": {"phase": "Running"},
    }
    alert = {
        "labels": {"alertname": "Some", "severity": "info"},
        "annotations": {"summary": "Some."},
        "state": "firing",
        "activeAt": told,
    }
    library = {"name": "NAS", "assetCount": 1, "importPaths": ["/nas"], "refreshedAt": told}
    replies = {
        "/api/server/ping": said({"res": "pong"}),
        "/api/server/version": said({"major": 3, "minor": 2, "patch": 4}),
        "/api/server/statistics": said({"photos": 1, "videos": 0, "usage": 1}),
        "/api/server/storage": said({"diskSizeRaw": 10, "diskUseRaw": 1, "diskAvailableRaw": 9}),
        "/api/queues": said([]),
        "/api/libraries": said([library]),
        "/api/admin/integrity/summary": said({"missing_file": 0, "checksum_mismatch": 0}),
        "/health": answer(body=b"Healthy", headers={"Content-Type": "text/plain", **(headers or {})}),
        "/System/Info/Public": said({"Version": "12.1.0"}),
        "/System/Info": said({"HasPendingRestart": False}),
        "/Items/Counts": said({"MovieCount": 1}),
        "/Sessions": said([]),
        "/System/Info/Storage": said({"Libraries": []}),
        "/version": said({"gitVersion": "v1.33.6+k3s1"}),
        "/api/v1/nodes": said({"metadata": {}, "items": [node]}),
        "/api/v1/pods": said({"metadata": {}, "items": [pod]}),
        "/api/v1/persistentvolumeclaims": said({"metadata": {}, "items": []}),
        "/apis/apps/v1/deployments": said({"metadata": {}, "items": []}),
        "/-/ready": answer(body=b"Prometheus Server is Ready.\n", headers=headers),
        "/api/v1/alerts": said({"status": "success", "data": {"alerts": [alert]}}),
        "/api/v1/query": said({"status": "success", "data": {"resultType": "vector", "result": []}}),
    }

    async def reply(connection: Connection) -> None:
        await replies[path_of(connection)](connection)

    return reply


HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)


def dated(ahead: timedelta, **headers: str) -> dict[str, str]:
    """The headers of somebody whose clock is so far ahead."""
    return {"Date": format_datetime(now() + ahead, usegmt=True), **headers}


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (3 * HOUR + MINUTE, "Its clock is 3 hours ahead of this one, or this one is behind."),
        (-3 * HOUR - MINUTE, "Its clock is 3 hours behind this one, or this one is ahead."),
        (2.9 * MINUTE, "Its clock is 2 minutes ahead of this one, or this one is behind."),
        (-2.1 * MINUTE, "Its clock is 2 minutes behind this one, or this one is ahead."),
    ],
    ids=["ahead", "behind", "just ahead", "just behind"],
)
async def test_a_service_whose_clock_is_wrong(name: str, ahead: timedelta, words: str) -> None:
    # The times that it tells of are of its own clock.
    standin = well(name, at=now() + ahead, headers=dated(ahead))
    async with serving(standin) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert report.verdict is DEGRADED
    assert report.reasons == (words,)


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize(
    ("ahead", "headers"),
    [
        (None, {}),
        (timedelta(), {}),
        (1.5 * MINUTE, {}),
        (-1.5 * MINUTE, {}),
        (-5 * HOUR, {"Age": "18000"}),
        (-5 * HOUR, {"Age": "long"}),
        (None, {"Date": "yesterday"}),
    ],
    ids=["no date", "right", "little ahead", "little behind", "cached", "cached for long", "no date at all"],
)
async def test_a_service_whose_clock_is_right_or_can_t_be_told(
    name: str, ahead: timedelta | None, headers: dict[str, str]
) -> None:
    headers = headers if ahead is None else dated(ahead, **headers)
    standin = well(name, at=now() - 5 * HOUR, headers=headers)
    async with serving(standin) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert (report.verdict, report.reasons) == (HEALTHY, ())


@pytest.mark.parametrize("name", ADAPTERS)
async def test_a_wrong_clock_hides_behind_no_age_and_excuses_nothing(name: str) -> None:
    cached = well(name, at=now() - 5 * HOUR, headers=dated(-5 * HOUR, Age="60"))
    async with serving(cached) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert report.reasons == ("Its clock is 4 hours behind this one, or this one is ahead.",)
    refusing = answer({}, status=500, headers=dated(2 * DAY + HOUR))
    async with serving(refusing) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert report.verdict is DOWN
    assert "failed to answer" in report.reasons[0]
    assert report.reasons[1:] == ("Its clock is 2 days ahead of this one, or this one is behind.",)


@pytest.mark.parametrize("name", ADAPTERS)
async def test_one_answer_of_an_old_cache_doesn_t_make_a_clock_wrong(name: str) -> None:
    old, right = (well(name, at=now() - HOUR, headers=dated(ahead)) for ahead in (-9 * HOUR, timedelta()))

    async def reply(connection: Connection) -> None:
        await (old if path_of(connection) in GOOD_DOORS[name] else right)(connection)

    async with serving(reply) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert (report.verdict, report.reasons) == (HEALTHY, ())


@pytest.mark.parametrize("name", [one for one in ADAPTERS if one != "jellyfin"])
async def test_a_service_that_tells_of_times_to_come_and_dates_no_answer(name: str) -> None:
    """As behind a proxy that takes Date away. Jellyfin tells of no time in what it says of how it is."""
    async with serving(well(name, at=now() + 3 * HOUR)) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert report.verdict is DEGRADED
    assert report.reasons == ("Its clock is 2 hours ahead of this one, or this one is behind.",)


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("immich", "/api/server/storage", "can't reach its library: the photos' folder isn't mounted"),
        ("jellyfin", "/System/Info/Storage", "can't reach its libraries: their folders don't answer"),
    ],
)
async def test_a_share_that_doesn_t_answer_any_more_is_told_from_a_service_that_doesn_t(
    name: str, path: str, words: str
) -> None:
    otherwise = well(name, at=now() - HOUR)

    async def reply(connection: Connection) -> None:
        await (misbehaving.hang if path_of(connection) == path else otherwise)(connection)

    async with serving(reply) as server, looking(name, server.url) as looked:
        report = await looked.look()
    assert report.verdict is DEGRADED
    assert len(report.reasons) == 1
    assert words in report.reasons[0]
    standin = after_the_door(name, misbehaving.hang)
    async with serving(standin) as server, looking(name, server.url) as looked:
        silent = await looked.look()
    assert silent.verdict is DEGRADED
    assert not any("can't reach" in one for one in silent.reasons), "nothing is known of the folder then"


def test_every_kind_of_fault_has_its_verdict() -> None:
    assert set(AT_THE_DOOR) == set(OF_A_PART) == set(Kind)
