"""Finds what is given twice where it may stand once. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

Given = TypeVar("Given", bound=Hashable)


def repeated(given: Iterable[tuple[str, Given]]) -> Iterator[tuple[str, Given, str]]:
    """For pairs of path and value: each value that was given before, as its path, the value, and the first path."""
    first: dict[Given, str] = {}
    for path, value in given:
        if value in first:
            yield path, value, first[value]
        else:
            first[value] = path
