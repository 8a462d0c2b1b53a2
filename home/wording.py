"""How messages name what they found and what would have been right. Imports nothing of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

_LONGEST = 60


def shown(value: Any) -> str:
    """`value` as a person recognises it in the file: text in quotes, containers by kind, never more than a line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            line = " ".join(value.split())
            return f'"{line}"' if len(line) <= _LONGEST else f'"{line[:_LONGEST]}…"'
        case int() if abs(value) >= 10**_LONGEST:
            return "a very long number"
        case int() | float():
            return str(value)
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """`a, b and c`; pass `last="or"` for a choice."""
    found = list(words)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"


def number(count: int, noun: str, plural: str = "") -> str:
    """`1 claim`, `2 claims`, `no claims`."""
    return f"{count or 'no'} {noun if count == 1 else plural or noun + 's'}"


def meant(given: Any, allowed: Iterable[str]) -> str | None:
    """The one of `allowed` that `given` was probably meant to be: the same letters in another dress, or a near miss."""
    if not isinstance(given, str):
        return None
    by_letters = {_letters(word): word for word in allowed}
    near = difflib.get_close_matches(_letters(given[:_LONGEST]), by_letters, n=1, cutoff=0.6)
    return by_letters[near[0]] if near else None


def did_you_mean(given: Any, allowed: Iterable[str], then: str) -> str:
    """`; did you mean "x"? Then`, or `; then` when nothing comes close."""
    word = meant(given, allowed)
    return f'; did you mean "{word}"? {then[0].upper()}{then[1:]}' if word else f"; {then}"


def _letters(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
