"""A place in plain data: its path, and the value found there. Imports nothing but the unknown value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.unknown import UNKNOWN


@dataclass(frozen=True, slots=True)
class Field:
    """A place in plain data (dicts, lists, str, int, float, bool, None, `UNKNOWN`).

    path: how a person finds it, as in `spec.containers[0].image`; empty for the whole.
    value: None when nothing is there, `UNKNOWN` when it isn't known.

    Whatever lies below an unknown place is that same place: its path is the one that has to become known.
    """

    path: str
    value: object

    @property
    def unknown(self) -> bool:
        """Whether the value isn't known."""
        return self.value is UNKNOWN

    @property
    def absent(self) -> bool:
        """Whether nothing is there. Kubernetes makes no difference between null and nothing."""
        return self.value is None

    def get(self, *keys: str) -> Field:
        """The place below this one that `keys` lead to. Nothing lies below what isn't a mapping."""
        field = self
        for key in keys:
            if field.value is UNKNOWN:
                return field
            below = field.value.get(key) if isinstance(field.value, Mapping) else None
            field = Field(f"{field.path}.{key}" if field.path else key, below)
        return field

    def items(self) -> Iterator[Field]:
        """The elements of a list. Those of an unknown list are the list itself, once."""
        if self.value is UNKNOWN:
            yield self
        elif isinstance(self.value, list):
            for index, element in enumerate(self.value):
                yield Field(f"{self.path}[{index}]", element)

    def entries(self) -> Iterator[tuple[str, Field]]:
        """The keys of a mapping, each with its place. An unknown mapping tells none: ask for `unknown` first."""
        if isinstance(self.value, Mapping):
            for key, value in self.value.items():
                yield key, Field(f"{self.path}.{key}", value)
