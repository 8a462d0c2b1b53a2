"""Places in a config: their text, and what the model's own JSON Schema says of them. Imports nothing of ours.

A place is a tuple of keys and indexes, `("nodes", 0, "gpu")`; its text is what `pulumi config set --path` takes,
`nodes[0].gpu`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Place = tuple[str | int, ...]
JsonSchema = dict[str, Any]


def text(place: Sequence[str | int]) -> str:
    """`("nodes", 0, "labels", "a.b/c")` is `nodes[0].labels["a.b/c"]`."""
    parts: list[str] = []
    for step in place:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", step):
            parts.append(f".{step}")
        else:
            parts.append(f'["{step}"]')
    return "".join(parts).removeprefix(".")


def schema_at(root: JsonSchema, place: Sequence[str | int]) -> JsonSchema:
    """What the JSON Schema `root` says of one place; empty when it says nothing."""
    here = _resolved(root, root)
    for step in place:
        below = here.get("properties", {}).get(step, here.get("additionalProperties"))
        found = here.get("items") if isinstance(step, int) else below
        if not isinstance(found, dict):
            return {}
        here = _resolved(root, found)
    return here


def keys_at(root: JsonSchema, place: Sequence[str | int]) -> list[str]:
    """The keys that may stand in the mapping at one place."""
    return list(schema_at(root, place).get("properties", ()))


def example(root: JsonSchema, schema: JsonSchema) -> Any:
    """The smallest value that the schema allows, made from its required keys, first choices, minima and examples."""
    here = _resolved(root, schema)
    if "examples" in here:
        return here["examples"][0]
    if "enum" in here:
        return here["enum"][0]
    match here.get("type"):
        case "object":
            return {key: example(root, here["properties"][key]) for key in here.get("required", ())}
        case "array":
            return [example(root, here["items"]) for _ in range(here.get("minItems", 0))]
        case "integer":
            return here["minimum"]
        case _:
            return "x"


def _resolved(root: JsonSchema, schema: JsonSchema) -> JsonSchema:
    """The schema with its reference followed; what stands beside the reference wins."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    return {**root["$defs"][reference.rpartition("/")[2]], **schema}
