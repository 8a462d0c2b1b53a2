"""`/events`: server-sent events, one for each change of a service's verdict or reasons.

https://html.spec.whatwg.org/multipage/server-sent-events.html. A browser that lost its connection asks again by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from brain.access.guard import asker
from brain.access.identity import RefusedError
from brain.adapters.adapter import Role
from brain.brain import Brain
from brain.routes.paths import API
from brain.verdict import Report

QUIET_FOR: Final = 15.0
"""Seconds after which a comment is sent, or proxies take the connection for dead."""
ASK_AGAIN_AFTER: Final = 3000
"""Milliseconds that a browser waits before it connects again."""
FIRST: Final = f"retry: {ASK_AGAIN_AFTER}\n\n".encode()
QUIET: Final = b": nothing new\n\n"


def router(brain: Brain) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix=API, tags=["home"])

    @routes.get(
        "/events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Events named `change`, without an end."},
            503: {"description": "As many listen as may."},
        },
    )
    async def events(request: Request) -> StreamingResponse:
        """Every change of a verdict or its reasons, as it happens."""
        role = asker(request).role
        if brain.watch.listeners >= brain.settings.max_listeners:
            raise RefusedError(503, "As many listen as may.", 10)
        # A proxy that collects before it sends would keep what is new until it is old.
        return StreamingResponse(
            changes(brain, role), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    return routes


async def changes(brain: Brain, role: Role, quiet_for: float = QUIET_FOR) -> AsyncIterator[bytes]:
    """The events for somebody of this role; ends for a listener who is too far behind."""
    with brain.watch.listen() as queue:
        yield FIRST
        while True:
            try:
                async with asyncio.timeout(quiet_for):
                    report = await queue.get()
            except TimeoutError:
                yield QUIET
            else:
                if role in brain.watch.adapters[report.service].roles:
                    yield event(report)
            if not brain.watch.hears(queue):
                return


def event(report: Report) -> bytes:
    """A change, as it is sent. JSON has no line ends of its own, so no text of a service can end the event."""
    data = report.model_dump(mode="json", include={"service", "title", "verdict", "reasons", "at"})
    return f"event: change\ndata: {json.dumps(data)}\n\n".encode()
