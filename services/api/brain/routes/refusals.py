"""How the routes' refusals are described in the OpenAPI document, and what a service's failure becomes."""

from __future__ import annotations

import math
from typing import Any, Final

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from brain.upstream import Kind, UpstreamError

Responses = dict[int | str, dict[str, Any]]


class Refusal(BaseModel):
    """Why there is no answer, in a sentence that anybody may read."""

    detail: str


class Failure(Refusal):
    """The same, when it is another service that failed. kind: in which way."""

    kind: Kind


def _described(status: int, what: str, model: type[BaseModel] = Refusal) -> Responses:
    return {status: {"model": model, "description": what}}


EVERYWHERE: Final = (
    _described(400, "It was asked in a way that has two meanings.")
    | _described(401, "Nobody knows who asks.")
    | _described(403, "It isn't for whoever asks.")
    | _described(411, "The request doesn't say how long it is.")
    | _described(413, "The request is too large.")
    | _described(414, "The address is too long.")
    | _described(429, "They ask too often.")
)
NOT_FOR_YOU: Final = _described(403, "It isn't for whoever asks.")
NOT_THERE: Final = _described(404, "There is no such thing.")
FAILURES: Final = (
    _described(502, "The service answered badly, or not at all.", Failure)
    | _described(503, "The service can't be asked now.", Failure)
    | _described(504, "The service didn't answer in time.", Failure)
)
_STATUS: Final = {Kind.TIMEOUT: 504, Kind.THROTTLED: 503, Kind.BROKEN_OFF: 503}


async def upstream_failed(request: Request, error: Exception) -> JSONResponse:
    """What somebody gets to know of an UpstreamError: its words were made for that."""
    assert isinstance(error, UpstreamError)
    headers = {} if error.wait is None else {"Retry-After": str(max(math.ceil(error.wait), 1))}
    content = Failure(detail=error.words, kind=error.kind).model_dump(mode="json")
    return JSONResponse(content, _STATUS.get(error.kind, 502), headers)
