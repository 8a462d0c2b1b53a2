"""The rooms on the page: what runs in each, what that may do and whom it may talk to; and the apps without a room."""

from __future__ import annotations

from home.wording import number
from pages.markup import Child, Html, coded, el, joined
from pages.pieces import section, slug, tag
from tour import words
from tour.objects import Talk
from tour.pieces import door_badge, tint_class
from tour.rooms import Planned, Room, Volume, Workload
from tour.view import Tour


def room_list(tour: Tour) -> Html:
    """Every room that the program declares."""
    return section(
        "rooms",
        "Rooms",
        "What the program declares, in the order in which it stands on each other. In every namespace all traffic is "
        "denied but for what stands here.",
        map(_room, tour.rooms),
    )


def _room(room: Room) -> Html:
    tags: list[Child] = [door_badge(one) for one in room.doors]
    aside = [_namespaces(room), _volumes(room.volumes), _declares(room)]
    return el(
        "article",
        {"class": f"card room {tint_class(room.tint)}", "id": f"room-{slug(room.name)}"},
        el(
            "div",
            {"class": "room-head"},
            el("h3", room.title),
            el("div", {"class": "tags"}, tags) if tags else None,
        ),
        el("p", {"class": "what"}, coded(room.what)) if room.what else None,
        # An app says as much by its workloads and volumes.
        el("p", {"class": "note"}, coded(room.creates)) if room.creates and not room.app else None,
        el(
            "div",
            {"class": "columns" if room.workloads else "columns single"},
            el("ul", {"class": "workloads"}, map(_workload, room.workloads)) if room.workloads else None,
            el("div", {"class": "aside"}, aside),
        ),
    )


def _workload(workload: Workload) -> Html:
    count = len(workload.deviations)
    rows: list[tuple[str, Child]] = [("Asks", workload.asks), ("Runs as", workload.user)]
    if workload.on_host_network:
        rows.append(("Network", "the machine's own, where NetworkPolicies don't reach"))
    else:
        rows.append(("Talks to", _talks(workload.talks_to, workload.egress_reason)))
        rows.append(("Reached by", _talks(workload.reached_by)))
    if count:
        link = el("a", {"href": f"#deviations-{slug(workload.name)}"}, number(count, "deviation"))
        rows.append(("Hardened", joined("but for ", link)))
    else:
        rows.append(("Hardened", "without any deviation"))
    rows.append(("Image" if len(workload.images) == 1 else "Images", _images(workload.images)))
    return el(
        "li",
        el("h4", workload.name, tag(workload.kind)),
        el("p", {"class": "meta"}, workload.pods),
        el("dl", {"class": "facts"}, (el("div", el("dt", name), el("dd", value)) for name, value in rows)),
    )


def _talks(talks: tuple[Talk, ...], reason: str = "") -> Child:
    if not talks:
        return "nobody"
    return [
        [el("span", {"class": "talk"}, one.whom, _port(one)) for one in talks],
        el("span", {"class": "note"}, reason) if reason else None,
    ]


def _port(talk: Talk) -> Html | None:
    return el("span", {"class": "port"}, f" :{', '.join(map(str, talk.ports))}") if talk.ports else None


def _images(images: tuple[str, ...]) -> Html:
    # A long name may break after each part of its path, and nowhere else.
    return joined(
        el(
            "code",
            {"class": "image"},
            ([el("wbr"), "/", part] if at else part for at, part in enumerate(one.split("/"))),
        )
        for one in images
    )


def _namespaces(room: Room) -> Html | None:
    if not room.namespaces:
        return None
    return joined(
        el("p", {"class": "label"}, "Namespace" if len(room.namespaces) == 1 else "Namespaces"),
        el(
            "ul",
            {"class": "plain"},
            (
                el("li", el("strong", one.name), " ", tag(one.level, "good" if one.level == "restricted" else "warn"))
                for one in room.namespaces
            ),
        ),
    )


def _volumes(volumes: tuple[Volume, ...]) -> Html | None:
    if not volumes:
        return None
    return joined(
        el("p", {"class": "label"}, "Volumes"),
        el(
            "ul",
            {"class": "plain volumes"},
            (
                el(
                    "li",
                    el("span", {"class": "line"}, el("strong", one.name), el("span", {"class": "amount"}, one.size)),
                    el(
                        "span",
                        {"class": "note"},
                        f"{one.where}{', read-only' if one.read_only else ''} ",
                        tag("kept", "good") if one.kept else tag("not kept"),
                    ),
                )
                for one in volumes
            ),
        ),
    )


def _declares(room: Room) -> Html | None:
    if not room.declares:
        return None
    return joined(
        el("p", {"class": "label"}, "Also declares" if room.workloads else "Declares"),
        el("p", {"class": "note"}, ", ".join(words.kind(count, name) for name, count in room.declares)),
    )


def planned_list(planned: tuple[Planned, ...]) -> Html | None:
    """The apps that are described and not declared; nothing when there are none."""
    if not planned:
        return None
    return section(
        "planned",
        "Described, not rooms yet",
        "The home's description has these apps; the program does not declare anything for them so far.",
        el(
            "div",
            {"class": "grid small"},
            (
                el(
                    "article",
                    {"class": "card planned"},
                    el("h3", one.title, el("span", {"class": "tags"}, map(door_badge, one.doors))),
                    el("p", {"class": "what"}, one.what),
                    el("p", {"class": "meta"}, f"on {one.node}" if one.node else "on any machine in service"),
                )
                for one in planned
            ),
        ),
    )
