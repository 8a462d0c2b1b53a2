"""What `tests.bench.api` asks: the API before four services, and a bare FastAPI route, on one server.

    python -m tests.bench.api_server well | hung

With `hung`, one of the services takes every connection and never answers. Prints its port once it listens. It wants
services/api on its path.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from brain import logs
from brain.adapters.adapter import Call, Role
from brain.app import create_app
from brain.serving import config
from brain.upstream import Upstream, UpstreamError, connect
from brain.verdict import Report, Verdict
from tests.services.api.fakes import Fake, home, settings
from tests.services.api.misbehaving import hang, serving

BARE = FastAPI()


@BARE.get("/bare")
async def bare() -> dict[str, str]:
    """As little as a route can do."""
    return {"status": "ok"}


class Hung:
    """Photos, asked of a server that never answers."""

    name = "immich"
    title = "Photos"
    roles: frozenset[Role] = frozenset({"owner", "family", "program"})
    calls: Mapping[str, Call] = {}

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def look(self) -> Report:
        """Down, as soon as that is known."""
        reasons: tuple[str, ...] = ()
        try:
            await self._upstream.text("/")
        except UpstreamError as error:
            reasons = (error.words,)
        return Report(service=self.name, title=self.title, verdict=Verdict.DOWN, reasons=reasons, at=datetime.now(UTC))


async def serve(state: str) -> None:
    """Until it is ended from outside."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    with tempfile.TemporaryDirectory(prefix="homebrain-bench-") as folder:
        given = settings(Path(folder), port=0, overview_deadline=1.0, rate_per_second=1e6, rate_burst=1_000_000)
        services: list[Any] = list(home().values())
        async with serving(hang) as nobody, connect() as client:
            if state == "hung":
                upstream = Upstream("Photos", nobody.url, client=client, deadline=given.call_deadline)
                services = [Hung(upstream), *(one for one in services if one.name != Hung.name)]
            assert state == "hung" or isinstance(services[0], Fake)
            app = create_app(given, services)

            async def either(scope: Scope, receive: Receive, send: Send) -> None:
                await (BARE if scope.get("path") == "/bare" else app)(scope, receive, send)

            settled = config(app, given)
            settled.app = either
            logs.configure()
            print(listening.getsockname()[1], file=sys.stderr, flush=True)
            await uvicorn.Server(settled).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
