"""A call to another service, against a real server on loopback that does whatever it likes."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ConfigDict

from brain.upstream import Breaker, Kind, Upstream, UpstreamError, connect
from brain.upstream.connections import LETS_GO_AFTER, trusting
from brain.upstream.upstream import AT_ONCE
from tests.services.api import misbehaving
from tests.services.api.misbehaving import Connection, Reply, Server, answer, serving

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

SHORT = 0.15
KEY = "key-that-nobody-may-see"
DAY = timedelta(days=1)


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    count: int = 0


async def no_pause(seconds: float) -> None:
    await asyncio.sleep(0)


def no_jitter(least: float, most: float) -> float:
    return least


@asynccontextmanager
async def asking(server: Server, ca_file: str | None = None, **options: Any) -> AsyncIterator[Upstream]:
    """An Upstream of this server that holds a key and doesn't wait between attempts."""
    async with connect(ca_file=ca_file) as client:
        given: dict[str, Any] = {
            "client": client,
            "headers": lambda: {"x-api-key": KEY},
            "deadline": 5.0,
            "sleep": no_pause,
            "jitter": no_jitter,
        }
        yield Upstream("Photos", server.url.replace("//", f"//user:{KEY}@"), **(given | options))


async def failing(upstream: Upstream, path: str = "/thing") -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        await upstream.get(path, Thing)
    error = caught.value
    told = "".join((error.words, str(error), repr(error), repr(error.__cause__)))
    assert KEY not in told
    assert "127.0.0.1" not in told
    assert error.words.startswith(("Photos", "There is no way to Photos"))
    assert error.words.endswith(".")
    return error


async def test_an_answer_becomes_what_was_asked_for() -> None:
    async with serving(answer({"name": "a", "count": 3})) as server, asking(server) as upstream:
        assert await upstream.get("/thing", Thing, params={"q": "x y"}) == Thing(name="a", count=3)
        assert server.requests[0].startswith(b"GET /thing?q=x+y HTTP/1.1\r\n")
        assert f"x-api-key: {KEY}".encode() in server.requests[0]
        server.reply = answer([{"name": "a"}, {"name": "b"}])
        assert await upstream.get("/things", list[Thing]) == [Thing(name="a"), Thing(name="b")]
        assert await upstream.text("/things") == '[{"name": "a"}, {"name": "b"}]'


async def test_connections_are_used_again() -> None:
    peers: list[object] = []

    async def reply(connection: Connection) -> None:
        peers.append(connection.writer.get_extra_info("peername"))
        await answer({"name": "a"})(connection)

    async with serving(reply) as server, asking(server) as upstream:
        for _ in range(3):
            await upstream.get("/thing", Thing)
    assert len(peers) == 3
    assert len(set(peers)) == 1


@pytest.mark.parametrize(
    ("reply", "kind", "word", "attempts"),
    [
        (misbehaving.reset, Kind.RESET, "broke the connection off", 3),
        (misbehaving.closed, Kind.RESET, "broke the connection off", 3),
        (misbehaving.cut_off, Kind.TRUNCATED, "middle of its answer", 3),
        (misbehaving.not_http, Kind.NOT_JSON, "other than HTTP", 1),
        (misbehaving.truncated_json(), Kind.TRUNCATED, "ends in the middle", 1),
        (misbehaving.html(), Kind.NOT_JSON, "web page", 1),
        (answer(body=b""), Kind.NOT_JSON, "other than data", 1),
        (answer(body=b"pong"), Kind.NOT_JSON, "other than data", 1),
        (answer(status=401), Kind.UNAUTHORIZED, "401", 1),
        (answer(status=403), Kind.FORBIDDEN, "403", 1),
        (answer(status=404), Kind.MISSING, "404", 1),
        (answer(status=410), Kind.MISSING, "410", 1),
        (answer(status=429), Kind.THROTTLED, "429", 3),
        (answer(status=400), Kind.FAILED, "400", 1),
        (answer(status=500), Kind.FAILED, "500", 3),
        (misbehaving.html(502), Kind.FAILED, "502", 3),
        (answer(status=302, headers={"Location": "/login"}), Kind.FAILED, "sends elsewhere", 1),
        (answer({"name": "a", "count": "many"}), Kind.WRONG_SHAPE, "at count", 1),
        (answer([]), Kind.WRONG_SHAPE, "shape", 1),
        (answer({"name": "a"}, headers={"Content-Encoding": "gzip"}), Kind.NOT_JSON, "compresses", 1),
    ],
)
async def test_what_goes_wrong_is_told(reply: Reply, kind: Kind, word: str, attempts: int) -> None:
    async with serving(reply) as server, asking(server) as upstream:
        error = await failing(upstream)
    assert error.kind is kind
    assert word in error.words
    assert len(server.requests) == attempts


