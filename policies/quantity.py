"""Quantities of Kubernetes, as `4Gi`, `500m`, `1e3` or a plain number."""

from __future__ import annotations

import math
import re
from typing import Final

_FORM: Final = re.compile(r"([+-]?[0-9]+\.?[0-9]*|[+-]?\.[0-9]+)([eE][+-]?[0-9]{1,3}|[numkKMGTPE]i?|)")
_SUFFIXES: Final = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def amount(quantity: object) -> float | None:
    """What a quantity amounts to; None for nothing, and for what isn't one."""
    try:
        if isinstance(quantity, int | float) and not isinstance(quantity, bool):
            return float(quantity)
        found = _FORM.fullmatch(quantity) if isinstance(quantity, str) else None
        if found is None:
            return None
        number, suffix = found.groups()
        if suffix in _SUFFIXES:
            return float(number) * _SUFFIXES[suffix]
        return float(f"{number}{suffix}") if suffix[-1:].isdigit() else None
    except OverflowError:
        return math.inf
