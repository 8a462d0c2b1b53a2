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
        return "Who reaches what is as described, cell by cell."
    opened = sum(1 for one in told if one.opened)
    count = "1 cell differs" if len(told) == 1 else f"{len(told)} cells differ"
    return f"Who reaches what is not as described: {count}, {opened or 'none'} of them more open."
