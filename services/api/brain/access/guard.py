"""In front of every request: who asks, whether they may, and whether this often. Behind it: headers and a log line.

Everything is closed unless it is said to be open here, so a route that somebody adds later is closed too. What a role
may see is for the routes to say (`asker`).
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brain.access.bearer import Bearer
from brain.access.cloudflare import HEADER, Access
from brain.access.identity import By, Identity, RefusedError, invitation, only
from brain.access.limits import Buckets, check_size
from brain.access.tailscale import Tailnet
from brain.logs import FIELDS

log = logging.getLogger("brain.requests")

OPEN: Final = frozenset({"/healthz", "/readyz"})
"""What anybody may ask."""
METHODS: Final = frozenset({"GET", "HEAD"})
"""The only ones that are answered; a count of any other doesn't go by its name, which anybody can make up."""

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer that doesn't say otherwise itself."""
_RAW: Final = tuple((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items())

RefusalPage = Callable[[int, str, Collection[By]], tuple[str, str]]
"""A refusal as a web page, of status, sentence and the ways in, and the Content-Security-Policy of that page."""


class TooOftenError(RefusedError):
    """Somebody asks more often than they may."""

    def __init__(self, words: str, wait: float, asker: Hashable) -> None:
        super().__init__(429, words, wait, asker=asker)


class Guard:
    """The middleware.

    buckets: how often somebody may ask; lines: how often it is written down that they asked too often. ways: by which
    they could come in. max_bytes: of a request. answered: is told of each answer: route, method, status, seconds. page:
    how a browser is refused; without it, as JSON like everybody.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tailnet: Tailnet,
        access: Access | None,
        bearer: Bearer,
        buckets: Buckets,
        lines: Buckets,
        ways: Collection[By],
        max_bytes: int,
        answered: Callable[[str, str, int, float], None],
        page: RefusalPage | None = None,
    ) -> None:
        self._app = app
        self._tailnet, self._access, self._bearer = tailnet, access, bearer
        self._buckets, self._lines = buckets, lines
        self._ways = ways
        self._max_bytes = max_bytes
        self._answered = answered
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        began = time.perf_counter()
        status = 0
        kept_out: RefusedError | None = None

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in _RAW if one[0] not in there)]
            await send(message)

        try:
            try:
                await self._let_in(scope)
            except RefusedError as refused:
                kept_out = refused
                await self._refuse(scope, sent, refused)
            else:
                await self._app(scope, receive, sent)
        except Exception:
            log.exception("an error of this program")
            if status:
                raise ConnectionAbortedError("the answer can't be finished") from None
            await self._refuse(scope, sent, RefusedError(500, "Something went wrong here; the log says where."))
        finally:
            self._record(scope, status, time.perf_counter() - began, kept_out)

    async def _let_in(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        address = (scope.get("client") or ("", 0))[0]
        try:
            check_size(headers, len(scope.get("raw_path") or b"") + len(scope["query_string"]), self._max_bytes)
            if scope["path"] in OPEN:
                return
            identity = await self._identify(headers, address)
        except RefusedError as refused:
            # Whoever guesses is slowed down, and nobody else with them: those who are known have buckets of their own.
            asker = refused.asker or ("stranger", address)
            if wait := self._buckets.take(asker):
                raise TooOftenError("Too many attempts: wait a little.", wait, asker) from None
            raise
        scope.setdefault("state", {})["identity"] = identity
        if wait := self._buckets.take(identity.key):
            raise TooOftenError("You ask too often: wait a little.", wait, identity.key)
        if identity.only is not None and scope["path"] not in identity.only:
            raise RefusedError(403, "This token is for something else alone.")

    async def _identify(self, headers: Headers, address: str) -> Identity:
        """Who it is. What was sent counts, or fails; there is no second try by another way."""
        authorization = only(headers, "Authorization")
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            identity = self._bearer.identify(token.strip()) if scheme.casefold() == "bearer" else None
            if identity is None:
                raise RefusedError(401, "This token is nobody's.")
            return identity
        assertion = only(headers, HEADER)
        if assertion is not None and self._access is not None:
            return await self._access.identify(assertion)
        identity = await self._tailnet.identify(headers, address)
        if identity is None:
            raise RefusedError(401, invitation(self._ways))
        return identity

    async def _refuse(self, scope: Scope, send: Send, refused: RefusedError) -> None:
        as_page = self._page is not None and "text/html" in Headers(scope=scope).get("accept", "")
        policy = SECURITY_HEADERS["Content-Security-Policy"]
        if self._page is not None and as_page:
            text, policy = self._page(refused.status, refused.words, self._ways)
            body = text.encode()
        else:
            body = json.dumps({"detail": refused.words}).encode()
        headers = {
            "Content-Type": "text/html; charset=utf-8" if as_page else "application/json",
            "Content-Length": str(len(body)),
            "Content-Security-Policy": policy,
            **(refused.headers or {}),
        }
        if refused.status in (411, 413, 414):
            headers["Connection"] = "close"
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": refused.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _record(self, scope: Scope, status: int, seconds: float, refused: RefusedError | None) -> None:
        # The path as it was sent may hold anything, somebody's token included; that of the route is ours.
        route = getattr(scope.get("route"), "path", None) or (scope["path"] if scope["path"] in OPEN else "")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._answered(route, method, status, seconds)
        # What was answered is counted; what was refused, or failed, is written down.
        level = logging.DEBUG if 200 <= status < 400 else logging.INFO
        if isinstance(refused, TooOftenError) and self._lines.take(refused.asker):
            # Nobody fills the log by asking what they aren't answered anyway.
            level = logging.DEBUG
        if not log.isEnabledFor(level):
            return
        identity: Identity | None = scope.get("state", {}).get("identity")
        fields: dict[str, Any] = {"route": route, "method": method, "status": status, "ms": round(seconds * 1000, 1)}
        if identity is not None:
            fields |= {"who": identity.who, "role": identity.role, "by": identity.by}
        if refused is not None and refused.why:
            fields["why"] = refused.why
        log.log(level, "answered", extra={FIELDS: fields})


def asker(request: Request) -> Identity:
    """Who sent a request that was let through. Raises RefusedError (401) for one that didn't come by the guard."""
    identity: Identity | None = getattr(request.state, "identity", None)
    if identity is None:
        raise RefusedError(401, "Nobody knows who you are.")
    return identity