async def test_what_an_answer_calls_its_own_parts_is_not_repeated() -> None:
    async with serving(answer({"name": "a", KEY: KEY})) as server, asking(server) as upstream:
        assert (await failing(upstream)).kind is Kind.WRONG_SHAPE


async def test_nobody_listening_is_told() -> None:
    server = Server(misbehaving.hang, port=misbehaving.unused_port())
    async with asking(server) as upstream:
        error = await failing(upstream)
    assert (error.kind, "nothing listens" in error.words) == (Kind.REFUSED, True)


async def test_a_name_that_leads_nowhere_is_told() -> None:
    async with connect() as client:
        upstream = Upstream("Photos", "http://photos.invalid", client=client, sleep=no_pause)
        error = await failing(upstream)
    assert (error.kind, "leads nowhere" in error.words) == (Kind.REFUSED, True)


@pytest.mark.parametrize("reply", [misbehaving.hang, misbehaving.slow_drip()])
async def test_whoever_takes_too_long_is_given_up_at_the_deadline(reply: Reply) -> None:
    async with serving(reply) as server, asking(server, deadline=SHORT) as upstream:
        began = time.monotonic()
        error = await failing(upstream)
        assert error.kind is Kind.TIMEOUT
        assert SHORT <= time.monotonic() - began < SHORT + 1


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_giant_answer_is_not_read_to_its_end(says_so: bool) -> None:
    async with serving(misbehaving.giant(says_so=says_so)) as server, asking(server, max_bytes=100_000) as upstream:
        error = await failing(upstream)
    assert error.kind is Kind.TOO_LARGE
    # The rest is what the buffers of two sockets on loopback hold.
    assert server.sent < 16 * 1024 * 1024


async def test_what_is_exactly_as_large_as_allowed_is_read() -> None:
    body = b'{"name": "a"}'
    async with serving(answer(body=body)) as server, asking(server, max_bytes=len(body)) as upstream:
        await upstream.get("/thing", Thing)
    async with serving(answer(body=body)) as server, asking(server, max_bytes=len(body) - 1) as upstream:
        assert (await failing(upstream)).kind is Kind.TOO_LARGE


@pytest.mark.parametrize(
    ("begins", "ends", "word"),
    [(-2 * DAY, -DAY, "has expired"), (DAY, 2 * DAY, "isn't valid yet"), (-DAY, DAY, None)],
    ids=["expired", "clock skew", "valid"],
)
async def test_a_certificate_out_of_its_time_is_told(
    begins: timedelta, ends: timedelta, word: str | None, tmp_path: Path
) -> None:
    made = misbehaving.certificate(tmp_path, begins=begins, ends=ends)
    async with (
        serving(answer({"name": "a"}), made.context) as server,
        asking(server, ca_file=made.ca_file) as upstream,
    ):
        if word is None:
            assert await upstream.get("/thing", Thing) == Thing(name="a")
            return
        error = await failing(upstream)
    assert (error.kind, word in error.words) == (Kind.CERTIFICATE, True)
    assert server.requests == []


async def test_a_certificate_of_nobody_we_trust_is_told(tmp_path: Path) -> None:
    made = misbehaving.certificate(tmp_path, begins=-DAY, ends=DAY)
    async with serving(answer({"name": "a"}), made.context) as server, asking(server) as upstream:
        assert (await failing(upstream)).kind is Kind.CERTIFICATE


def made(folder: Path, name: str) -> misbehaving.Certificate:
    (folder / name).mkdir()
    return misbehaving.certificate(folder / name, begins=-DAY, ends=DAY)


