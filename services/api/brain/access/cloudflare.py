"""Somebody of the internet, by the token that Cloudflare Access adds to what it lets through.

https://developers.cloudflare.com/cloudflare-one/access-controls/applications/http-apps/authorization-cookie/, in
"Validate JWTs": the header is `Cf-Access-Jwt-Assertion`; the keys are at `<team>/cdn-cgi/access/certs`, change every
six weeks, and count for seven days more. In "Application token": a person's has an `email`; that of a program, which
came with a service token, the `common_name` that is its client ID.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import jwt
from pydantic import BaseModel

from brain.access.identity import Identity, RefusedError, Roles
from brain.upstream import Fresh, Upstream, UpstreamError

HEADER: Final = "Cf-Access-Jwt-Assertion"
CERTS: Final = "/cdn-cgi/access/certs"
HOUR: Final = 3600.0
GOOD_FOR: Final = 7 * 24 * HOUR
"""Seconds that old keys are used while no new ones can be had: as long as Cloudflare itself lets them count."""
ASK_AGAIN_AFTER: Final = 60.0
"""Seconds between two questions for a key that isn't known: anybody can make up names of keys."""
LEEWAY: Final = 30.0
"""Seconds that clocks may differ."""
LONGEST: Final = 16 * 1024

_FORGED: Final = "Cloudflare Access's token isn't good."


class KeySet(BaseModel):
    """What the team publishes: JSON Web Keys (RFC 7517)."""

    keys: list[dict[str, Any]]


class Keys:
    """The team's public keys, by name; asked for once an hour, and when a new name is met."""

    def __init__(self, upstream: Upstream, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._clock = clock
        self._fresh = self._anew()
        self._again: Fresh[Mapping[str, jwt.PyJWK]] | None = None
        self._asked_at = float("-inf")

    async def get(self, name: str) -> jwt.PyJWK:
        """The key of this name. Raises RefusedError: 401 when there is none, 503 when no keys can be had."""
        keys = await self._known()
        if name not in keys and (self._again or self._clock() - self._asked_at >= ASK_AGAIN_AFTER):
            self._asked_at = self._clock()
            # All who come with the new key meanwhile wait for the one question.
            again = self._again = self._again or self._anew()
            try:
                keys = (await again.get()).value
                self._fresh = again
            except (UpstreamError, TimeoutError):
                pass
            finally:
                self._again = None
        if name not in keys:
            raise RefusedError(401, _FORGED)
        return keys[name]

    async def close(self) -> None:
        """Stop asking."""
        await self._fresh.close()

    async def _known(self) -> Mapping[str, jwt.PyJWK]:
        try:
            kept = await self._fresh.get()
        except (UpstreamError, TimeoutError):
            kept = None
        if kept is None or kept.age_seconds > GOOD_FOR:
            raise RefusedError(503, "Who you are can't be verified: Cloudflare's keys can't be had.", ASK_AGAIN_AFTER)
        return kept.value

    def _anew(self) -> Fresh[Mapping[str, jwt.PyJWK]]:
        return Fresh(
            self._ask, fresh_for=HOUR, stale_for=GOOD_FOR, deadline=self._upstream.deadline + 1, clock=self._clock
        )

    async def _ask(self) -> Mapping[str, jwt.PyJWK]:
        published = await self._upstream.get(CERTS, KeySet)
        self._asked_at = self._clock()
        return dict(key for one in published.keys if (key := _key(one)) is not None)


def _key(published: Mapping[str, Any]) -> tuple[str, jwt.PyJWK] | None:
    """A key by its name; None for one that we don't use."""
    name = published.get("kid")
    if published.get("kty") != "RSA" or not isinstance(name, str):
        return None
    try:
        return name, jwt.PyJWK(dict(published), algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


class Access:
    """Believes tokens of this team for these applications."""

    def __init__(self, team: str, audiences: Sequence[str], keys: Keys, roles: Roles) -> None:
        self._issuer = team.rstrip("/")
        self._audiences = audiences
        self._keys = keys
        self._roles = roles

    async def identify(self, token: str) -> Identity:
        """Who it is. Raises RefusedError, which doesn't say what was wrong with a token."""
        if len(token) > LONGEST:
            raise RefusedError(401, _FORGED)
        try:
            head = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise RefusedError(401, _FORGED) from None
        # The token says by which key it is signed, never by which algorithm it is to be verified.
        name = head.get("kid")
        if head.get("alg") != "RS256" or not isinstance(name, str):
            raise RefusedError(401, _FORGED)
        key = await self._keys.get(name)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audiences,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise RefusedError(401, "Cloudflare Access's token has expired: sign in again.") from None
        except (jwt.PyJWTError, ValueError, TypeError):
            raise RefusedError(401, _FORGED) from None
        who = claims.get("email") or claims.get("common_name")
        if not isinstance(who, str) or not who.isprintable() or not 1 <= len(who) <= 320:
            raise RefusedError(401, "Cloudflare Access's token doesn't say who you are.")
        return Identity(who, self._roles.of(who, "access"), "access")
