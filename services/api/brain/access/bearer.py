"""A program, by a token of its own: `Authorization: Bearer …`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from brain.access.identity import Identity

Purpose = Literal["metrics"]
"""What a token can be good for alone."""
PATHS: Final[Mapping[Purpose, frozenset[str]]] = {"metrics": frozenset({"/metrics"})}
"""The paths that belong to it."""


class Token(BaseModel):
    """A program's token. only: what it is good for; without it, for all that programs may."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: str = Field(repr=False)
    only: frozenset[Purpose] | None = Field(default=None, min_length=1)

    @property
    def paths(self) -> frozenset[str] | None:
        """The paths that may be asked with it; None for all."""
        return None if self.only is None else frozenset[str]().union(*(PATHS[one] for one in self.only))


class Bearer:
    """Knows these tokens, by the name of the program that has one."""

    def __init__(self, tokens: Callable[[], Mapping[str, Token]]) -> None:
        self._tokens = tokens
        self._digested: Mapping[str, Token] = {}
        self._digests: Mapping[str, bytes] = {}

    def identify(self, token: str) -> Identity | None:
        """Whose token it is; None for nobody's. Takes as long for a wrong one, however wrong, as for a right one.

        Of all tokens, each is compared as a whole, and as a digest, so that neither its length nor its beginning shows.
        """
        tokens = self._tokens()
        if tokens is not self._digested:
            self._digests = {name: _digest(known.token) for name, known in tokens.items()}
            self._digested = tokens
        sent = _digest(token)
        found = None
        for name, known in self._digests.items():
            if hmac.compare_digest(sent, known):
                found = name
        return None if found is None else Identity(found, "program", "token", tokens[found].paths)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
