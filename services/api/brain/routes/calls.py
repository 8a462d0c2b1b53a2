"""`/media/photos/*`, `/media/video/*`, `/infrastructure/*`: the adapters' calls, as GETs with queries for arguments.

The routes are made of the calls, so an adapter that is added brings its own, under the first word of their names.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from brain.access.guard import asker
from brain.access.identity import RefusedError
from brain.adapters.adapter import Adapter, Call
from brain.brain import Brain
from brain.routes.paths import API
from brain.routes.refusals import FAILURES, NOT_FOR_YOU

FOLDERS: Final[Mapping[str, str]] = {"photos": "/media/photos", "video": "/media/video"}
"""Where the calls of a subject are; of any other, under its own name."""


def path_of(call: Call) -> str:
    """Where a call is asked: `photos.search` at `/media/photos/search`."""
    subject, _, name = call.name.partition(".")
    return f"{FOLDERS.get(subject, f'/{subject}')}/{name}"


def router(brain: Brain) -> APIRouter:
    """A route for every call."""
    routes = APIRouter(prefix=API)
    for adapter, call in brain.calls.values():
        routes.add_api_route(
            path_of(call),
            _endpoint(adapter, call),
            response_model=call.result,
            responses=NOT_FOR_YOU | FAILURES,
            name=call.name,
            operation_id=call.name,
            description=call.what,
            tags=[call.name.partition(".")[0]],
        )
    return routes


def _endpoint(adapter: Adapter, call: Call) -> Callable[..., Awaitable[BaseModel]]:
    async def ask(request: Request, arguments: BaseModel) -> BaseModel:
        if asker(request).role not in call.roles:
            raise RefusedError(403, "This isn't for you.")
        return await call.run(arguments)

    # FastAPI goes by the signature; the arguments' model is known only here.
    ask.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request),
            inspect.Parameter(
                "arguments", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[_any(call.arguments), Query()]
            ),
        ]
    )
    return ask


def _any(model: type[BaseModel]) -> Any:
    """A type that is only known when it runs."""
    return model
