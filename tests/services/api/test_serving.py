"""The service as it is served: a real server on loopback, and many who ask at once."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from brain.app import create_app
from brain.serving import LEFT_TO_FINISH, config
from brain.verdict import Verdict
from tests.services.api.fakes import TOKEN, home, settings
from tests.services.api.misbehaving import Connection, answer, serving, unused_port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("one_authority")]

SLACK = 5.0
"""Seconds, for whatever else the machine does."""
SERVICE = Path(__file__).parents[3] / "services" / "api"


@asynccontextmanager
async def served(app: FastAPI, given: Any) -> AsyncIterator[str]:
    """The application at an address."""
    server = uvicorn.Server(config(app, given))
    # Signals are for whoever runs the tests.
    running = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.001)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


def known(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=20)


async def test_a_crowd_is_answered_while_a_service_hangs(tmp_path: Path) -> None:
    services = home()
    given = settings(tmp_path, port=0, overview_deadline=0.3, rate_burst=10_000)
    services["immich"].open.clear()
    app = create_app(given, tuple(services.values()))
    async with served(app, given) as url, known(url) as asking:
        took: list[float] = []

        async def ask() -> httpx.Response:
            began = time.monotonic()
            answered = await asking.get("/api/v1/overview")
            took.append(time.monotonic() - began)
            return answered

        answers = await asyncio.gather(*(ask() for _ in range(200)))
    assert {one.status_code for one in answers} == {200}
    assert {one.json()["services"][1]["verdict"] for one in answers} == {"healthy"}
    # Generous, for whatever else the machine does; tests/bench/api.py measures it.
    assert max(took) < 0.3 + 5
    assert services["jellyfin"].looked <= 3


async def test_changes_reach_a_browser_through_the_server(tmp_path: Path) -> None:
    services = home()
    given = settings(tmp_path, port=0, fresh_for=0.01, look_every=0.02)
    app = create_app(given, tuple(services.values()))
    async with (
        asyncio.timeout(10),
        served(app, given) as url,
        known(url) as asking,
        asking.stream("GET", "/api/v1/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert (await anext(lines)).startswith("retry")
        # What is told before are the first looks at all of them.
        services["immich"].verdict = Verdict.DOWN
        while "immich" not in (line := await anext(lines)) or '"down"' not in line:
            pass


@asynccontextmanager
async def process(folder: Path, **told: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """`python -m brain`, which serves by now, and somebody who is known to it."""
    port = unused_port()
    (folder / "tokens.json").write_text(json.dumps({"tests": TOKEN}))
    environment = {"BRAIN_PORT": str(port), "BRAIN_TOKENS_FILE": str(folder / "tokens.json"), **told}
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "brain",
        env={**os.environ, "PYTHONPATH": str(SERVICE), **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(120), known(f"http://127.0.0.1:{port}") as asking:
            while not await answers(asking):
                assert running.returncode is None
                await asyncio.sleep(0.05)
            yield running, asking
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def answers(asking: httpx.AsyncClient) -> bool:
    try:
        return (await asking.get("/healthz", headers={"Connection": "close"})).status_code == 200
    except httpx.TransportError:
        return False


async def test_a_process_that_is_told_to_stop_finishes_what_is_under_way_and_has_not_failed(tmp_path: Path) -> None:
    go, asked = asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection) -> None:
        if b"/api/v1/alerts" in connection.request:
            asked.set()
            await go.wait()
        await answer({"status": "success", "data": {"alerts": []}})(connection)

    async with (
        serving(slow) as prometheus,
        process(tmp_path, BRAIN_PROMETHEUS_URL=prometheus.url, BRAIN_CALL_DEADLINE="30") as (running, asking),
    ):
        call = asyncio.create_task(asking.get("/api/v1/infrastructure/alerts"))
        await asked.wait()
        running.terminate()
        began = time.monotonic()
        async with httpx.AsyncClient(base_url=asking.base_url, trust_env=False) as late:
            while await answers(late):
                await asyncio.sleep(0.01)
        go.set()
        answered = await call
        assert answered.status_code == 200, answered.text
        assert answered.json()["items"] == []
        assert await running.wait() == 0
        assert time.monotonic() - began < LEFT_TO_FINISH + SLACK


async def test_who_listens_does_not_keep_a_process_from_stopping(tmp_path: Path) -> None:
    async with process(tmp_path) as (running, asking), asking.stream("GET", "/api/v1/events") as stream:
        assert (await anext(stream.aiter_lines())).startswith("retry")
        running.terminate()
        began = time.monotonic()
        assert await running.wait() == 0
        assert time.monotonic() - began < LEFT_TO_FINISH + SLACK


async def test_what_its_headers_say_of_the_sender_is_not_believed(tmp_path: Path) -> None:
    given = settings(tmp_path, port=0, tailnet_proxies=("203.0.113.7/32",))
    app = create_app(given, tuple(home().values()))
    sent = {"Tailscale-User-Login": "ann@example.org", "X-Forwarded-For": "203.0.113.7"}
    async with served(app, given) as url, httpx.AsyncClient(base_url=url, trust_env=False) as stranger:
        answered = await stranger.get("/api/v1/overview", headers=sent)
        assert answered.status_code == 401
        assert "server" not in answered.headers
        assert (await stranger.get("/healthz", headers={"X-Long": "x" * 300_000})).status_code == 400
