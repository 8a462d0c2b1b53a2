"""The page: one HTML file that loads nothing, runs nothing and reads well on a phone, in the dark and aloud.

What it shows comes from `tour.view`, how it looks from `pages` and from `style.css` beside this module. Its parts are
in `picture`, `room_list` and `report`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from home.wording import number
from pages.document import document
from pages.markup import Html, el
from pages.pieces import tile
from tour.picture import picture
from tour.report import assumed, fit, policies, refusals, versions
from tour.room_list import planned_list, room_list
from tour.view import Tour

STYLE: Final = Path(__file__).with_name("style.css")


def page(tour: Tour, to_root: str = "..") -> str:
    """The page about a home. `to_root`: the way from the page's folder to the checkout's root, for links to documents.

    The same tour gives the same bytes.
    """
    return document(
        f"{tour.name}: a tour of the home",
        STYLE.read_text(),
        header=_header(tour),
        main=(
            picture(tour),
            room_list(tour),
            planned_list(tour.planned),
            fit(tour),
            policies(tour),
            versions(tour.versions, to_root),
            assumed(tour),
        ),
        footer=_footer(),
    )


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
    yield tile(
        "#machines",
        "Machines",
        f"{in_service} of {len(tour.machines)} ready" if away else number(in_service, "machine"),
        "; ".join(away) or "all in service",
        "warn" if away else "good",
    )
    later = len(tour.planned)
    yield tile(
        "#rooms",
        "Rooms",
        number(len(tour.apps), "app"),
        f"{later} more described, not rooms yet" if later else "every app of the home",
        "",
    )
    fit = {"always": ("It fits", "good"), "never": ("Does not fit", "bad")}
    said, tone = fit.get(tour.fit.verdict, ("It may not fit", "warn"))
    yield tile("#fit", "Fit", said, _fit_in_short(tour), tone)
    found = tour.findings
    said, tone = refusals(found)
    more = [
        *([f"{len(found.undecided)} undecided"] if found.undecided else []),
        *([f"{len(found.advice)} to note"] if found.advice else []),
        *([number(len(found.exceptions), "exception")] if found.exceptions else []),
    ]
    yield tile("#policies", "Policies", said, ", ".join(more) or "nothing excepted", tone)
    wrong = [one for one in tour.versions.rows if one.wrong]
    yield tile(
        "#versions",
        "Versions",
        f"{len(wrong)} out of step" if wrong else "In step",
        "; ".join(f"{one.name} {one.wrong}" for one in wrong) or "every machine goes with the server",
        "warn" if wrong else "good",
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