async def test_an_authority_that_comes_late_or_changes_is_trusted_as_it_is_now(tmp_path: Path) -> None:
    first, second = made(tmp_path, "first"), made(tmp_path, "second")
    file = tmp_path / "ca.crt"
    async with (
        serving(answer({"name": "a"}), first.context) as old,
        serving(answer({"name": "b"}), second.context) as new,
        connect(ca_file=file) as client,
    ):
        before, after = (Upstream("Photos", one.url, client=client, attempts=1) for one in (old, new))
        assert (await failing(before)).kind is Kind.CERTIFICATE
        file.write_bytes(Path(first.ca_file).read_bytes())
        assert await before.get("/thing", Thing) == Thing(name="a")
        assert (await failing(after)).kind is Kind.CERTIFICATE
        # As Kubernetes mounts it: the file is another one, under the same name.
        (tmp_path / "next").write_bytes(Path(second.ca_file).read_bytes())
        os.replace(tmp_path / "next", file)
        assert await after.get("/thing", Thing) == Thing(name="b")
        assert (await failing(before)).kind is Kind.CERTIFICATE


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nMIIB", None], ids=["empty", "half", "gone"])
async def test_a_file_that_holds_no_authority_changes_nothing(tmp_path: Path, text: str | None) -> None:
    good = made(tmp_path, "good")
    file = tmp_path / "ca.crt"
    file.write_bytes(Path(good.ca_file).read_bytes())
    async with serving(answer({"name": "a"}), good.context) as server, asking(server, ca_file=str(file)) as upstream:
        await upstream.get("/thing", Thing)
        file.unlink()
        if text is not None:
            file.write_text(text)
        assert await upstream.get("/thing", Thing) == Thing(name="a")


async def test_a_call_under_way_is_finished_when_the_authority_changes_and_its_connection_goes_later(
    tmp_path: Path,
) -> None:
    good = made(tmp_path, "good")
    file, now, go = tmp_path / "ca.crt", [0.0], asyncio.Event()
    file.write_bytes(Path(good.ca_file).read_bytes())

    async def reply(connection: Connection) -> None:
        await go.wait()
        await answer({"name": "a"})(connection)

    async with (
        serving(reply, good.context) as server,
        connect(ca_file=file, clock=lambda: now[0]) as client,
    ):
        upstream = Upstream("Photos", server.url, client=client)
        call = asyncio.create_task(upstream.get("/thing", Thing))
        await reached(lambda: len(server.requests) == 1)
        file.unlink()
        file.write_bytes(Path(good.ca_file).read_bytes())
        other = asyncio.create_task(upstream.get("/thing", Thing))
        await reached(lambda: len(server.requests) == 2)
        go.set()
        assert await call == await other == Thing(name="a")
        assert server.open == 2
        now[0] += LETS_GO_AFTER + 1
        await upstream.get("/thing", Thing)
        await reached(lambda: server.open == 1)


def test_every_python_verifies_as_strictly_as_that_of_the_image() -> None:
    strict = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert trusting(None).verify_flags & strict == strict


async def test_no_tls_where_tls_is_expected_is_told() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as listening:
        server = Server(misbehaving.hang, port=listening.sockets[0].getsockname()[1], tls=True)
        async with asking(server) as upstream:
            error = await failing(upstream)
    assert (error.kind, "can't agree on TLS" in error.words) == (Kind.CERTIFICATE, True)


# Attempts.


def once(first: Reply, then: Reply) -> Reply:
    replies = iter([first])

    async def reply(connection: Connection) -> None:
        await next(replies, then)(connection)

    return reply


async def test_what_fails_once_is_asked_again() -> None:
    for first in (answer(status=503), misbehaving.reset, misbehaving.closed, misbehaving.cut_off):
        async with serving(once(first, answer({"name": "a"}))) as server, asking(server) as upstream:
            assert await upstream.get("/thing", Thing) == Thing(name="a")


async def test_a_post_is_sent_once_unless_it_does_no_harm_twice() -> None:
    async with serving(once(misbehaving.closed, answer({"name": "a"}))) as server, asking(server) as upstream:
        with pytest.raises(UpstreamError):
            await upstream.post("/search", Thing, json={"query": "x"})
        assert len(server.requests) == 1
    async with serving(once(misbehaving.closed, answer({"name": "a"}))) as server, asking(server) as upstream:
        assert await upstream.post("/search", Thing, json={"query": "x"}, idempotent=True) == Thing(name="a")


