"""`/overview`, `/services`, `/exposure`, `/search`, `/calls`: the home, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict

from brain import gathering
from brain.access.guard import asker
from brain.access.identity import INFRASTRUCTURE, RefusedError
from brain.adapters.adapter import Role
from brain.brain import Brain
from brain.found import Found
from brain.gathering import Seen
from brain.overview import Overview, Tile
from brain.routes.calls import path_of
from brain.routes.paths import API
from brain.routes.refusals import NOT_FOR_YOU, NOT_THERE
from brain.verdict import Record


class Service(Tile):
    """A service with its figures, as far as they are for whoever asks."""

    facts: Mapping[str, Any] = {}


class CallDescription(Record):
    """Something that can be asked, described so that a program or a language model can use it as a tool.

    name: of the tool. what: one sentence, of what it answers. service: whom it is asked. path: a GET of which, with the
    arguments as query parameters, asks. arguments, result: JSON Schemas.
    """

    name: str
    what: str
    service: str
    path: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]


class ExposureDocument(Record):
    """The map of who reaches what, as `python -m home exposure --json` writes it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    home: str
    origin: str = ""
    columns: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...]


def router(brain: Brain) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix=API, tags=["home"])

    @routes.get("/overview", response_model=Overview)
    async def overview(request: Request) -> Response:
        """The home in one answer: from what was last seen, within a deadline, whatever a service does."""
        return Response(await brain.written_overview(asker(request).role), media_type="application/json")

    @routes.get("/services")
    async def services(request: Request) -> list[Service]:
        """All services, with their verdicts and figures."""
        role = asker(request).role
        return [_service(brain, role, one) for one in await brain.seen(role)]

    @routes.get("/services/{name}", responses=NOT_THERE)
    async def service(request: Request, name: str) -> Service:
        """One service."""
        role = asker(request).role
        return _service(brain, role, await brain.seen_one(role, name))

    @routes.get("/exposure", responses=NOT_FOR_YOU | NOT_THERE)
    async def exposure(request: Request) -> ExposureDocument:
        """Who can reach what of the home, and by which way."""
        if asker(request).role not in INFRASTRUCTURE:
            raise RefusedError(403, "What the home is made of isn't for guests.")
        found = brain.exposure()
        if found is None:
            raise RefusedError(404, "No map of who reaches what was given.")
        return ExposureDocument.model_validate(found.document)

    @routes.get("/search")
    async def search(
        request: Request,
        q: Annotated[str, Query(min_length=1, max_length=200, description="What to look for, in words.")],
        page: Annotated[int, Query(ge=1, le=1000, description="Which page, from 1.")] = 1,
        size: Annotated[int, Query(ge=1, le=50, description="How many of each source.")] = 20,
    ) -> Found:
        """One search over photos and films; each source is named, and why it found nothing if it couldn't be asked."""
        return await brain.search(asker(request).role, q, page, size)

    @routes.get("/calls")
    async def calls(request: Request) -> list[CallDescription]:
        """What else can be asked: each read-only call with its arguments and its result."""
        role = asker(request).role
        return [
            CallDescription(
                name=call.name,
                what=call.what,
                service=adapter.name,
                path=f"{API}{path_of(call)}",
                arguments=call.arguments.model_json_schema(),
                result=call.result.model_json_schema(mode="serialization"),
            )
            for adapter, call in brain.calls.values()
            if role in call.roles
        ]

    return routes


def _service(brain: Brain, role: Role, one: Seen) -> Service:
    tile = gathering.tile(one, stale_after=brain.stale_after, now=brain.now)
    facts = one.report.value.facts if one.report and role in INFRASTRUCTURE else {}
    return Service(**dict(tile), facts=facts)
