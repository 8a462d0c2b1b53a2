"""Whether inputs look as the SDK declares them, at every depth: known names, required ones there, values of their type.

The real provider's schema is what the SDK was generated from, and refuses the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twin.standins import sdk
from twin.standins.values import UNKNOWN, Properties, reveal

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
}


def problems(declared: sdk.ResourceType, inputs: Properties) -> Iterator[tuple[str, str]]:
    """What is wrong with inputs by the SDK alone, as (property, reason) pairs. No value is shown."""
    package = declared.token.partition(":")[0]
    yield from _object(package, declared.token, "", declared.inputs, reveal(inputs))


def _object(
    package: str, owner: str, place: str, known: Mapping[str, sdk.Property], value: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    whole = f"{place} of {owner}" if place else owner
    for name in value.keys() - known.keys():
        yield _below(place, name), f"{whole} has no property {name!r}; it has {', '.join(sorted(known)) or 'none'}"
    for name, declared in known.items():
        if value.get(name) is not None:
            yield from _value(package, owner, _below(place, name), declared.shape, value[name])
        elif declared.required:
            yield _below(place, name), f"{whole} needs the property {name!r}"


def _value(package: str, owner: str, place: str, shape: sdk.Shape, value: Any) -> Iterator[tuple[str, str]]:
    if value is UNKNOWN or shape.kind == "other":
        return
    if not _is_of(shape.kind, value):
        yield place, f"{place!r} of {owner} must be of type {shape.kind}"
        return
    if shape.kind == "object":
        yield from _object(package, owner, place, sdk.fields(package, shape.fields), value)
    if shape.item is not None:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if item is not None:
                yield from _value(package, owner, f"{place}[{key}]", shape.item, item)


def _is_of(kind: str, value: Any) -> bool:
    # A truth value is an int to Python, but to nobody else.
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
