"""The small pieces of markup that only the tour has."""

from __future__ import annotations

from typing import Final

from pages.markup import Child, Html, el
from tour.machines import Gauge

TINTS: Final = 8
"""How many colours `style.css` has for apps."""


def door_badge(name: str) -> Html:
    """A door as a badge."""
    return el("span", {"class": f"tag door {name}"}, name)


def chip(text: str, tint: int | None) -> Html:
    """A name with the colour of its app."""
    return el("span", {"class": "chip"}, swatch(tint), text)


def swatch(tint: int | None) -> Html:
    """A patch of an app's colour, for the eye alone."""
    return el("span", {"class": f"swatch {tint_class(tint)}", "aria-hidden": "true"})


def label(text: str) -> Html:
    """What a figure is about."""
    return el("span", {"class": "label"}, text)


def of_there(gauge: Gauge | None) -> Child:
    """`6.3Gi of 31.5Gi`, guesses marked."""
    if gauge is None:
        return None
    return [
        el("strong", gauge.requested),
        star(gauge.asked_assumed),
        f" of {gauge.there}",
        star(gauge.there_assumed),
    ]


def star(assumed: bool) -> Html | None:
    """The mark of a guess, which is also read out."""
    return el("span", {"class": "star"}, "*", el("span", {"class": "aloud"}, " assumed")) if assumed else None


def tint_class(tint: int | None) -> str:
    """The CSS class of an app's colour; there are fewer colours than there may be apps."""
    return "tint-none" if tint is None else f"tint-{tint % TINTS}"


def percent(part: float) -> str:
    """A part of the whole for CSS: `0.5` is `50.00%`."""
    return f"{part * 100:.2f}%"