async def test_the_pauses_between_attempts_grow_and_are_drawn_by_lot() -> None:
    drawn: list[tuple[float, float]] = []
    slept: list[float] = []

    def jitter(least: float, most: float) -> float:
        drawn.append((least, most))
        return most / 2

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with serving(answer(status=500)) as server, asking(server, jitter=jitter, sleep=sleep) as upstream:
        await failing(upstream)
    assert drawn[:2] == [(0.0, 0.1), (0.0, 0.2)]
    assert slept == [0.05, 0.1]


async def test_retry_after_is_kept_to_when_there_is_time_for_it() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    wait = answer(status=429, headers={"Retry-After": "2"})
    async with serving(once(wait, answer({"name": "a"}))) as server, asking(server, sleep=sleep) as upstream:
        assert await upstream.get("/thing", Thing) == Thing(name="a")
    assert slept == [2.0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "30"},
        {"Retry-After": "Thu, 01 Jan 2015 10:00:30 GMT", "Date": "Thu, 01 Jan 2015 10:00:00 GMT"},
    ],
    ids=["seconds", "a date by the sender's own clock, which is wrong"],
)
async def test_whoever_asks_to_be_left_alone_for_longer_is(headers: dict[str, str]) -> None:
    now = [100.0]
    async with serving(answer(status=429, headers=headers)) as server, asking(server, clock=lambda: now[0]) as upstream:
        error = await failing(upstream)
        assert (error.kind, error.wait) == (Kind.THROTTLED, 30)
        now[0] += 20
        again = await failing(upstream)
        assert (again.kind, again.wait) == (Kind.THROTTLED, 10)
        assert len(server.requests) == 1
        server.reply = answer({"name": "a"})
        now[0] += 11
        assert await upstream.get("/thing", Thing) == Thing(name="a")


@pytest.mark.parametrize(
    "value",
    ["soon", "-1", "", "9" * 5000, "Thu, 99 Jan 2015 10:00:30 GMT", "Thu, 1 Jan 2015 10:00:99999999999 GMT", "١٢"],
)
async def test_a_retry_after_that_makes_no_sense_does_no_harm(value: str) -> None:
    headers = {"Retry-After": value}
    reply = answer(status=429, headers=headers) if value.isascii() else answer(status=429)
    async with serving(reply) as server, asking(server, clock=lambda: 0.0) as upstream:
        assert (await failing(upstream)).kind is Kind.THROTTLED
        assert not upstream.breaker("/thing").is_open or value.isdigit()


# The breaker.


async def test_a_service_that_fails_time_after_time_is_left_alone_and_then_tried_once() -> None:
    now = [0.0]
    async with (
        serving(misbehaving.closed) as server,
        asking(server, attempts=1, clock=lambda: now[0]) as upstream,
    ):
        for _ in range(5):
            assert (await failing(upstream)).kind is Kind.RESET
        error = await failing(upstream)
        assert error.kind is Kind.BROKEN_OFF
        assert "broke the connection off" in error.words
        assert len(server.requests) == 5
        # The one that is tried fails too: twice the time.
        now[0] += 5.1
        assert (await failing(upstream)).kind is Kind.RESET
        now[0] += 5.1
        assert (await failing(upstream)).kind is Kind.BROKEN_OFF
        now[0] += 5.1
        server.reply = answer({"name": "a"})
        for _ in range(3):
            assert await upstream.get("/thing", Thing) == Thing(name="a")


async def test_answers_that_nobody_hoped_for_are_answers_to_the_breaker() -> None:
    for reply in (answer(status=400), answer(status=401), answer(status=404), answer([]), misbehaving.html()):
        async with serving(reply) as server, asking(server, attempts=1) as upstream:
            for _ in range(8):
                assert (await failing(upstream)).kind is not Kind.BROKEN_OFF


def after(failures: int, clock: Callable[[], float] = lambda: 0.0) -> Breaker:
    breaker = Breaker("Photos", clock)
    for _ in range(failures):
        breaker.enter()
        breaker.went_wrong(UpstreamError(Kind.RESET, "Photos broke off."))
    return breaker


