"""Who somebody is, and what role that gives them."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from brain.adapters.adapter import Role

By = Literal["tailnet", "access", "token"]
"""Who vouches for somebody: the tailnet's proxy, Cloudflare Access, or a token of ours."""

WAYS: Final[Mapping[By, str]] = {
    "tailnet": "by the home's tailnet",
    "access": "by Cloudflare Access",
    "token": "with a token",
}
"""How somebody whom these vouch for comes in."""

INFRASTRUCTURE: Final[frozenset[Role]] = frozenset({"owner", "family", "program"})
"""Who may see what the home is made of."""


@dataclass(frozen=True)
class Identity:
    """Somebody. who: an email address, or the name of a program.

    only: the paths that they may ask and no others, if there is such a limit beside that of their role.
    """

    who: str
    role: Role
    by: By
    only: frozenset[str] | None = None

    @property
    def key(self) -> Hashable:
        """By what they are told from others."""
        return self.by, self.who


class RefusedError(HTTPException):
    """Somebody isn't let in.

    status: in HTTP. words: a sentence that anybody may read. wait: seconds, if that helps. asker: the key of whoever is
    refused, if they are known. why: what the log is to say besides.
    """

    def __init__(
        self,
        status: int,
        words: str,
        wait: float | None = None,
        *,
        asker: Hashable = None,
        why: str = "",
    ) -> None:
        headers = {}
        if wait is not None:
            headers["Retry-After"] = str(max(math.ceil(wait), 1))
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        super().__init__(status, words, headers)
        self.status = status
        self.words = words
        self.asker = asker
        self.why = why


class Roles:
    """Who has which role.

    by_who: by email address or name, folded. others: of whoever isn't among them; None refuses them.
    """

    def __init__(self, by_who: Mapping[str, Role], others: Role | None = None) -> None:
        self._by_who = by_who
        self._others = others

    def of(self, who: str, by: By) -> Role:
        """The role of somebody whom `by` vouches for. Raises RefusedError (403) when they have none."""
        role = self._by_who.get(who.strip().casefold(), self._others)
        if role is None:
            raise RefusedError(403, "You are known, but have no role in this home.", asker=(by, who))
        return role


def only(headers: Headers, name: str) -> str | None:
    """The one header of this name. Raises RefusedError (400) when there are several: which one would count?"""
    values = headers.getlist(name)
    if len(values) > 1:
        raise RefusedError(400, f"The header {name} was sent more than once.")
    return values[0] if values else None


def invitation(ways: Collection[By]) -> str:
    """A sentence that names the ways in that there are."""
    *most, last = [how for way, how in WAYS.items() if way in ways] or ["when its owner has set a way in up"]
    return f"Come in {', '.join(most)} or {last}." if most else f"Come in {last}."
