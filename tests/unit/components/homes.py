"""Homes with doors: a small one with changes, and random ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import home
from components.doors import Opening
from components.plan import Plan, plan
from home import ROLES, Home, versions
from render import Evaluation, evaluate
from tests.homes import SECRETS, changed, config


def set_to(path: str, value: Any) -> dict[str, Any]:
    """One change, as `tests.homes.changed` takes it."""
    return {"path": path, "set": value}


def small(*changes: dict[str, Any]) -> Home:
    """The small home, changed."""
    return home.load(changed(config(), list(changes)))


def evaluated(*changes: dict[str, Any]) -> Evaluation:
    """What the program registers for it."""
    return evaluate(changed(config(), list(changes)), SECRETS)


def planned(here: Home) -> Plan:
    """Its plan."""
    return plan(here, versions.load())


def opening(openings: tuple[Opening, ...], app: str) -> Opening:
    """The opening of one app."""
    return next(one for one in openings if one.front.app == app)


@st.composite
def homes(draw: st.DrawFn) -> Home:
    """Homes of which people, their roles, apps' doors, nodes and the NAS's address are drawn.

    Somebody is the owner, and each app is open to roles that somebody holds.
    """
    roles = ["owner", *draw(st.lists(st.sampled_from(ROLES), max_size=4))]
    people = [
        {"name": f"Person {number}", "email": f"person{number}@example.com", "role": role}
        for number, role in enumerate(roles)
    ]
    document = config() | {"people": people}
    held = [role for role in ROLES if role in roles]
    for app in ("immich", "jellyfin"):
        one = document["apps"][app]
        for key in ("doors", "roles", "hostname", "signIn"):
            one.pop(key, None)
        doors = draw(st.lists(st.sampled_from(["public", "tailnet"]), unique=True))
        if not doors:
            continue
        one["doors"], one["hostname"] = doors, f"{app}-here"
        asked = draw(st.booleans())
        one["signIn"] = asked
        if asked or "tailnet" in doors:
            one["roles"] = draw(st.lists(st.sampled_from(held), unique=True, min_size=1))
    joined = draw(st.sampled_from(["lan", "tailnet"]))
    document["nodes"][1]["joinedOver"] = joined
    if joined == "lan":
        document["nodes"][1]["addresses"]["lan"] = "10.0.1.11"
    if draw(st.booleans()):
        del document["nodes"][0]["addresses"]["tailnet"]
    if joined == "lan" and draw(st.booleans()):
        del document["nas"]["addresses"]["tailnet"]
    return home.load(document)
