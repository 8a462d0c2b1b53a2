"""A program, by a token of its own: `Authorization: Bearer …`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping

from brain.access.identity import Identity


class Bearer:
    """Knows these tokens, by the name of the program that has one."""

    def __init__(self, tokens: Callable[[], Mapping[str, str]]) -> None:
        self._tokens = tokens
        self._digested: Mapping[str, str] = {}
        self._digests: Mapping[str, bytes] = {}

    def identify(self, token: str) -> Identity | None:
        """Whose token it is; None for nobody's. Takes as long for a wrong one, however wrong, as for a right one.

        Of all tokens, each is compared as a whole, and as a digest, so that neither its length nor its beginning shows.
        """
        tokens = self._tokens()
        if tokens is not self._digested:
            self._digests = {name: _digest(known) for name, known in tokens.items()}
            self._digested = tokens
        sent = _digest(token)
        found = None
        for name, known in self._digests.items():
            if hmac.compare_digest(sent, known):
                found = name
        return None if found is None else Identity(found, "program", "token")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
