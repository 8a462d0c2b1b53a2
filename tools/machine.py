"""What the machine already has: tools on PATH or among Pulumi's plugins.

Each is asked for its version; none is judged by its name.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tools.plugin import plugin_version
from tools.toolchain import GO_MINIMUM, Pin, Tool, satisfies

_PATIENCE = 20.0  # seconds; a Mac checks a binary that it has not seen before


@dataclass(frozen=True)
class Candidate:
    """An executable of a tool's name; `version` as `ask` gives it."""

    path: Path
    version: str | None
    fits: bool


def ask(tool: Tool, path: Path) -> str | None:
    """The version that an executable says it is; empty when such a tool has none, None when it is not that tool."""
    if tool.ask == ("plugin",):
        return plugin_version(path, _PATIENCE)
    if not tool.ask:
        # The launchers are scripts for the language host to run; running one would start a program.
        with open(path, "rb") as file:
            return "" if file.read(2) == b"#!" else None
    try:
        said = subprocess.run(
            [path, *tool.ask],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(tool.answer, (said.stdout + said.stderr).decode(errors="replace"), re.MULTILINE)
    if said.returncode or not found:
        return None
    return found[1] if found.groups() else ""


def _places(tool: Tool, wanted: str, environment: Mapping[str, str], not_in: Iterable[Path]) -> Iterator[Path]:
    """Executables of the tool's name, in PATH's order, then Pulumi's own plugins; what this script made is left out."""
    folders = [Path(entry) for entry in environment.get("PATH", "").split(os.pathsep) if entry.startswith("/")]
    name = tool.name
    if name.startswith("pulumi-resource-"):
        home = environment.get("PULUMI_HOME") or os.path.join(environment.get("HOME", "/"), ".pulumi")
        folders.append(Path(home) / "plugins" / f"{name.removeprefix('pulumi-')}-v{wanted}")
    seen: set[Path] = set()
    for folder in folders:
        path = folder / name
        real = path.resolve()
        # Another checkout's links lead to what is found further along PATH anyway.
        ours = folder.parent.name == ".tools" or any(real.is_relative_to(own) for own in not_in)
        if real not in seen and not ours and real.is_file() and os.access(real, os.X_OK):
            seen.add(real)
            yield path


def candidates(
    pins: Iterable[Pin], environment: Mapping[str, str], not_in: Iterable[Path]
) -> dict[str, tuple[Candidate, ...]]:
    """For each tool's name what the machine has of it, asked for its version; folders in `not_in` are passed over."""
    own = [*not_in, *(folder.resolve() for folder in not_in)]

    def look(pin: Pin, tool: Tool) -> tuple[Candidate, ...]:
        wanted, found = pin.version(tool), []
        for path in _places(tool, wanted, environment, own):
            version = ask(tool, path)
            found.append(Candidate(path, version, version is not None and satisfies(tool, wanted, version)))
            if found[-1].fits:
                break
        return tuple(found)

    asked = [(pin, tool) for pin in pins for tool in pin.folder.tools]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip((tool.name for _, tool in asked), pool.map(lambda pair: look(*pair), asked), strict=True))


def usable(pins: Iterable[Pin], found: Mapping[str, tuple[Candidate, ...]]) -> dict[str, Path]:
    """The tools that are taken from the machine, by name: a unit is taken only when all of it fits."""
    tools = [tool for pin in pins for tool in pin.folder.tools]
    fitting = {name: one.path for name, several in found.items() for one in several if one.fits}
    broken = {tool.unit for tool in tools if tool.unit and tool.name not in fitting}
    return {tool.name: fitting[tool.name] for tool in tools if tool.name in fitting and tool.unit not in broken}


def go_version(go: Path) -> tuple[int, int, int] | None:
    """The version of a Go toolchain as it is, without any that it would switch to; None when it does not say one."""
    try:
        said = subprocess.run(
            [go, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
            env={**os.environ, "GOTOOLCHAIN": "local"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"go version (?:devel )?go(\d+)\.(\d+)(?:\.(\d+))?", said.stdout.decode(errors="replace"))
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def machine_go(environment: Mapping[str, str]) -> tuple[Path | None, list[str]]:
    """The first Go on PATH that is new enough, and a sentence on each that is not."""
    too_old: list[str] = []
    for entry in environment.get("PATH", "").split(os.pathsep):
        go = Path(entry) / "go"
        if not entry.startswith("/") or not os.access(go, os.X_OK):
            continue
        version = go_version(go)
        if version and version >= GO_MINIMUM:
            return go, too_old
        said = ".".join(map(str, version)) if version else "no Go that answers"
        too_old.append(f"{go} is {said}")
    return None, too_old
