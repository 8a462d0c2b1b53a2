"""Who somebody is, and what role that gives them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from brain.adapters.adapter import Role

By = Literal["tailnet", "access", "token"]
"""Who vouches for somebody: the tailnet's proxy, Cloudflare Access, or a token of ours."""

INFRASTRUCTURE: Final[frozenset[Role]] = frozenset({"owner", "family", "program"})
"""Who may see what the home is made of."""


@dataclass(frozen=True)
class Identity:
    """Somebody. who: an email address, or the name of a program."""

    who: str
    role: Role
    by: By


class RefusedError(HTTPException):
    """Somebody isn't let in. status: in HTTP. words: a sentence that anybody may read. wait: seconds, if that helps."""

    def __init__(self, status: int, words: str, wait: float | None = None) -> None:
        headers = {}
        if wait is not None:
            headers["Retry-After"] = str(max(math.ceil(wait), 1))
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        super().__init__(status, words, headers)
        self.status = status
        self.words = words


class Roles:
    """Who has which role.

    by_who: by email address or name, folded. others: of whoever isn't among them; None refuses them.
    """

    def __init__(self, by_who: Mapping[str, Role], others: Role | None = None) -> None:
        self._by_who = by_who
        self._others = others

    def of(self, who: str) -> Role:
        """Their role. Raises RefusedError (403) when they have none."""
        role = self._by_who.get(who.strip().casefold(), self._others)
        if role is None:
            raise RefusedError(403, "You are known, but have no role in this home.")
        return role


def only(headers: Headers, name: str) -> str | None:
    """The one header of this name. Raises RefusedError (400) when there are several: which one would count?"""
    values = headers.getlist(name)
    if len(values) > 1:
        raise RefusedError(400, f"The header {name} was sent more than once.")
    return values[0] if values else None
