"""Sentences about a map that the terminal and the page share. Imports the shape."""

from __future__ import annotations

from collections.abc import Sequence

from exposure.difference import Differing
from exposure.shape import Exposure


def heading(found: Exposure) -> str:
    """What a map is called: `homelab: who reaches what, as described`."""
    return f"{found.home}: who reaches what, {found.origin}"


def summed_up(told: Sequence[Differing]) -> str:
    """Whether what was found is what is described."""
    if not told:
        return "What was found is what is described, cell by cell."
    opened = sum(1 for one in told if one.opened)
    more = f", {opened} of them more open" if opened else ""
    return f"{len(told)} {'cell differs' if len(told) == 1 else 'cells differ'} from what is described{more}."
