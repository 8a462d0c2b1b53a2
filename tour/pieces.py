"""The small pieces of markup that every part of the page is made of."""

from __future__ import annotations

import re
from typing import Final

from tour.machines import Gauge
from tour.markup import Child, Html, el

TINTS: Final = 8
"""How many colours `style.css` has for apps."""

_SIGNS: Final = {"good": "✓", "warn": "!", "bad": "✕"}


def section(ident: str, heading: str, intro: str | None, *children: Child) -> Html:
    """A part of the page with its heading, `intro` below it, and then what it holds."""
    return el(
        "section",
        {"id": ident, "aria-labelledby": f"{ident}-heading"},
        el("h2", {"id": f"{ident}-heading"}, heading),
        el("p", {"class": "intro"}, intro) if intro else None,
        children,
    )


def verdict(tone: str, sentence: str) -> Html:
    """A sentence that sums up, with the sign of how it is: `good`, `warn` or `bad`."""
    return el("p", {"class": f"verdict {tone}"}, mark(tone), el("span", sentence))


def tag(text: str, tone: str = "") -> Html:
    """A small word beside a name."""
    return el("span", {"class": f"tag {tone}".strip()}, text)


def door_badge(name: str) -> Html:
    """A door as a badge."""
    return el("span", {"class": f"door {name}"}, name)


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


def slug(name: str) -> str:
    """A name as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def mark(tone: str) -> Html | None:
    """A sign beside words that say the same."""
    return el("span", {"class": f"mark {tone}", "aria-hidden": "true"}, _SIGNS[tone]) if tone else None
