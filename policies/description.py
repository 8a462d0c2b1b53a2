"""The home that the stack's config describes, for the rules that need to know the machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime.config import get_config_env

if TYPE_CHECKING:
    from home import Home


def of_stack() -> Home | None:
    """The home in the config of the stack that the engine runs the pack on; None where that describes none."""
    return described(get_config_env(), pulumi.get_project())


def described(config: Mapping[str, str], project: str) -> Home | None:
    """The home in a stack's config, by keys with the project's prefix; None where it describes none, or a wrong one:
    the program refuses that, with every mistake."""
    prefix = f"{project}:"
    own = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    if "nodes" not in own:
        return None
    # A quarter of a second that only a stack with machines pays.
    import home

    try:
        return home.load(own)
    except home.HomeError:
        return None
