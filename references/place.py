"""A place in an object of the Kubernetes API: what is there, and how a person finds it again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that leads nowhere, or says something that its app doesn't take.

    resource: as in `Deployment photos/immich-server`. path: as in `spec.template.spec.containers[0].env[2].name`.
    found: what stands there, as a phrase. there_is: what would have been right, as a sentence.
    """

    resource: str
    path: str
    found: str
    there_is: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.path} is {self.found}; {self.there_is}"


@dataclass(frozen=True, slots=True)
class Place:
    """A value and where it stands. A place without anything has the value None, and so have all places below it."""

    resource: str
    path: str
    value: Any

    def get(self, *keys: str) -> Place:
        """The place below, key by key."""
        place = self
        for key in keys:
            value = place.value.get(key) if isinstance(place.value, dict) else None
            path = f"{place.path}{_step(key)}" if place.path else _step(key).removeprefix(".")
            place = Place(place.resource, path, value)
        return place

    def items(self) -> Iterator[Place]:
        """The elements, where this is a list."""
        if isinstance(self.value, list):
            for number, value in enumerate(self.value):
                yield Place(self.resource, f"{self.path}[{number}]", value)

    def entries(self) -> Iterator[tuple[str, Place]]:
        """Keys and the places below them, where this is a mapping."""
        if isinstance(self.value, dict):
            for key in self.value:
                yield str(key), self.get(str(key))

    @property
    def text(self) -> str:
        """The value as text; empty when there is none."""
        return "" if self.value is None else str(self.value)

    @property
    def absent(self) -> bool:
        """Whether nothing stands here."""
        return self.value is None

    def should(self, be: str, found: str | None = None) -> Problem:
        """What is wrong here, said by what would be right, as a phrase."""
        return self.problem(f"it should be {be}", found)

    def problem(self, there_is: str, found: str | None = None) -> Problem:
        """What is wrong here, said by a sentence of its own."""
        return Problem(self.resource, self.path, found or shown(self.value), there_is)

    def unresolved(self, what: str, there_are: Iterable[str], found: str | None = None) -> Problem:
        """The problem of naming something that isn't there: `what` is the kind of thing, `there_are` those that are."""
        return self.problem(choice(what, there_are, self.value), found)


@cache
def _step(key: str) -> str:
    return f".{key}" if _PLAIN.fullmatch(key) else f'["{key}"]'


def choice(what: str, there_are: Iterable[str], given: Any = None) -> str:
    """`there is no such WHAT; there are …`, with the one that was probably meant."""
    known = sorted(set(there_are))
    near = get_close_matches(given, known, n=1, cutoff=0.6) if isinstance(given, str) else []
    meant = f'; did you mean "{near[0]}"?' if near else ""
    if not known:
        return f"there is no {what} at all"
    return f"there is no such {what}, there are {', '.join(known)}{meant}"


def shown(value: Any) -> str:
    """A value as a person recognises it in the object, never more than a line."""
    match value:
        case None:
            return "missing"
        case bool():
            return "true" if value else "false"
        case str():
            line = " ".join(value.split())
            return f'"{line}"' if len(line) <= _LONGEST else f'"{line[:_LONGEST]}…"'
        case dict() | list():
            return _held(value)
        case _:
            return str(value)


def _held(value: dict[Any, Any] | list[Any]) -> str:
    """A container by what it holds, cut to a line."""
    line = ", ".join(str(one) for one in value)
    return f"[{line}]" if len(line) <= _LONGEST else f"[{line[:_LONGEST]}…]"
