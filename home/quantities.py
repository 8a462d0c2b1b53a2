"""Kubernetes quantities: `4Gi`, `1900G`, `500m`. Imports nothing of ours.

The grammar and the suffixes are those of `k8s.io/apimachinery/pkg/api/resource`; like there, nothing may exceed 2^63-1.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)}
_FACTORS = {**{suffix: Decimal(factor) for suffix, factor in {**_BINARY, **_DECIMAL}.items()}, **_SMALL}
_LARGEST = 2**63 - 1

# The digits are bounded so that no text, however long, costs more than a moment.
_NUMBER = r"[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}"
_QUANTITY = re.compile(rf"({_NUMBER})([KMGTPE]i|[numkMGTPE]?|[eE][+-]?[0-9]{{1,2}})", re.A)
_NEAR_MISS = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmgtpe]?)(i?)(?:b|bytes?)?", re.A | re.I)


def parse(text: str) -> Decimal:
    """The value of a quantity in its base unit (bytes, cores). Raises ValueError for anything Kubernetes would refuse.

    >>> parse("500m"), parse("4Gi")
    (Decimal('0.500'), Decimal('4294967296'))
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is not a Kubernetes quantity')
    number, suffix = found.groups()
    factor = _FACTORS[suffix] if suffix in _FACTORS else Decimal(f"1{suffix}")
    value = Decimal(number) * factor
    if value > _LARGEST:
        raise ValueError(f'"{text}" is more than Kubernetes can count')
    return value


def to_bytes(text: str) -> int:
    """A quantity of memory or storage in bytes; a part of a byte counts as a whole one, as in Kubernetes."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def to_millicores(text: str) -> int:
    """A quantity of CPU in thousandths of a core: `500m` and `0.5` are 500."""
    return int((parse(text) * 1000).to_integral_value(ROUND_CEILING))


def format_bytes(count: int) -> str:
    """The shortest quantity that is exactly `count` bytes: 4294967296 is `4Gi`, 1900000000000 is `1900G`."""
    exact = (f"{count // factor}{suffix}" for suffix, factor in {**_BINARY, **_DECIMAL}.items() if count % factor == 0)
    return min([*exact, str(count)], key=len) if count else "0"


def format_millicores(count: int) -> str:
    """1500 is `1500m`, 2000 is `2`."""
    return str(count // 1000) if count % 1000 == 0 else f"{count}m"


def suggestions(text: str) -> list[str]:
    """Sizes that somebody who wrote `text` may have meant: `32GB` gives `32G` and `32Gi`, `32` gives `32Gi`."""
    found = _NEAR_MISS.fullmatch(text.strip())
    if found is None:
        return []
    number, prefix, binary = found.groups()
    if not prefix:
        return [f"{number}Gi"]
    decimal = prefix.lower() if prefix in "kK" else prefix.upper()
    return [f"{number}{prefix.upper()}i"] if binary else [f"{number}{decimal}", f"{number}{prefix.upper()}i"]
