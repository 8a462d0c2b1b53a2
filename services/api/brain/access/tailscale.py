"""Somebody of the tailnet, by the headers that its proxy adds: https://tailscale.com/s/serve-headers.

The proxy takes such headers away from whatever it forwards, so they are true, if the proxy sent them. Anybody else can
write them too; hence only the proxies' own addresses are believed. Machines that carry a tag have no user, and no
headers; neither does what comes from the internet by Funnel.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.datastructures import Headers

from brain.access.identity import Identity, RefusedError, Roles, only
from brain.access.proxies import Address, ProxyPods

LOGIN: Final = "Tailscale-User-Login"
OF_CLOUDFLARE: Final = ("Cf-Ray", "Cf-Connecting-Ip", "Cdn-Loop")
"""Cloudflare puts these on all that it forwards, and nobody can keep it from that. So where the tunnel's pods have
addresses among the proxies', what an internet visitor writes into a request still isn't believed.
https://developers.cloudflare.com/fundamentals/reference/http-headers/
"""


_NOT_BELIEVED: Final = "What says here who you are isn't believed from where it comes."


class Tailnet:
    """Believes the identity headers of these addresses; where `pods` are given, of those alone among them."""

    def __init__(
        self, proxies: Sequence[IPv4Network | IPv6Network], roles: Roles, pods: ProxyPods | None = None
    ) -> None:
        self._proxies = proxies
        self._roles = roles
        self._pods = pods

    async def identify(self, headers: Headers, address: str) -> Identity | None:
        """Who it is; None when the headers say nothing. Raises RefusedError when they aren't to be believed."""
        login = only(headers, LOGIN)
        if not login:
            return None
        if any(name in headers for name in OF_CLOUDFLARE):
            raise _not_believed("they came through Cloudflare")
        found = _address(address)
        if found is None or not any(found in network for network in self._proxies):
            raise _not_believed("the address isn't in a network of its proxies")
        if self._pods is not None and not await self._pods.has(found):
            raise _not_believed("the address isn't that of a running proxy")
        who = _decoded(login)
        return Identity(who, self._roles.of(who, "tailnet"), "tailnet")


def _not_believed(why: str) -> RefusedError:
    return RefusedError(401, _NOT_BELIEVED, why=f"identity headers of the tailnet: {why}")


def _address(text: str) -> Address | None:
    """An address; of IPv4 within IPv6, the former counts."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _decoded(value: str) -> str:
    """A value in which what isn't ASCII is a Q-encoded word of RFC 2047."""
    try:
        who = str(make_header(decode_header(value))).strip()
    except (HeaderParseError, UnicodeError, LookupError, ValueError):
        who = ""
    if not who.isprintable() or not 1 <= len(who) <= 320:
        raise RefusedError(401, "The tailnet's proxy doesn't say who you are in a way that is understood here.")
    return who
