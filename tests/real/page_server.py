"""The home page over HTTP on the loopback, of a home that tests make up and change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from brain.access.identity import WAYS
from brain.found import Found
from brain.overview import Overview
from brain.routes.events import ASK_AGAIN_AFTER
from brain.routes.page import page_router, static_router
from tests.services.api.homes import FOUND, STATES


class PageServer:
    """Serves `overview`, or the refusal `refuses_with`; tells whoever listens of changes.

    behind: so many answers are still of the home before the last change, as those of another replica may be. hangs: so
    many requests are never answered.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"http://127.0.0.1:{port}"
        self.overview = STATES["healthy"]
        self.found = FOUND
        self.refuses_with = 0
        self.behind = 0
        self.hangs = 0
        self.looked = 0
        self._before = self.overview
        self._told: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str | None]]] = []

    def change(self, overview: Overview, *, of: str = "") -> None:
        """From now on the home is like this, and whoever listens is told. of: the service that has changed."""
        self._before, self.overview = self.overview, overview
        told = [{"service": of, "at": one.at.isoformat()} for one in overview.services if one.service == of]
        self._tell(f"event: change\ndata: {json.dumps(told[0] if told else {})}\n\n")

    def end_streams(self) -> None:
        """Whoever listens has to ask anew."""
        self._tell(None)

    def _tell(self, text: str | None) -> None:
        for loop, told in self._told:
            loop.call_soon_threadsafe(told.put_nowait, text)

    def app(self) -> FastAPI:
        """The routes of the page, and events as the API has them."""
        app = FastAPI()
        app.include_router(page_router("homelab", self._look, self._find, lambda request: "Ada (owner)", WAYS))
        app.include_router(static_router())
        app.add_api_route("/api/v1/events", self._events)
        return app

    async def _look(self, request: Request) -> Overview:
        if self.refuses_with:
            raise HTTPException(self.refuses_with, "Nobody said who you are.")
        self.looked += 1
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        if self.behind:
            self.behind -= 1
            return self._before
        return self.overview

    async def _find(self, request: Request, query: str, page: int) -> Found:
        return self.found.model_copy(update={"query": query, "page": page})

    async def _events(self) -> StreamingResponse:
        mine = (asyncio.get_running_loop(), asyncio.Queue[str | None]())
        self._told.append(mine)

        async def events() -> AsyncIterator[str]:
            try:
                yield f"retry: {ASK_AGAIN_AFTER}\n\n"
                while (text := await mine[1].get()) is not None:
                    yield text
            finally:
                self._told.remove(mine)

        return StreamingResponse(events(), media_type="text/event-stream")


@contextlib.contextmanager
def served(port: int = 0) -> Iterator[PageServer]:
    """The page on this port, or on one that is free, until the end."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        page = PageServer(listener.getsockname()[1])
        with serving(page.app(), listener):
            yield page


@contextlib.contextmanager
def serving(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    """An application on this port, until the end."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()
