"""Asking another service over HTTP for JSON, in a bounded time and a bounded memory."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from brain.upstream.breaker import Breaker
from brain.upstream.dates import hear, retry_after
from brain.upstream.errors import Kind, UpstreamError, of_exception, of_status

T = TypeVar("T")
AGAIN = frozenset({Kind.REFUSED, Kind.RESET, Kind.TRUNCATED, Kind.THROTTLED, Kind.FAILED})
"""What may be over by the next attempt."""
ATTEMPTS = 3
FIRST_PAUSE = 0.1
"""Seconds before the second attempt, at most; twice that before the third."""
AT_ONCE = 16
"""Calls by one `Upstream` that may be under way together."""

Headers = Callable[[], Mapping[str, str]]


class Upstream:
    """One service that is asked.

    name: as sentences call it. base_url: where its paths begin. headers: those of each call, made anew for each, since
    keys change. deadline: seconds that a call may take with all its attempts. max_bytes: of an answer. clock: seconds,
    for the breakers. Errors are UpstreamErrors.

    Each path has a breaker of its own: that one question is never answered says nothing of the others.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        client: httpx.AsyncClient,
        headers: Headers = dict,
        deadline: float = 3.0,
        max_bytes: int = 2 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.name = name
        self.deadline = deadline
        self._base = base_url.rstrip("/")
        self._client = client
        self._headers = headers
        self._max_bytes = max_bytes
        self._clock = clock
        self._attempts = attempts
        self._sleep = sleep
        self._jitter = jitter
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._breakers: dict[str, Breaker] = {}

    def apart(self, *, deadline: float | None = None) -> Upstream:
        """The same service over the same client, for another purpose: with breakers and places of its own.

        So what one purpose has asked too much of, or in vain, is no hindrance to another. deadline: if it has another.
        """
        return Upstream(
            self.name,
            self._base,
            client=self._client,
            headers=self._headers,
            deadline=self.deadline if deadline is None else deadline,
            max_bytes=self._max_bytes,
            clock=self._clock,
            attempts=self._attempts,
            sleep=self._sleep,
            jitter=self._jitter,
        )

    def breaker(self, path: str) -> Breaker:
        """That of a path. Paths are this program's own words, so there are never many."""
        return self._breakers.setdefault(path, Breaker(self.name, self._clock))

    async def get(self, path: str, model: type[T], *, params: Mapping[str, Any] | None = None) -> T:
        """What stands at a path, as a `model`: any type that pydantic can make of JSON. Raises UpstreamError."""
        return self._parsed(await self._call("GET", path, self._attempts, params=params), model)

    async def post(self, path: str, model: type[T], *, json: Any = None, idempotent: bool = False) -> T:
        """What a path answers to some JSON; asked once only, unless asking twice does no harm. Raises UpstreamError."""
        attempts = self._attempts if idempotent else 1
        return self._parsed(await self._call("POST", path, attempts, json=json), model)

    async def text(self, path: str, *, params: Mapping[str, Any] | None = None) -> str:
        """What stands at a path, as text. Raises UpstreamError."""
        return (await self._call("GET", path, self._attempts, params=params)).decode(errors="replace")

    async def _call(self, method: str, path: str, attempts: int, **content: Any) -> bytes:
        breaker = self.breaker(path)
        breaker.enter()
        error: UpstreamError | None = None
        try:
            async with asyncio.timeout(self.deadline) as limit:
                for attempt in range(attempts):
                    try:
                        async with self._at_once:
                            body = await self._attempt(method, path, content)
                    except UpstreamError as wrong:
                        error = wrong
                    else:
                        breaker.answered()
                        return body
                    pause = self._pause(attempt, error)
                    left = (limit.when() or 0.0) - asyncio.get_running_loop().time()
                    if attempt + 1 == attempts or error.lasting or error.kind not in AGAIN or pause >= left:
                        break
                    await self._sleep(pause)
        except TimeoutError:
            # What the attempts before the last came to says more than that there was no time for it.
            error = error or UpstreamError(
                Kind.TIMEOUT, f"{self.name} gave no whole answer within {self.deadline:g} s."
            )
        except BaseException:
            breaker.given_up()
            raise
        assert error is not None
        breaker.went_wrong(error)
        raise error from None

    def _pause(self, attempt: int, error: UpstreamError) -> float:
        """Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/."""
        return max(self._jitter(0.0, FIRST_PAUSE * 2**attempt), error.wait or 0.0)

    async def _attempt(self, method: str, path: str, content: Mapping[str, Any]) -> bytes:
        # An answer that isn't compressed is as large as it says.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **self._headers()}
        answering = False
        try:
            async with self._client.stream(
                method, f"{self._base}{path}", headers=headers, follow_redirects=False, timeout=None, **content
            ) as response:
                answering = True
                hear(response.headers)
                if not response.is_success:
                    raise of_status(self.name, response.status_code, retry_after(response.headers))
                return await self._body(response)
        except (httpx.HTTPError, OSError) as error:
            wrong = of_exception(self.name, error, answering=answering)
        except httpx.InvalidURL:
            wrong = UpstreamError(Kind.REFUSED, f"{self.name}'s address can't be read.")
        raise wrong

    async def _body(self, response: httpx.Response) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise UpstreamError(Kind.NOT_JSON, f"{self.name} compresses what was asked for plainly.")
        length = response.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and int(length) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> UpstreamError:
        most = self._max_bytes / 1024
        return UpstreamError(
            Kind.TOO_LARGE, f"{self.name}'s answer is larger than the {most:.0f} KiB that are read of one."
        )

    def _parsed(self, body: bytes, model: type[T]) -> T:
        with self._explained(body, model):
            return _adapter(model).validate_json(body)

    @contextmanager
    def _explained(self, body: bytes, model: Any) -> Iterator[None]:
        try:
            yield
            return
        except ValidationError as error:
            # The error itself holds pieces of the body, so nothing of it is handed on.
            faults = error.errors(include_url=False, include_context=False, include_input=False)
        if faults[0]["type"] != "json_invalid":
            names = _names(_adapter(model).json_schema())
            place = ".".join(str(part) for part in faults[0]["loc"] if isinstance(part, int) or part in names)
            words = f"{self.name} answers in a shape that isn't known here" + (f", at {place}." if place else ".")
            raise UpstreamError(Kind.WRONG_SHAPE, words)
        if body.lstrip()[:1] == b"<":
            raise UpstreamError(Kind.NOT_JSON, f"{self.name} answers with a web page in place of data.")
        if body.strip() and "EOF" in faults[0]["msg"]:
            raise UpstreamError(Kind.TRUNCATED, f"{self.name}'s answer ends in the middle.")
        raise UpstreamError(Kind.NOT_JSON, f"{self.name} answers with something other than data.")


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


def _adapter(model: type[T]) -> TypeAdapter[T]:
    """Making one takes far longer than using it."""
    if model not in _ADAPTERS:
        _ADAPTERS[model] = TypeAdapter(model)
    return _ADAPTERS[model]


def _names(schema: Any) -> set[str]:
    """The names that a JSON Schema gives to properties: ours, where those of an answer could be anybody's."""
    if isinstance(schema, Mapping):
        own = schema.get("properties", {})
        return {*own, *(name for part in schema.values() for name in _names(part))}
    if isinstance(schema, list):
        return {name for part in schema for name in _names(part)}
    return set()
