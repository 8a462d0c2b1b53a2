"""What it means for a service that a question to it went wrong: a verdict for every kind of fault.

The first question to a service asks for nothing but whether it is there (`AT_THE_DOOR`); only when that is answered are
the others asked (`OF_A_PART`). So the same fault means less the later it comes: what doesn't answer at all is down;
what answers, and has one part that doesn't, is degraded. What went wrong is told in the words of the `UpstreamError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from brain.upstream import Kind, UpstreamError
from brain.verdict import Verdict

AT_THE_DOOR: Final[Mapping[Kind, Verdict]] = {
    Kind.REFUSED: Verdict.DOWN,
    Kind.RESET: Verdict.DOWN,
    Kind.TIMEOUT: Verdict.DOWN,
    Kind.CERTIFICATE: Verdict.DOWN,
    Kind.BROKEN_OFF: Verdict.DOWN,
    Kind.FAILED: Verdict.DOWN,
    Kind.MISSING: Verdict.DOWN,
    Kind.NOT_JSON: Verdict.DOWN,
    Kind.TRUNCATED: Verdict.DOWN,
    Kind.TOO_LARGE: Verdict.DOWN,
    Kind.WRONG_SHAPE: Verdict.DOWN,
    # It is there, and says so.
    Kind.THROTTLED: Verdict.DEGRADED,
    # The first question takes no key, so something else may have answered: nobody can tell how the service is.
    Kind.UNAUTHORIZED: Verdict.UNKNOWN,
    Kind.FORBIDDEN: Verdict.UNKNOWN,
}
"""What a fault of the first question means."""

OF_A_PART: Final[Mapping[Kind, Verdict]] = {
    **dict.fromkeys(Kind, Verdict.DEGRADED),
    # The service may be well; it isn't told to us.
    Kind.UNAUTHORIZED: Verdict.UNKNOWN,
    Kind.FORBIDDEN: Verdict.UNKNOWN,
}
"""What a fault of any later question means."""

_SOMETHING_ELSE: Final = frozenset(
    {Kind.MISSING, Kind.NOT_JSON, Kind.TOO_LARGE, Kind.WRONG_SHAPE, Kind.UNAUTHORIZED, Kind.FORBIDDEN}
)
"""Answers to the first question that a service never gives by itself."""
_OF_THE_KEY: Final = frozenset({Kind.UNAUTHORIZED, Kind.FORBIDDEN})


def at_the_door(error: UpstreamError, remedy: str = "") -> tuple[Verdict, str]:
    """The verdict and the reason, when the first question went wrong. remedy: if that question takes a key."""
    if error.kind in _OF_THE_KEY and remedy:
        return Verdict.UNKNOWN, f"{error.words} {remedy}"
    doubt = " Something else may be answering in its place." if error.kind in _SOMETHING_ELSE else ""
    return AT_THE_DOOR[error.kind], error.words + doubt


def of_a_part(error: UpstreamError, part: str, remedy: str = "") -> tuple[Verdict, str]:
    """The same for a later one. part: what was asked for, as in "its storage". remedy: what makes the key good."""
    words = f"{part[:1].upper()}{part[1:]} can't be told: {error.words}"
    return OF_A_PART[error.kind], f"{words} {remedy}".strip() if error.kind in _OF_THE_KEY else words
