"""The connections to one service, and whom they take its word from."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx

KEPT = 16
"""Idle connections to one service that are kept."""
LETS_GO_AFTER = 60.0
"""Seconds that calls under way have to end before the connections are closed that trust an authority of the past."""
STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
"""What Python verifies by itself from 3.13 on. Said here, so that every version does.
https://docs.python.org/3/library/ssl.html#ssl.create_default_context
"""


def connect(*, ca_file: str | Path | None = None, clock: Callable[[], float] = time.monotonic) -> httpx.AsyncClient:
    """A client for one service: each has its own, or one that hangs would use up the connections of all.

    Takes nothing from the environment: neither proxies nor the credentials of a .netrc. ca_file: authorities to trust
    in place of the system's, once the file is there; it is read again when it changes. clock: seconds.
    """
    transport = _transport(trusting(None)) if ca_file is None else Following(Path(ca_file), clock)
    return httpx.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=None)


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """How certificates are verified. Raises OSError, of which ssl.SSLError is one, for a file that can't be used."""
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags |= STRICT
    return context


def _transport(context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    # How many calls are under way is limited where they are made, for each purpose by itself: a limit here would let
    # one purpose wait for another.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT, keepalive_expiry=30)
    return httpx.AsyncHTTPTransport(verify=context, limits=limits, trust_env=False)


class Following(httpx.AsyncBaseTransport):
    """Trusts the authorities of a file as it is now: a mounted one comes late at times, and is replaced in place.

    While there is no file, the system's authorities are trusted; one that can't be used changes nothing.
    """

    def __init__(self, ca_file: Path, clock: Callable[[], float]) -> None:
        self._file = ca_file
        self._clock = clock
        self._seen: tuple[int, ...] | None = None
        self._now = _transport(trusting(None))
        self._past: list[tuple[httpx.AsyncHTTPTransport, float]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it over connections that trust what the file says."""
        self._follow()
        # Not at once, since calls may be under way on them, and none lasts so long.
        while self._past and self._clock() - self._past[0][1] > LETS_GO_AFTER:
            await self._past.pop(0)[0].aclose()
        return await self._now.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for one in (*(one for one, _ in self._past), self._now):
            await one.aclose()
        self._past = []

    def _follow(self) -> None:
        try:
            found = self._file.stat()
            seen = (found.st_mtime_ns, found.st_ino, found.st_size)
            if seen == self._seen:
                return
            context = trusting(self._file)
        except OSError:
            # Half of a file, or none for a moment: what was trusted before is, and the file is looked at again.
            return
        self._past.append((self._now, self._clock()))
        self._now, self._seen = _transport(context), seen
