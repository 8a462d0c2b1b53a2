"""Where the pieces of a bar lie, in hundredths of its width, for attributes of SVG: a page has no style of its own."""

from __future__ import annotations

from dataclasses import dataclass

GAP = 1.2
"""Between two slices."""
MOST_SLICES = 16
"""As many as can be told apart; more are drawn as one bar."""
LEAST = 1.0
"""What is there at all can be seen."""


@dataclass(frozen=True)
class Piece:
    """One rectangle: where it begins, how wide it is, whether it is taken."""

    x: str
    width: str
    is_taken: bool


def _percent(value: float) -> str:
    return f"{round(value, 2):g}%"


def share(used: int, total: int) -> float:
    """How much of it is used, from 0 to 100; more than there is counts as all of it, and nothing of nothing as none."""
    return min(100.0, 100.0 * used / total) if total > 0 else 0.0


def slices(taken: int, there: int) -> tuple[Piece, ...]:
    """One piece a slice, the taken ones first; none for a GPU without slices."""
    if there < 1:
        return ()
    if there > MOST_SLICES:
        return bar(taken, there)
    width = (100 - GAP * (there - 1)) / there
    return tuple(
        Piece(_percent(number * (width + GAP)), _percent(width), is_taken=number < taken) for number in range(there)
    )


def bar(used: int, total: int) -> tuple[Piece, ...]:
    """One piece, as wide as what is used; none where nothing is."""
    part = share(used, total)
    return (Piece("0%", _percent(max(part, LEAST)), is_taken=True),) if part > 0 else ()


def fullness(used: int, total: int) -> str:
    """The class of a bar's colour: nearly full from 85 of 100 on, full from 95."""
    part = share(used, total)
    return "bad" if part >= 95 else "warn" if part >= 85 else "good"
