"""The home page at `/`, what a search has found at `/?q=`, their files at `/static`. Refusals are HTML as well."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from brain.access.guard import asker
from brain.access.identity import By
from brain.brain import Brain
from brain.found import Found
from brain.overview import Overview
from brain.page import render

LONGEST_QUERY = 200
LAST_PAGE = 100
HITS = 20
"""Of each source, on a page."""

Look = Callable[[Request], Awaitable[Overview]]
"""The home as whoever asks may see it. To refuse them: raises `HTTPException`, with a sentence for anybody to read."""
Find = Callable[[Request, str, int], Awaitable[Found]]
"""A page of what there is to these words, for whoever asks. Raises the same."""
Who = Callable[[Request], str]
"""What whoever asks is called; empty if that isn't known."""


def routers(brain: Brain) -> Sequence[APIRouter]:
    """All that is served to people."""

    async def look(request: Request) -> Overview:
        return await brain.overview(asker(request).role)

    async def find(request: Request, query: str, page: int) -> Found:
        return await brain.search(asker(request).role, query, page, HITS)

    def who(request: Request) -> str:
        identity = asker(request)
        return f"{identity.who} ({identity.role})"

    return page_router(brain.settings.home, look, find, who, brain.settings.ways), static_router()


def route_for_people(ways: Collection[By]) -> type[APIRoute]:
    """Routes of which a refusal, by the route or by what it depends on, is a page too, with the same status.

    ways: by which people come in, for whoever isn't known.
    """

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The handler, with what it raises as HTML."""
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    return await handle(request)
                except HTTPException as error:
                    text, policy = render.refused(error.status_code, str(error.detail), ways)
                    return _html(text, error.status_code, policy, error.headers)

            return handled

    return PageRoute


def page_router(home: str, look: Look, find: Find, who: Who, ways: Collection[By] = ()) -> APIRouter:
    """The routes of the page of the home of that name. ways: by which people come in."""
    router = APIRouter(route_class=route_for_people(ways), include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        query = " ".join(request.query_params.get("q", "")[:LONGEST_QUERY].split())
        if query:
            number = _page_number(request.query_params.get("page", ""))
            return _html(render.found(home, await find(request, query, number), who(request)))
        return _html(render.home(await look(request), who(request)))

    return router


def static_router() -> APIRouter:
    """What pages link to: the same for every home."""
    router = APIRouter(route_class=route_for_people(()), include_in_schema=False)

    @router.api_route("/static/{name}", methods=["GET", "HEAD"])
    async def static(name: str, v: str = "") -> Response:
        file = render.files().get(name)
        if file is None:
            raise HTTPException(404, "There is no such file.")
        kept = "private, max-age=31536000, immutable" if v == file.tag else "no-cache"
        return Response(file.content, media_type=file.media_type, headers={"Cache-Control": kept})

    return router


def _page_number(text: str) -> int:
    """The number that a person has in their address line; the first page for anything else."""
    return min(max(int(text), 1), LAST_PAGE) if text.isascii() and text.isdigit() and len(text) < 9 else 1


def _html(
    text: str, status: int = 200, policy: str = render.POLICY, headers: Mapping[str, str] | None = None
) -> HTMLResponse:
    return HTMLResponse(
        text, status, {**(headers or {}), "Content-Security-Policy": policy, "Cache-Control": "no-store"}
    )
