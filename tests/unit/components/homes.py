"""The owner's home as plain config, for tests that change it, and random homes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

import home
from home import ROLES, Home, secrets
from render import Evaluation, evaluate
from tests.homes import changed, config

_STACK = yaml.safe_load((Path(__file__).parents[3] / "Pulumi.homelab.yaml").read_text(encoding="utf-8"))
HOMELAB: dict[str, Any] = {
    key.removeprefix("homebrain:"): value for key, value in _STACK["config"].items() if key.startswith("homebrain:")
}

HIDDEN = {secret.key: "correct horse" for secret in secrets.ALL}


def rendered(*edits: dict[str, Any]) -> Evaluation:
    """What the program makes of the owner's home with some edits, as `tests.homes.changed` takes them."""
    return _rendered(yaml.safe_dump(changed(HOMELAB, list(edits))))


@cache
def _rendered(text: str) -> Evaluation:
    return evaluate(yaml.safe_load(text), HIDDEN, stack="homelab")


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
