"""Human JSON: JSON with comments and trailing commas, as Tailscale writes it, and nothing more than that.

Parsers of JSON5 and the like take single quotes, bare keys and other forms that Tailscale refuses, so they can't tell
whether it would take a file. Python's own parser does the rest here, once both have been blanked out.

Source: https://github.com/tailscale/hujson.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tailnet.problems import PolicyError

# A text, which is left alone; a comment; a comma with nothing but blanks and comments before the end that follows it.
_COMMENT = r"//[^\n]*|/\*.*?\*/"
_PIECE = re.compile(rf'"(?:[^"\\\n]|\\.)*"|(?P<comment>{_COMMENT})|(?P<comma>,)(?=(?:\s|{_COMMENT})*[\]}}])', re.DOTALL)


def read(text: str) -> Any:
    """The plain data of a HuJSON text. Raises `PolicyError` that says in which line it can't be read, or that a key is
    given twice."""
    plain = _plain(text)
    try:
        return json.loads(plain, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg[0].lower()}{error.msg[1:]}"
        raise PolicyError([f"{problem}; write JSON, with comments and trailing commas if you like"]) from error
    except RecursionError as error:
        raise PolicyError(["it is nested deeper than any policy"]) from error


def _plain(text: str) -> str:
    """The text with comments and trailing commas blanked out, so that places in messages are those in the file."""
    parts: list[str] = []
    done, before = 0, ""
    for piece in _PIECE.finditer(text):
        between = text[done : piece.start()]
        before = (before + between).rstrip()[-1:] or before
        # A comma that trails nothing stays where it is, and is refused.
        blanked = piece["comment"] is not None or (piece["comma"] is not None and before not in ("", "[", "{", ","))
        parts += [between, re.sub(r"[^\n]", " ", piece[0]) if blanked else piece[0]]
        before = before if blanked else piece[0][-1:]
        done = piece.end()
    return "".join((*parts, text[done:]))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise PolicyError([f'"{double}" is given twice in one object; keep one of them'])
    return document
