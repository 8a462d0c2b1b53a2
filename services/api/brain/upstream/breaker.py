"""A circuit breaker: what fails time after time is left alone for a while, then tried with a single call.

After the pattern of Michael Nygard's "Release It!", as https://martinfowler.com/bliki/CircuitBreaker.html tells it.
"""

from __future__ import annotations

from collections.abc import Callable

from brain.upstream.errors import Kind, UpstreamError

TROUBLE = frozenset(
    {Kind.REFUSED, Kind.RESET, Kind.TIMEOUT, Kind.FAILED, Kind.TRUNCATED, Kind.TOO_LARGE, Kind.CERTIFICATE}
)
"""What says that the service is in trouble. The rest says that it answers, if not what was hoped for."""


class Breaker:
    """Whether something may be asked of a service now. name: of the service, as sentences call it.

    failures: how many calls in a row have to fail. pause: seconds that it is then left alone; twice that each time that
    the call after it fails too, up to `longest`. clock: seconds, from any beginning.
    """

    def __init__(
        self, name: str, clock: Callable[[], float], *, failures: int = 5, pause: float = 5.0, longest: float = 60.0
    ) -> None:
        self._name, self._clock = name, clock
        self._limit, self._first, self._longest = failures, pause, longest
        self._failed = 0
        self._pause = pause
        self._until = 0.0
        self._why: UpstreamError | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether a call would be refused now."""
        return self._why is not None and (self._trying or self._clock() < self._until)

    def enter(self) -> None:
        """Begin a call. Raises UpstreamError when the service is to be left alone; else tell how it ended."""
        if self._why is None:
            return
        if self.is_open:
            raise self._refusal(self._why)
        self._trying = True

    def answered(self) -> None:
        """The call that was begun got an answer."""
        self._trying, self._why, self._failed, self._pause = False, None, 0, self._first

    def went_wrong(self, error: UpstreamError) -> None:
        """The call that was begun came to this."""
        if error.kind not in TROUBLE or error.lasting:
            self.answered()
        else:
            self._failed += 1
            if self._trying or self._failed >= self._limit:
                if self._trying:
                    self._pause = min(self._pause * 2, self._longest)
                self._leave_alone(self._pause, error)
        if error.wait:
            self._leave_alone(min(error.wait, self._longest), error)

    def given_up(self) -> None:
        """Whoever began the call doesn't want it any more: it says nothing of the service."""
        self._trying = False

    def _leave_alone(self, seconds: float, why: UpstreamError) -> None:
        self._trying, self._why = False, why
        self._until = self._clock() + seconds

    def _refusal(self, why: UpstreamError) -> UpstreamError:
        left = max(self._until - self._clock(), 0.0)
        if why.kind is Kind.THROTTLED:
            return UpstreamError(Kind.THROTTLED, f"{self._name} asks to be left alone for {left:.0f} s more.", left)
        when = f"for {left:.0f} s more" if left else "while it is being tried"
        return UpstreamError(Kind.BROKEN_OFF, f"{self._name} isn't asked {when}, after this: {why.words}", left)
