"""The home as a picture: the ways in, the machines with what is asked of them, the network storage."""

from __future__ import annotations

from home.wording import listed
from pages.markup import Html, el, joined
from pages.pieces import section, slug, tag
from tour.machines import Card, Gauge, Machine
from tour.pieces import chip, door_badge, label, of_there, percent, star, swatch, tint_class
from tour.storage import NasView, ShareView
from tour.view import Tour, Way


def picture(tour: Tour) -> Html:
    """The home from the outside in."""
    return section(
        "home",
        "The home",
        None,
        el("div", {"class": "lane ways"}, el("h3", "Ways in"), _ways(tour.ways)),
        el(
            "div",
            {"class": "lane", "id": "machines"},
            el("h3", "Machines"),
            el("div", {"class": "machines"}, map(_machine, tour.machines)),
        ),
        _nas(tour.nas),
    )


def _ways(ways: tuple[Way, ...]) -> Html:
    if not ways:
        return el("p", {"class": "note"}, "This home has no door: its apps are for each other.")
    return el("div", {"class": "grid"}, map(_way, ways))


def _way(way: Way) -> Html:
    state = None if way.declared else tag("door not declared yet", "later")
    return el(
        "article",
        {"class": f"card way {way.door}"},
        el("h4", door_badge(way.door), state),
        el("p", el("span", {"class": "name"}, way.names or "without a name of its own"), f", through {way.what}"),
        el("p", {"class": "label"}, "Apps that want it")
        if way.apps
        else el("p", {"class": "note"}, "No app wants it."),
        el("ul", {"class": "chips"}, (el("li", chip(title, tint)) for title, tint in way.apps)) if way.apps else None,
    )


def _machine(machine: Machine) -> Html:
    state = tag("in service", "good") if machine.in_service else tag(machine.state, "warn")
    facts = el(
        "dl",
        {"class": "facts"},
        (el("div", el("dt", one.name), el("dd", one.value, star(one.assumed))) for one in machine.facts),
    )
    return el(
        "article",
        {
            "class": "card machine" if machine.in_service else "card machine away",
            "id": f"machine-{slug(machine.name)}",
        },
        el(
            "div",
            {"class": "identity"},
            el("h4", machine.name, state),
            el("p", {"class": "hardware"}, machine.hardware or "hardware not written down"),
            el(
                "p",
                {"class": "meta"},
                f"{machine.role} · K3s {machine.version}",
                [" ", tag(machine.version_note, "warn")] if machine.version_note else None,
            ),
            None if machine.in_service else el("p", {"class": "note"}, "It does not answer: nothing waits for it."),
            facts if machine.gauges else None,
        ),
        el("div", {"class": "gauges"}, map(_gauge, machine.gauges)) if machine.gauges else facts,
        _card(machine.card) if machine.card else None,
        _runs(machine) if machine.runs else None,
    )


def _gauge(gauge: Gauge) -> Html:
    widths = f"--part: {percent(gauge.part)}"
    if gauge.limit_part is not None:
        widths += f"; --limit: {percent(gauge.limit_part)}"
    rest = [f"at most {gauge.limit}"] if gauge.limit else []
    return el(
        "div",
        {"class": "gauge"},
        el("p", {"class": "figures"}, label(gauge.what), el("span", of_there(gauge))),
        el(
            "div",
            {"class": "bar full" if gauge.part >= 1 else "bar", "style": widths, "aria-hidden": "true"},
            el("span", {"class": "limit"}) if gauge.limit_part is not None else None,
            el("span", {"class": "part"}),
        ),
        el("p", {"class": "note"}, " · ".join([*rest, f"{gauge.free} free"]), star(gauge.free_assumed)),
        el("p", {"class": "note strong"}, gauge.note) if gauge.note else None,
    )


def _card(card: Card) -> Html:
    slices = None
    if card.slices is not None:
        free = sum(not one.holder for one in card.slices)
        slices = joined(
            el("p", {"class": "figures"}, label("Slices"), el("span", of_there(card.slices_gauge))),
            el(
                "div",
                {"class": "segments slices", "aria-hidden": "true"},
                (el("span", {"class": tint_class(one.tint) if one.holder else "free"}) for one in card.slices),
            ),
            el(
                "ul",
                {"class": "legend"},
                (el("li", swatch(one.tint), one.holder) for one in card.slices if one.holder),
                el("li", el("span", {"class": "swatch free", "aria-hidden": "true"}), f"{free} free") if free else None,
            ),
        )
    return el(
        "div",
        {"class": "gpu"},
        el("h5", card.model),
        el("p", {"class": "note"}, card.sharing),
        slices,
        el("p", {"class": "figures"}, label("VRAM"), el("span", of_there(card.vram_gauge))),
        el(
            "div",
            {"class": "segments", "aria-hidden": "true"},
            (
                el(
                    "span",
                    {
                        "class": f"{tint_class(one.tint)} later" if one.note else tint_class(one.tint),
                        "style": f"--part: {percent(one.part)}",
                    },
                )
                for one in card.vram
            ),
            el("span", {"class": "free grow"}),
        ),
        el(
            "ul",
            {"class": "legend"},
            (
                el(
                    "li",
                    swatch(one.tint),
                    f"{one.label} ",
                    el("span", {"class": "amount"}, one.amount),
                    [" ", tag(one.note, "later")] if one.note else None,
                )
                for one in card.vram
            ),
            el(
                "li",
                el("span", {"class": "swatch free", "aria-hidden": "true"}),
                "free ",
                el("span", {"class": "amount"}, card.vram_gauge.free, star(card.vram_gauge.free_assumed)),
            ),
        ),
    )


def _runs(machine: Machine) -> Html:
    return el(
        "div",
        {"class": "runs"},
        el("p", {"class": "label"}, "Runs here"),
        el("ul", {"class": "chips"}, (el("li", chip(name, tint)) for name, tint in machine.runs)),
    )


def _nas(nas: NasView | None) -> Html | None:
    if nas is None:
        return None
    return el(
        "div",
        {"class": "lane", "id": "storage"},
        el("h3", "Network storage"),
        el(
            "div",
            {"class": "card nas"},
            el("p", el("strong", nas.model), f" at {listed(nas.addresses)}"),
            el("div", {"class": "shares"}, map(_share, nas.shares)) if nas.shares else None,
        ),
    )


def _share(share: ShareView) -> Html:
    return el(
        "article",
        {"class": "share"},
        el("h4", share.name, tag(share.protocol)),
        el(
            "p",
            {"class": "meta"},
            el("code", share.path),
            star("path" in share.assumed),
            f" · {share.capacity}",
            star("capacity" in share.assumed),
            f" · {share.access}",
        ),
        el(
            "ul",
            {"class": "chips"},
            (
                el(
                    "li",
                    chip(one.app, one.tint),
                    el("span", {"class": "note"}, " reads" if one.read_only else " reads and writes"),
                    None if one.declared else [" ", tag("not a room yet", "later")],
                )
                for one in share.mounts
            ),
        )
        if share.mounts
        else el("p", {"class": "note"}, "Nobody mounts it."),
    )
