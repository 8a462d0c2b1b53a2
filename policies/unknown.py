"""The value that stands for one which isn't known yet. Imports nothing."""

from __future__ import annotations

from typing import Final, NoReturn


class Unknown:
    """The type of `UNKNOWN`, of which there is one.

    Asking whether it is true is an error rather than an answer: a rule that forgets about unknown values fails in its
    tests instead of passing what it can't judge.
    """

    def __bool__(self) -> NoReturn:
        raise TypeError("an unknown value is neither true nor false; ask for it with `is UNKNOWN`")

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __copy__(self) -> Unknown:
        return self

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


UNKNOWN: Final = Unknown()
"""Stands in plain data for a value that only the deployment itself brings forth."""
