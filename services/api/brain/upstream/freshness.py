"""The last answer to a question, asked anew when it is old: once for all who want it, and behind their back.

After the stale-while-revalidate of RFC 5861.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Aged(Generic[T]):
    """An answer and how old it is. is_stale: a newer one was due by now."""

    value: T
    age_seconds: float
    is_stale: bool


class Fresh(Generic[T]):
    """An asynchronous function's answers, kept.

    ask: the function. fresh_for: seconds that an answer is as good as a new one. stale_for: seconds that it is handed
    out at once while it is being asked anew; after that, whoever wants it waits for the new one. deadline: seconds that
    anybody waits. clock: seconds, from any beginning.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[T]],
        *,
        fresh_for: float,
        deadline: float,
        stale_for: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._fresh_for = fresh_for
        self._stale_for = 10 * fresh_for if stale_for is None else stale_for
        self._deadline = deadline
        self._clock = clock
        self._answer: tuple[T, float] | None = None
        self._failed: tuple[Exception, float] | None = None
        self._asking: asyncio.Task[None] | None = None

    async def get(self, *, fresh_for: float | None = None) -> Aged[T]:
        """The answer, and how old it is.

        fresh_for: for somebody to whom only a newer answer is as good as new, and who waits for it. Raises what asking
        raised, or TimeoutError, if there is no answer yet; in spite of either an old one is handed out.
        """
        fresh, at_once = (self._fresh_for, self._stale_for) if fresh_for is None else (fresh_for, fresh_for)
        kept = self.peek()
        if kept is not None and kept.age_seconds <= fresh:
            return kept
        asking = self._refreshed(fresh)
        if asking is None or (kept is not None and kept.age_seconds <= at_once):
            assert kept is not None
            return kept
        # Whoever stops waiting doesn't stop the question: others wait for it too.
        await asyncio.wait({asking}, timeout=self._deadline)
        kept = self.peek()
        if kept is not None:
            return kept
        if asking.done() and self._failed is not None:
            raise self._failed[0].with_traceback(None)
        raise TimeoutError(f"no answer within {self._deadline:g} s")

    def peek(self) -> Aged[T] | None:
        """The answer that there is, without asking."""
        if self._answer is None:
            return None
        value, at = self._answer
        age = max(self._clock() - at, 0.0)
        return Aged(value, age, age > self._fresh_for)

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _refreshed(self, fresh_for: float) -> asyncio.Task[None] | None:
        """The question that is under way, begun here if need be; None when it has only just failed beside an answer."""
        if self._asking is None or self._asking.done():
            if self._answer is not None and self._failed and self._clock() - self._failed[1] <= fresh_for:
                return None
            self._asking = asyncio.create_task(self._ask_once())
        return self._asking

    async def _ask_once(self) -> None:
        try:
            value = await self._ask()
        except Exception as error:
            self._failed = (error, self._clock())
        else:
            # The age counts from when the answer came. What it tells is a little older.
            self._answer, self._failed = (value, self._clock()), None
