"""Properties as the policy SDK hands them over, copied into plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi_policy import proxy

from policies.unknown import UNKNOWN

DEEPEST: Final = 100
"""Levels of nesting that are copied, as many as a message of the engine can have. What lies deeper is unknown."""

_UNKNOWN_VALUES: Final = frozenset(
    value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_") and isinstance(value, str)
)


def plain(value: Any, depth: int = 0) -> object:
    """`value` as dicts, lists, str, int, float, bool and None; `UNKNOWN` for what isn't known or is none of these.

    The SDK's containers raise when an unknown value is touched, which would end a rule in the middle: they are read
    here, once. Secrets come without any mark, as the SDK has unwrapped them already: `fault` says what follows from
    that.
    """
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWN_VALUES else value
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= DEEPEST:
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: element(value, key, depth + 1) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [element(value, index, depth + 1) for index in range(len(value))]
    return UNKNOWN


def element(container: Any, key: Any, depth: int = 0) -> object:
    """The plain value of one key of a mapping, or of one index of a sequence; None when it has none.

    Asking a mapping of the SDK whether it has a key touches the value, and so raises as well.
    """
    try:
        return plain(container[key], depth)
    except proxy.UnknownValueError:
        return UNKNOWN
    except LookupError:
        return None
