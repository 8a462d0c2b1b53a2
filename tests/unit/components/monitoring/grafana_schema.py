"""Grafana's schema of dashboards as a judge: what its own foundation SDK, generated from that schema, has against one.

The SDK's models drop keys that they don't know and don't look at the types of values: both are looked at here.
"""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any

from grafana_foundation_sdk.cog import runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()


def faults(document: dict[str, Any]) -> list[str]:
    """Everything of a dashboard's JSON that the schema doesn't know or wants of another type, with its place."""
    unknown = [
        f"{one['title']}: no panel is of type {one['type']}"
        for one in document["panels"]
        if one["type"] != "row" and runtime.panelcfg_config(one["type"]) is None
    ]
    read = Dashboard.from_json(document)
    return [*unknown, *_lost(document, json.loads(JSONEncoder().encode(read)), "$"), *_wrong(read, "$")]


def _lost(given: Any, kept: Any, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from _lost(value, kept[key], f"{place}.{key}")
            elif value is not None:
                yield f"{place}.{key}: not in the schema"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, pair in enumerate(zip(given, kept, strict=True)):
            yield from _lost(*pair, f"{place}[{index}]")
    elif given != kept:
        yield f"{place}: {given!r} is read as {kept!r}"


def _wrong(value: Any, place: str) -> Iterator[str]:
    """Attributes of the SDK's objects that aren't what the SDK says they are."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _wrong(one, f"{place}[{index}]")
    elif isinstance(value, runtime.UnknownDataquery):
        yield f"{place}: no data source is of this type"
    elif hasattr(value, "to_json") and not isinstance(value, enum.Enum):
        for name, hint in typing.get_type_hints(type(value)).items():
            held = getattr(value, name)
            if not _fits(held, hint):
                yield f"{place}.{name}: {held!r} is no {hint}"
            yield from _wrong(held, f"{place}.{name}")


def _fits(value: Any, hint: Any) -> bool:
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Any, object):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inside)
    if origin is typing.Literal:
        return value in inside
    if origin is list:
        return isinstance(value, list) and all(_fits(one, inside[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, inside[1]) for one in value.values())
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # Some parts the SDK leaves as they are.
        read = hint.from_json(value)
        return not [*_lost(value, json.loads(JSONEncoder().encode(read)), "$"), *_wrong(read, "$")]
    if issubclass(hint, enum.Enum):
        return value in [one.value for one in hint]
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return isinstance(value, hint)
