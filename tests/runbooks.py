"""The runbooks as tests read them: their fenced blocks, and which of those can run on the twin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNBOOKS = tuple(sorted((ROOT / "docs" / "runbooks").glob("*.md")))

# What stands behind the fence of a block of commands.
TWIN = ("console", "twin")
HOME = ("console", "home")
WINDOWS = ("powershell", "home")
# Files and what else has no commands in it.
CONTENT = {("yaml",), ("ini",), ("text",), ("json",)}


@dataclass(frozen=True)
class Block:
    """A fenced block of a runbook: the words after its fence, and its lines."""

    page: Path
    line: int
    info: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def commands(self) -> tuple[str, ...]:
        """What is to be typed."""
        return tuple(line.removeprefix("$ ") for line in self.lines if line.startswith("$ "))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    info: tuple[str, ...] | None = None
    start, lines = 0, list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if not line.lstrip().startswith("```"):
            lines.append(line.strip())
        elif info is None:
            info, start, lines = tuple(line.strip().removeprefix("```").split()), number, []
        else:
            found.append(Block(page, start, info, tuple(lines)))
            info = None
    assert info is None, f"{page.name}: the block that begins in line {start} doesn't end"
    return found


@dataclass(frozen=True)
class Step:
    """One command, and the lines that the page shows of what it prints."""

    line: int
    command: str
    shown: tuple[str, ...]

    def missing(self, output: str) -> list[str]:
        """The lines that the page shows and the output hasn't: `…` is anything, and any space is as good as another."""
        printed = [" ".join(line.split()) for line in output.splitlines()]
        return [line for line in self.shown if not any(_pattern(line).fullmatch(one) for one in printed)]


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in " ".join(line.split()).split("…")))


def steps(block: Block) -> Iterator[Step]:
    """The commands of a block with what is shown below each. A line that is only `…` shows nothing."""
    starts = [index for index, line in enumerate(block.lines) if line.startswith("$ ")]
    for index, end in zip(starts, [*starts[1:], len(block.lines)], strict=True):
        shown = tuple(line for line in block.lines[index + 1 : end] if line not in ("", "…"))
        yield Step(block.line + 1 + index, block.lines[index].removeprefix("$ "), shown)
