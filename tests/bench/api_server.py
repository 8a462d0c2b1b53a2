"""What `tests.bench.api` asks: the API before four services, and a bare FastAPI route, on one server.

    python -m tests.bench.api_server well | hung ADDRESSES

ADDRESSES: what `tests.bench.api_standins` prints. They are asked by the real adapters, as the settings make them. With
`hung`, photos are asked for where every connection is taken and nothing ever answered, and all is looked at every
second. Prints its port once it listens. It wants services/api on its path.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from brain import logs
from brain.app import create_app
from brain.services import watched
from brain.serving import config
from tests.bench.api import DEADLINE, FRESH_FOR, LOOK_EVERY
from tests.services.api.fakes import settings
from tests.services.api.standins import KEY

BARE = FastAPI()


@BARE.get("/bare")
async def bare() -> dict[str, str]:
    """As little as a route can do."""
    return {"status": "ok"}


async def serve(state: str, addresses: Mapping[str, str]) -> None:
    """Until it is ended from outside."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    with tempfile.TemporaryDirectory(prefix="homebrain-bench-") as folder:
        (Path(folder) / "key").write_text(KEY, encoding="utf-8")
        services = {name: addresses[name] for name in ("immich", "jellyfin", "kubernetes", "prometheus")}
        hurried: dict[str, float] = {}
        if state == "hung":
            services["immich"] = addresses["hung"]
            hurried = {"fresh_for": FRESH_FOR, "look_every": LOOK_EVERY}
        given = settings(
            Path(folder),
            port=0,
            overview_deadline=DEADLINE,
            rate_per_second=1e6,
            rate_burst=1_000_000,
            kubernetes_ca_file=None,
            **{f"{name}_url": url for name, url in services.items()},
            **{f"{name}_key_file": Path(folder) / "key" for name in ("immich", "jellyfin")},
            **hurried,
        )
        adapters, clients = watched(given)
        app = create_app(given, adapters, clients=clients)

        async def either(scope: Scope, receive: Receive, send: Send) -> None:
            await (BARE if scope.get("path") == "/bare" else app)(scope, receive, send)

        settled = config(app, given)
        settled.app = either
        logs.configure()
        print(listening.getsockname()[1], file=sys.stderr, flush=True)
        await uvicorn.Server(settled).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], json.loads(sys.argv[2])))
