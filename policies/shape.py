"""The shapes of plain data: what of it is read, and what kind of value belongs where.

A program may hand over anything. Here it is cut down to the fields that rules read, each of the kind that Kubernetes
demands; what isn't becomes a fault, since the API server would refuse it too. Rules then need not doubt the kind of a
value.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from policies.fault import Fault, kind
from policies.unknown import UNKNOWN


class Scalar(Enum):
    """Values without parts."""

    FLAG = "a boolean"
    INTEGER = "a whole number"
    TEXT = "a text"
    QUANTITY = "a quantity, as a text or a number"


FLAG, INTEGER, TEXT, QUANTITY = Scalar

# A mapping shape names the keys that are read; ANY stands for every key. A list shape holds the shape of its elements.
ANY = "*"
Shape = Scalar | Mapping[str, "Shape"] | list["Shape"]


def cut(value: object, shape: Shape, path: str = "") -> tuple[object, list[Fault]]:
    """`value` cut down to `shape`, and a fault for each part of the wrong kind, which is left out.

    Whole numbers come as int, whatever they came as. Unknown values stay unknown.
    """
    faults: list[Fault] = []
    return _cut(value, shape, path, faults), faults


def _cut(value: object, shape: Shape, path: str, faults: list[Fault]) -> object:
    if value is None or value is UNKNOWN:
        return value
    if isinstance(shape, Scalar):
        fits, value = _scalar(value, shape)
        if fits:
            return value
    elif isinstance(shape, list):
        if isinstance(value, list):
            # Kubernetes reads a null element as an empty one.
            return [_cut(_empty(each, shape[0]), shape[0], f"{path}[{i}]", faults) for i, each in enumerate(value)]
    elif isinstance(value, Mapping):
        return _cut_mapping(value, shape, path, faults)
    faults.append(_misshapen(value, shape, path))
    return None


def _cut_mapping(value: Mapping[object, object], shape: Mapping[str, Shape], path: str, faults: list[Fault]) -> object:
    if ANY in shape:
        every = shape[ANY]
        return {
            # The keys of a free mapping may be as secret as its values.
            key: _cut(_empty(each, every), every, f"{path}[*]", faults)
            for key, each in value.items()
            if isinstance(key, str)
        }
    prefix = f"{path}." if path else ""
    return {
        key: _cut(value[key], part, f"{prefix}{key}", faults)
        for key, part in shape.items()
        if value.get(key) is not None
    }


def _scalar(value: object, shape: Scalar) -> tuple[bool, object]:
    match shape:
        case Scalar.FLAG:
            return isinstance(value, bool), value
        case Scalar.TEXT:
            return isinstance(value, str), value
        case Scalar.QUANTITY:
            return isinstance(value, str | int | float) and not isinstance(value, bool), value
        case Scalar.INTEGER:
            # The engine passes every number as a float.
            if isinstance(value, float) and value.is_integer():
                return True, int(value)
            return isinstance(value, int) and not isinstance(value, bool), value


def _empty(value: object, shape: Shape) -> object:
    if value is not None:
        return value
    if isinstance(shape, Scalar):
        return "" if shape is Scalar.TEXT else None
    return [] if isinstance(shape, list) else {}


def _misshapen(value: object, shape: Shape, path: str) -> Fault:
    wanted = shape.value if isinstance(shape, Scalar) else "a list" if isinstance(shape, list) else "an object"
    return Fault(path, kind(value), wanted, "give it the kind of value that Kubernetes takes there")
