"""How often somebody may ask, and how much at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from starlette.datastructures import Headers

from brain.access.identity import RefusedError

REMEMBERED: Final = 4096
"""How many askers are told apart; whoever has been away longest is forgotten."""
LONGEST_TARGET: Final = 4096
"""Bytes of a path with its query."""


class Buckets:
    """A token bucket for everybody: `per_second` requests for ever, and `burst` at once."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._clock = clock
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, asker: Hashable) -> float:
        """Takes one of theirs: 0, or the seconds until there is one again."""
        now = self._clock()
        left, at = self._left.pop(asker, (self._burst, now))
        left = min(left + (now - at) * self._per_second, self._burst)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._left[asker] = (left if wait else left - 1, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return wait


def check_size(headers: Headers, target: int, most: int) -> None:
    """Raises RefusedError when a request is larger than it may be, or doesn't say how large it is."""
    if target > LONGEST_TARGET:
        raise RefusedError(414, "The address is too long.")
    if "transfer-encoding" in headers:
        raise RefusedError(411, "Say how long the request is.")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > most:
        raise RefusedError(413, f"A request may have {most} bytes.")
