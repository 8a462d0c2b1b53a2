"""Command lines: which option says what, and where that stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from references.place import Place


@dataclass(frozen=True)
class Option:
    """One option of a command line, or a word that belongs to none: `name` is then its place, as in `[0]`.

    place: the argument that has the value; said: the one that has the name.
    """

    name: str
    value: str
    place: Place
    said: Place


def options(args: Place, named: frozenset[str] = frozenset()) -> Iterator[Option]:
    """The options of a list of arguments: `--name=value`, `--name value`, `-c name=value`, and words.

    named: options with a dash that take the next argument as their value, even if that looks like an option itself.
    """
    items = list(args.items())
    words = 0
    number = 0
    while number < len(items):
        place = items[number]
        text = place.text
        following = items[number + 1] if number + 1 < len(items) else None
        number += 1
        if not text.startswith("-"):
            yield Option(f"[{words}]", text, place, place)
            words += 1
        elif "=" in text:
            name, _, value = text.partition("=")
            yield Option(name, value, place, place)
        elif text == "-c" and following is not None and "=" in following.text:
            # PostgreSQL's way of setting one of its settings.
            name, _, value = following.text.partition("=")
            yield Option(name, value, following, following)
            number += 1
        elif following is not None and (text in named or not following.text.startswith("-")):
            yield Option(text, following.text, following, place)
            number += 1
        else:
            yield Option(text, "", place, place)
