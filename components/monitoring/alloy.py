"""The syntax of Grafana Alloy's config files: blocks as data, and the text that Alloy reads. Imports nothing of ours.

Text is laid out as `alloy fmt` does it, so that a person can compare the two. The syntax: grafana/alloy, syntax/ 0.1.1:
parser/internal.go for the grammar, scanner/scanner.go for what a string may hold, printer/ for the layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.A)
_KEYWORDS = frozenset({"true", "false", "null"})
_SHORT_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Expression:
    """What Alloy evaluates, written as it stands: a reference to another block, or a call as `sys.env("NODE_NAME")`."""

    text: str


Value = str | bool | int | Expression | Sequence["Value"] | Mapping[str, "Value"]


@dataclass(frozen=True)
class Block:
    """A block: its name, with dots in it; the label by which others refer to it, "" for one that has none; what it is
    told, by name; the blocks in it, in their order.

    Raises `ValueError` for a name or label that Alloy can't read.
    """

    name: str
    label: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    def __post_init__(self) -> None:
        for part in (*self.name.split("."), *self.attributes, *([self.label] if self.label else [])):
            if not _is_identifier(part):
                raise ValueError(f"{part!r} can't name a thing in Alloy's config: use letters, digits and underscores")

    @property
    def reference(self) -> str:
        """How other blocks call this one."""
        return f"{self.name}.{self.label}" if self.label else self.name

    def export(self, name: str) -> Expression:
        """What it puts out under this name, for other blocks to take."""
        return Expression(f"{self.reference}.{name}")


def text(blocks: Iterable[Block]) -> str:
    """A config file with these blocks."""
    return "\n\n".join("\n".join(_block(one)) for one in blocks) + "\n"


def quoted(content: str) -> str:
    """Any text as one of Alloy's strings."""
    return '"' + "".join(map(_escaped, content)) + '"'


def _is_identifier(word: str) -> bool:
    return _IDENTIFIER.fullmatch(word) is not None and word not in _KEYWORDS


def _escaped(character: str) -> str:
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"U+{code:04X} is half of a character, which no text in UTF-8 can hold")
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _block(block: Block) -> Iterator[str]:
    opening = f"{block.name} {quoted(block.label)}" if block.label else block.name
    if not block.attributes and not block.blocks:
        yield f"{opening} {{ }}"
        return
    yield f"{opening} {{"
    yield from _indented(_assignments(block.attributes, end=""))
    for number, inner in enumerate(block.blocks):
        if number or block.attributes:
            yield ""
        yield from _indented(_block(inner))
    yield "}"


def _assignments(values: Mapping[str, Value], end: str) -> Iterator[str]:
    """One `name = value` for each. Those on lines that follow each other have their signs below each other; a value of
    several lines ends such a run."""
    run: list[tuple[str, list[str]]] = []
    for name, value in values.items():
        run.append((name if _is_identifier(name) else quoted(name), list(_value(value))))
        if len(run[-1][1]) > 1:
            yield from _aligned(run, end)
            run = []
    yield from _aligned(run, end)


def _aligned(run: Sequence[tuple[str, list[str]]], end: str) -> Iterator[str]:
    width = max((len(name) for name, _ in run), default=0)
    for name, lines in run:
        first, *more = lines
        yield from _with_end([f"{name.ljust(width)} = {first}", *more], end)


def _value(value: Value) -> Iterator[str]:
    """The lines of a value."""
    match value:
        case str():
            yield quoted(value)
        case bool():
            yield "true" if value else "false"
        case int():
            yield str(value)
        case Expression():
            yield value.text
        case Mapping():
            yield from _object(value)
        case _:
            yield from _list(value)


def _object(value: Mapping[str, Value]) -> Iterator[str]:
    if not value:
        yield "{}"
        return
    yield "{"
    yield from _indented(_assignments(value, end=","))
    yield "}"


def _list(values: Sequence[Value]) -> Iterator[str]:
    elements = [list(_value(one)) for one in values]
    if all(len(lines) == 1 for lines in elements):
        yield "[" + ", ".join(lines[0] for lines in elements) + "]"
        return
    yield "["
    for lines in elements:
        yield from _indented(_with_end(lines, ","))
    yield "]"


def _with_end(lines: Sequence[str], end: str) -> Iterator[str]:
    yield from lines[:-1]
    yield lines[-1] + end


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"\t{line}" if line else line for line in lines)
