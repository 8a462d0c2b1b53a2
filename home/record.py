"""What every part of a home has in common: frozen, no unknown keys, camelCase in the file. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Record(BaseModel):
    """A frozen part of the home. The texts below its attributes are what editors and messages show."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        # Most records are only ever read as parts of the home: building their validators one by one would double the
        # time that every program spends on importing this package.
        defer_build=True,
        # A value may be a secret that somebody put in the wrong place.
        hide_input_in_errors=True,
    )


class FrozenMapping(Mapping[str, str]):
    """Text by text, unchangeable and hashable, so that the whole home is."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: str) -> str:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)
