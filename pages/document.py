"""The document around a page: one file that loads nothing, runs nothing and can be read on any screen."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pages.markup import Child, Html, el, joined

BASE: Final = Path(__file__).with_name("base.css")

# A page can't be made to fetch or run anything, whatever a home's description smuggles into it.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(title: str, style: str, *, header: Child, main: Child, footer: Child) -> Html:
    """A whole page: its three landmarks, and a link that skips to the second.

    style: CSS on top of `base.css`; both are written into the page.
    """
    head = el(
        "head",
        el("meta", {"charset": "utf-8"}),
        el("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        el("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        el("meta", {"name": "color-scheme", "content": "light dark"}),
        el("title", title),
        el("style", Html(BASE.read_text() + style)),
    )
    body = el(
        "body",
        el("a", {"class": "skip", "href": "#main"}, "Skip to the content"),
        header,
        el("main", {"id": "main"}, main),
        footer,
    )
    return joined(Html("<!doctype html>\n"), el("html", {"lang": "en"}, head, body))
