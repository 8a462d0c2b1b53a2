"""A reader of Alloy's config syntax, written from its documentation and not from what writes it here.

https://grafana.com/docs/alloy/latest/get-started/configuration-syntax/: blocks, attributes, strings, numbers, lists,
objects, and expressions that refer to other blocks or call a function. Comments, raw strings and operators, which the
home's config has none of, are refused like anything else that isn't known.
"""

from __future__ import annotations

import re
from typing import Any

from components.monitoring.alloy import Block, Expression

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)
      | (?P<newline>\n)
      | (?P<string>"(?:[^"\\\n]|\\[abfnrtv\\"]|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})*")
      | (?P<number>-?[0-9]+)
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>[{}\[\]().,=])""",
    re.VERBOSE,
)
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


class NotAlloyError(ValueError):
    """A text that Alloy would refuse; says where."""


def read(text: str) -> tuple[Block, ...]:
    """The blocks of a config file. Raises `NotAlloyError`."""
    return _Reader(text).blocks()


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise NotAlloyError(f"line {text.count(chr(10), 0, at) + 1}: {text[at : at + 20]!r}")
            at = found.end()
            if found.lastgroup != "space":
                self._tokens.append((str(found.lastgroup), found[0]))
        self._tokens.append(("end", ""))
        self._at = 0

    def blocks(self) -> tuple[Block, ...]:
        attributes, blocks = self._body("")
        if attributes:
            raise NotAlloyError(f"{sorted(attributes)} stand outside of every block")
        return blocks

    def _body(self, closing: str) -> tuple[dict[str, Any], tuple[Block, ...]]:
        attributes: dict[str, Any] = {}
        blocks: list[Block] = []
        self._newlines()
        while self._next()[1] != closing:
            name = self._take("word")
            if self._next()[1] == "=":
                self._sign("=")
                if name in attributes:
                    raise NotAlloyError(f"{name} stands there twice")
                attributes[name] = self._value()
            else:
                while self._next()[1] == ".":
                    self._sign(".")
                    name += "." + self._take("word")
                label = _unquoted(self._take("string")) if self._next()[0] == "string" else ""
                self._sign("{")
                inner = self._body("}")
                self._sign("}")
                blocks.append(Block(name, label, *inner))
            # Each statement ends its line.
            if self._next()[1] not in ("\n", closing):
                raise NotAlloyError(f"{self._next()[1]!r} follows {name} on its line")
            self._newlines()
        return attributes, tuple(blocks)

    def _value(self) -> Any:
        kind, word = self._next()
        self._at += 1
        if kind == "string":
            return _unquoted(word)
        if kind == "number":
            return int(word)
        if word == "[":
            return self._list()
        if word == "{":
            return self._object()
        if word in ("true", "false"):
            return word == "true"
        if kind == "word":
            return self._expression(word)
        raise NotAlloyError(f"{word!r} is no value")

    def _expression(self, text: str) -> Expression:
        while self._next()[1] in (".", "("):
            if self._next()[1] == ".":
                self._sign(".")
                text += "." + self._take("word")
            else:
                self._sign("(")
                text += f"({self._take('string')})"
                self._sign(")")
        return Expression(text)

    def _list(self) -> list[Any]:
        values = []
        self._newlines()
        while self._next()[1] != "]":
            values.append(self._value())
            self._comma("]")
        self._sign("]")
        return values

    def _object(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        self._newlines()
        while self._next()[1] != "}":
            key = _unquoted(self._take("string")) if self._next()[0] == "string" else self._take("word")
            self._sign("=")
            values[key] = self._value()
            self._comma("}")
        self._sign("}")
        return values

    def _comma(self, closing: str) -> None:
        """Between elements, and after the last one where the closing sign is on a line of its own."""
        if self._next()[1] == ",":
            self._sign(",")
            self._newlines()
        elif self._next()[1] != closing:
            raise NotAlloyError(f"{self._next()[1]!r} where a comma should be")

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self, kind: str) -> str:
        found, word = self._next()
        if found != kind:
            raise NotAlloyError(f"{word!r} where a {kind} should be")
        self._at += 1
        return word

    def _sign(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise NotAlloyError(f"{self._next()[1]!r} where {sign!r} should be")
        self._at += 1

    def _newlines(self) -> None:
        while self._next()[0] == "newline":
            self._at += 1


def _unquoted(string: str) -> str:
    def meant(found: re.Match[str]) -> str:
        escape = found[1]
        return chr(int(escape[1:], 16)) if escape[0] in "uU" else _ESCAPES[escape]

    return re.sub(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", meant, string[1:-1])
