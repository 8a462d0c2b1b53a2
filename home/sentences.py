"""What is wrong with one value, in a sentence: what was found, what may stand there and the way out.

The mistakes are pydantic's own kinds; what may stand there is read from the model's JSON Schema.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic_core import ErrorDetails

from home import places
from home.places import JsonSchema, Place
from home.wording import did_you_mean, listed, shown

# What other tools call the same thing.
_ALSO_CALLED = {
    "x86_64": "amd64",
    "x64": "amd64",
    "aarch64": "arm64",
    "cifs": "smb",
    "ro": "read-only",
    "rw": "read-write",
    "master": "server",
    "control-plane": "server",
    "worker": "agent",
    "tailscale": "tailnet",
    "cloudflare": "public",
    "timeslicing": "time-slicing",
}


# What people look for among the apps, and what never is one: what an app keeps its data in.
_NEVER_AN_APP = ("database", "db", "postgres", "postgresql", "redis", "valkey", "queue")


def sentence(detail: ErrorDetails, place: Place, schema: JsonSchema) -> str:
    """The sentence for one mistake at one place of a file that `schema` describes."""
    return _SENTENCES.get(detail["type"], _other)(detail, place, schema)


def _other(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    return f"{shown(detail['input'])} can't stand here: {detail['msg']}"


def _missing(_: ErrorDetails, place: Place, schema: JsonSchema) -> str:
    here = places.schema_at(schema, place)
    meaning = " ".join(here.get("description", "").split()).rstrip(".")
    choices = f"; write {listed(here['enum'], 'or')}" if "enum" in here else ""
    return f"is missing: {meaning[:1].lower()}{meaning[1:]}{choices}" if meaning else f"is missing{choices}"


def _unknown(_: ErrorDetails, place: Place, schema: JsonSchema) -> str:
    if place[0] == "apps" and place[-1] in _NEVER_AN_APP:
        return (
            "a database or queue never gets a door, nor a config of its own: it comes with the app that keeps its data "
            "there, and nothing but that app reaches it; take this out"
        )
    keys = places.keys_at(schema, place[:-1])
    return f"is not a known key{did_you_mean(place[-1], keys, f'what may stand here: {listed(keys)}')}"


def _choice(detail: ErrorDetails, place: Place, schema: JsonSchema) -> str:
    choices = places.schema_at(schema, place).get("enum", [])
    given = detail["input"]
    known_as = _ALSO_CALLED.get(given.casefold(), given) if isinstance(given, str) else given
    hint = did_you_mean(known_as, choices, f"write {listed(choices, 'or')}")
    return f"{shown(given)} is not one of the choices{hint}"


def _text_wanted(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    given = detail["input"]
    if isinstance(given, (bool, int, float)):
        kind = "a truth value" if isinstance(given, bool) else "a number"
        return f'{shown(given)} is read as {kind}, but text is wanted; put it in quotes: "{shown(given)}"'
    return f"{shown(given)} stands where text is wanted"


def _mapping_wanted(detail: ErrorDetails, place: Place, schema: JsonSchema) -> str:
    keys = places.keys_at(schema, place)
    return f"{shown(detail['input'])} stands where keys and values are wanted" + (f": {listed(keys)}" if keys else "")


def _list_wanted(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    given = detail["input"]
    brackets = f"[{given}]" if isinstance(given, str) and len(given) < 40 else "[one, another]"
    return f"{shown(given)} stands where a list is wanted; write {brackets}, or begin each entry with a hyphen"


def _empty_list(_: ErrorDetails, __: Place, ___: JsonSchema) -> str:
    return "is an empty list; write at least one entry"


def _truth_wanted(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    return f"{shown(detail['input'])} is neither true nor false; write one of the two"


def _too_small(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    return f"{shown(detail['input'])} is too small; write {detail['ctx']['ge']} or more"


def _too_large(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    return f"{shown(detail['input'])} is too large; write {detail['ctx']['le']} or less"


def _refused(detail: ErrorDetails, _: Place, __: JsonSchema) -> str:
    return str(detail["ctx"]["error"])


_SENTENCES: dict[str, Callable[[ErrorDetails, Place, JsonSchema], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _choice,
    "string_type": _text_wanted,
    "model_type": _mapping_wanted,
    "model_attributes_type": _mapping_wanted,
    "dict_type": _mapping_wanted,
    "mapping_type": _mapping_wanted,
    "tuple_type": _list_wanted,
    "too_short": _empty_list,
    "bool_parsing": _truth_wanted,
    "bool_type": _truth_wanted,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "value_error": _refused,
}