async def test_only_failures_in_a_row_count() -> None:
    breaker = after(4)
    breaker.answered()
    breaker.went_wrong(UpstreamError(Kind.RESET, "Photos broke off."))
    assert not breaker.is_open
    assert after(5).is_open


def by_path(**replies: Reply) -> Reply:
    """What each path gets; the first word of it says which."""

    async def reply(connection: Connection) -> None:
        await replies[connection.request.split(b"/")[1].split()[0].decode()](connection)

    return reply


async def test_a_path_that_fails_is_left_alone_by_itself() -> None:
    both = by_path(thing=misbehaving.closed, other=answer({"name": "a"}))
    async with serving(both) as server, asking(server, attempts=1) as upstream:
        for _ in range(5):
            await failing(upstream)
        assert (await failing(upstream)).kind is Kind.BROKEN_OFF
        assert await upstream.get("/other", Thing) == Thing(name="a")


async def test_what_one_purpose_asks_in_vain_is_no_hindrance_to_another() -> None:
    async with serving(misbehaving.closed) as server, asking(server, attempts=1) as upstream:
        other = upstream.apart()
        for _ in range(6):
            error = await failing(other)
        assert error.kind is Kind.BROKEN_OFF
        server.reply = answer({"name": "a"})
        assert await upstream.get("/thing", Thing) == Thing(name="a")
        assert (await failing(other)).kind is Kind.BROKEN_OFF


async def test_however_much_one_purpose_asks_another_need_not_wait() -> None:
    both = by_path(thing=misbehaving.hang, other=answer({"name": "a"}))
    async with serving(both) as server, asking(server) as upstream:
        other = upstream.apart()
        calls = [asyncio.create_task(other.get("/thing", Thing)) for _ in range(3 * AT_ONCE)]
        await reached(lambda: len(server.requests) == AT_ONCE)
        async with asyncio.timeout(2):
            assert await upstream.get("/other", Thing) == Thing(name="a")
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)


async def test_another_purpose_may_have_another_deadline() -> None:
    async with serving(misbehaving.hang) as server, asking(server, deadline=60) as upstream:
        assert (await failing(upstream.apart(deadline=SHORT))).kind is Kind.TIMEOUT
        assert (upstream.deadline, upstream.apart().deadline) == (60, 60)


async def test_one_call_tries_a_service_that_was_left_alone_and_the_others_do_not_wait_for_it() -> None:
    now = [0.0]
    breaker = after(5, lambda: now[0])
    now[0] = 6.0
    breaker.enter()
    with pytest.raises(UpstreamError, match="while it is being tried"):
        breaker.enter()
    breaker.given_up()
    breaker.enter()
    breaker.answered()
    breaker.enter()


async def test_a_call_that_nobody_waits_for_any_more_lets_go_of_its_connection() -> None:
    async with serving(misbehaving.hang) as server, asking(server) as upstream:
        call = asyncio.create_task(upstream.get("/thing", Thing))
        await reached(lambda: len(server.requests) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await reached(lambda: server.open == 0)
        server.reply = answer({"name": "a"})
        assert await upstream.get("/thing", Thing) == Thing(name="a")


async def test_one_service_that_hangs_does_not_slow_another() -> None:
    async with (
        serving(misbehaving.hang) as hanging,
        serving(answer({"name": "a"})) as well,
        asking(hanging, deadline=SHORT) as bad,
        asking(well) as good,
    ):
        calls = [asyncio.create_task(bad.get("/thing", Thing)) for _ in range(50)]
        for _ in range(20):
            assert await good.get("/thing", Thing) == Thing(name="a")
        assert {type(one) for one in await asyncio.gather(*calls, return_exceptions=True)} == {UpstreamError}


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving(answer({"name": "a"})) as server, asking(server) as upstream:
        assert await upstream.get("/thing", Thing) == Thing(name="a")


async def test_an_address_that_is_none_is_told() -> None:
    async with connect() as client:
        upstream = Upstream("Photos", "http://[", client=client)
        assert (await failing(upstream)).kind is Kind.REFUSED


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def test_a_client_verifies_certificates_and_follows_nobody() -> None:
    client = connect()
    assert isinstance(client, httpx.AsyncClient)
    assert trusting(None).verify_mode is ssl.CERT_REQUIRED
    assert client.follow_redirects is False
    assert client.trust_env is False
