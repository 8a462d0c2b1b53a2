"""`/events`: server-sent events, one for each change of a service's verdict or reasons.

https://html.spec.whatwg.org/multipage/server-sent-events.html. A browser that lost its connection asks again by itself.
So streams end after some minutes, and who listens is let in anew, or not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from brain.access.guard import asker
from brain.access.identity import Identity, RefusedError
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


class Stream(StreamingResponse):
    """Changes, for as long as they are listened to. Its place is taken when it begins, and free again when it ends."""

    def __init__(self, brain: Brain, identity: Identity) -> None:
        # A proxy that collects before it sends would keep what is new until it is old.
        super().__init__(nothing(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._brain, self._identity = brain, identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them. Raises RefusedError when as many listen as may."""
        watch, settings = self._brain.watch, self._brain.settings
        if watch.listening(self._identity.key) >= settings.max_listeners_each:
            raise RefusedError(429, "You listen at as many places as you may: close one.", settings.listen_for)
        if watch.listeners >= settings.max_listeners:
            raise RefusedError(503, "As many listen as may.", 10)
        with watch.listen(self._identity.key) as queue:
            self.body_iterator = changes(self._brain, self._identity.role, queue, lasts=settings.listen_for)
            await super().__call__(scope, receive, send)


def router(brain: Brain) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix=API, tags=["home"])

    @routes.get(
        "/events",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Events named `change`, for some minutes."},
            503: {"description": "As many listen as may."},
        },
    )
    async def events(request: Request) -> StreamingResponse:
        """Every change of a verdict or its reasons, as it happens. It ends after a while: ask again, as browsers do."""
        return Stream(brain, asker(request))

    return routes


async def nothing() -> AsyncIterator[bytes]:
    """What is sent to nobody."""
    return
    yield b""


async def changes(
    brain: Brain, role: Role, queue: asyncio.Queue[Report], *, lasts: float, quiet_for: float = QUIET_FOR
) -> AsyncIterator[bytes]:
    """The events for somebody of this role, of a listener's queue; ends for one that is too far behind.

    Ends after `lasts` seconds in any case: whoever still may listen asks anew, and others hear no more.
    """
    now = asyncio.get_running_loop().time
    end = now() + lasts
    yield FIRST
    while (left := end - now()) > 0:
        try:
            async with asyncio.timeout(min(quiet_for, left)):
                report = await queue.get()
        except TimeoutError:
            if left > quiet_for:
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
