"""An event loop in which waiting takes no time, so that a deadline is the same on every machine.

Its clock stands still while anything is to be done, and goes on to the next timer when nothing is. So what `loop.time`
tells is how long something *waited*, exactly, however busy the machine is and however long a deadline. Everybody who
takes part has to be in the loop, both ends of a connection among them: it can't see that others still work. What the
processor takes isn't seen either; the bench measures that.

A module's tests run in it if the module has a fixture `anyio_backend` that returns `WITHOUT_WAITING`.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any, Final

NOTHING_COMES: Final = 0.02
"""Seconds after which what was sent on loopback has arrived, or nothing was."""


class _Idle(selectors.DefaultSelector):
    """Tells when there is nothing to do, in place of waiting for it to end. passed: seconds that were passed over."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has come. None to come and a timer to wait for: it is its time."""
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(NOTHING_COMES)
        if not ready:
            self.passed += timeout
        return ready


class Loop(asyncio.SelectorEventLoop):
    """The loop, whose clock begins at 0."""

    def __init__(self) -> None:
        self._idle = _Idle()
        super().__init__(self._idle)

    def time(self) -> float:
        """Seconds that were waited for."""
        return self._idle.passed


WITHOUT_WAITING: Final[tuple[str, dict[str, Any]]] = ("asyncio", {"loop_factory": Loop})
