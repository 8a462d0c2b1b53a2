"""The small pieces of markup that pages are made of."""

from __future__ import annotations

import re
from typing import Final

from pages.markup import Child, Html, el

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


def mark(tone: str) -> Html | None:
    """A sign beside words that say the same."""
    return el("span", {"class": f"mark {tone}", "aria-hidden": "true"}, _SIGNS[tone]) if tone else None


def slug(name: str) -> str:
    """A name as part of an id."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def tile(href: str, what: str, said: str, more: str, tone: str) -> Html:
    """One of the figures at the top of a page, leading to the part that it is about."""
    return el(
        "li",
        el(
            "a",
            {"href": href, "class": f"tile {tone}".strip()},
            el("span", {"class": "what"}, what),
            el("span", {"class": "said"}, mark(tone), said),
            el("span", {"class": "more"}, more),
        ),
    )
