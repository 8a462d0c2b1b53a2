"""Maps for the tests: the owner's home, and one that differs from its description wherever it can."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from exposure import COLUMNS, Differing, Exposure, arranged, cell, differences
from exposure.shape import Way
from tests.snapshots import config_of, described, found, snapshot_of

LONG = "m" * 63


@cache
def homelab() -> Exposure:
    """The owner's home, as described."""
    return described(config_of(), "homelab")


@cache
def agreeing() -> tuple[Exposure, tuple[Differing, ...]]:
    """The same, read back from what the program registers."""
    there = found(config_of(), snapshot_of(config_of()), "homelab")
    return arranged(there, homelab()), differences(homelab(), there)


@cache
def differing() -> tuple[Exposure, tuple[Differing, ...]]:
    """The first rows are found to be other than described in every cell, with names as long as they may be."""
    ways = [Way((f"{LONG}.{LONG}.example.com", "tunnel", f"{LONG}:65535"), (f"{LONG}@example.com", "Ada & <Ben>"))]
    wanted = homelab()
    first, second, third, *others = wanted.rows
    rows = (
        replace(first, cells=tuple(cell([] if one.is_open else ways, "a reason") for one in first.cells)),
        replace(second, cells=tuple(cell(ways) for _ in COLUMNS)),
        replace(third, key=f"{LONG}/{LONG}", title=LONG, group=LONG),
        *others,
    )
    there = replace(wanted, rows=rows, origin="as read back from the twin", notes=("A <note> & more.",))
    return arranged(there, wanted), differences(wanted, there)
