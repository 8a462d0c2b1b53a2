"""Property values as a provider sees them: plain Python, with secrets and unknowns made visible.

On the wire a secret is a marked object and an unknown a magic string. Here a secret is a `Secret` and an unknown is the
value `UNKNOWN`, so that no code compares or prints the wire's forms by accident. Numbers that are whole arrive as
floats and become ints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import struct_pb2

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SEALED = "1b47061264138c4ac30d75fd1eb44270"
_REDACTED = "[secret]"
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown:
    """A value that only `up` will know."""

    def __repr__(self) -> str:
        """Show it as what it is."""
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must never be shown; it prints as `[secret]`."""

    value: Any

    def __repr__(self) -> str:
        """Keep the value out of messages and logs."""
        return "[secret]"


Properties = dict[str, Any]
"""Wire names to plain values, `Secret`s and `UNKNOWN`s."""


def decode(message: struct_pb2.Struct) -> Properties:
    """Properties of a wire message."""
    return {name: _decode(value) for name, value in message.fields.items()}


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Wire message of properties; values that are None are left out."""
    message = struct_pb2.Struct()
    for name, value in properties.items():
        if value is not None:
            message.fields[name].CopyFrom(_encode(value))
    return message


def reveal(value: Any) -> Any:
    """The value without its secret wrappers, at every depth. Never print the result."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {name: reveal(item) for name, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def redact(value: Any) -> Any:
    """The value with every secret replaced by the text `[secret]`: what may be stored and shown."""
    if isinstance(value, Secret):
        return _REDACTED
    if isinstance(value, Mapping):
        return {name: redact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    return value


def is_redacted(value: Any) -> bool:
    """Whether a secret has been taken out of any part of the value."""
    if isinstance(value, Mapping):
        return any(is_redacted(item) for item in value.values())
    if isinstance(value, list):
        return any(is_redacted(item) for item in value)
    return bool(value == _REDACTED)


def has_unknown(value: Any) -> bool:
    """Whether any part of the value is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return isinstance(value, Unknown)


def _decode(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        properties = decode(value.struct_value)
        if properties.get(_SIGNATURE) == _SEALED:
            return Secret(properties.get("value"))
        return properties
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value == _UNKNOWN else value.string_value
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "bool_value":
        return value.bool_value
    return None


def _encode(value: Any) -> struct_pb2.Value:
    if isinstance(value, Secret):
        return _encode({_SIGNATURE: _SEALED, "value": value.value})
    if isinstance(value, Unknown):
        return struct_pb2.Value(string_value=_UNKNOWN)
    if isinstance(value, Mapping):
        return struct_pb2.Value(struct_value=encode(value))
    if isinstance(value, list):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    return struct_pb2.Value(string_value=value)
