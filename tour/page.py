"""The page: one HTML file that loads nothing, runs nothing and reads well on a phone, in the dark and aloud.

What it shows comes from `tour.view`, how it looks from `style.css` beside this module, which is written into the page.
Its parts are in `picture`, `room_list` and `report`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tour import words
from tour.markup import Html, el, joined
from tour.picture import picture
from tour.pieces import mark
from tour.report import assumed, fit, policies, refusals, versions
from tour.room_list import planned_list, room_list
from tour.view import Tour

STYLE: Final = Path(__file__).with_name("style.css")

# The page can't be made to fetch or run anything, whatever a home's description smuggles into it.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(tour: Tour, to_root: str = "..") -> str:
    """The page about a home. `to_root`: the way from the page's folder to the checkout's root, for links to documents.

    The same tour gives the same bytes.
    """
    name = f"{tour.name}: a tour of the home"
    head = el(
        "head",
        el("meta", {"charset": "utf-8"}),
        el("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}),
        el("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        el("meta", {"name": "color-scheme", "content": "light dark"}),
        el("title", name),
        el("style", Html(STYLE.read_text())),
    )
    body = el(
        "body",
        el("a", {"class": "skip", "href": "#main"}, "Skip to the content"),
        _header(tour),
        el(
            "main",
            {"id": "main"},
            picture(tour),
            room_list(tour),
            planned_list(tour.planned),
            fit(tour),
            policies(tour),
            versions(tour.versions, to_root),
            assumed(tour),
        ),
        _footer(),
    )
    return joined(Html("<!doctype html>\n"), el("html", {"lang": "en"}, head, body))


def _header(tour: Tour) -> Html:
    return el(
        "header",
        {"class": "top"},
        el("p", {"class": "eyebrow"}, "HomeBrain"),
        el("h1", tour.name),
        el(
            "p",
            {"class": "lede"},
            "A tour of the home that ",
            el("code", tour.source),
            " describes: every room that the program declares, worked out without an engine, a cluster or a password.",
        ),
        el("nav", {"aria-label": "How the home does"}, el("ul", {"class": "tiles"}, _tiles(tour))),
    )


def _tiles(tour: Tour) -> Iterable[Html]:
    away = [f"{one.name} is {one.state}" for one in tour.out_of_service]
    in_service = len(tour.machines) - len(away)
    yield _tile(
        "#machines",
        "Machines",
        f"{in_service} of {len(tour.machines)} ready" if away else words.number(in_service, "machine"),
        "; ".join(away) or "all in service",
        "warn" if away else "good",
    )
    later = len(tour.planned)
    yield _tile(
        "#rooms",
        "Rooms",
        words.number(len(tour.apps), "app"),
        f"{later} more described, not rooms yet" if later else "every app of the home",
        "",
    )
    fit = {"always": ("It fits", "good"), "never": ("Does not fit", "bad")}
    said, tone = fit.get(tour.fit.verdict, ("It may not fit", "warn"))
    yield _tile("#fit", "Fit", said, _fit_in_short(tour), tone)
    found = tour.findings
    said, tone = refusals(found)
    more = [
        *([f"{len(found.undecided)} undecided"] if found.undecided else []),
        *([f"{len(found.advice)} to note"] if found.advice else []),
        *([words.number(len(found.exceptions), "exception")] if found.exceptions else []),
    ]
    yield _tile("#policies", "Policies", said, ", ".join(more) or "nothing excepted", tone)
    wrong = [one for one in tour.versions.rows if one.wrong]
    yield _tile(
        "#versions",
        "Versions",
        f"{len(wrong)} out of step" if wrong else "In step",
        "; ".join(f"{one.name} {one.wrong}" for one in wrong) or "every machine goes with the server",
        "warn" if wrong else "good",
    )


def _tile(href: str, what: str, said: str, more: str, tone: str) -> Html:
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


def _fit_in_short(tour: Tour) -> str:
    if tour.fit.verdict != "always":
        return tour.fit.sentence
    return "every pod, in every order"


def _footer() -> Html:
    return el(
        "footer",
        el("h2", "What this page can't know"),
        el(
            "p",
            "It asked the program and nobody else. The home's twin asks the real parts: Pulumi's engine with the "
            "policy pack, a Kubernetes API server with admission, a scheduler and controllers, on simulated machines. "
            "It proves what is admitted, scheduled, bound and allowed, and what becomes of it when a machine falls "
            "silent.",
        ),
        el("p", el("code", {"class": "command"}, "make up")),
    )
