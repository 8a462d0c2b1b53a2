"""Somebody of the tailnet, by the headers that its proxy adds: https://tailscale.com/s/serve-headers.

The proxy takes such headers away from whatever it forwards, so they are true, if the proxy sent them. Anybody else can
write them too; hence only the proxies' own addresses are believed. Machines that carry a tag have no user, and no
headers; neither does what comes from the internet by Funnel.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from starlette.datastructures import Headers

from brain.access.identity import Identity, RefusedError, Roles, only

log = logging.getLogger(__name__)

LOGIN: Final = "Tailscale-User-Login"
OF_CLOUDFLARE: Final = ("Cf-Ray", "Cf-Connecting-Ip", "Cdn-Loop")
"""Cloudflare puts these on all that it forwards, and nobody can keep it from that. So where the tunnel's pods have
addresses among the proxies', what an internet visitor writes into a request still isn't believed.
https://developers.cloudflare.com/fundamentals/reference/http-headers/
"""


class Tailnet:
    """Believes the identity headers of these addresses."""

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network], roles: Roles) -> None:
        self._proxies = proxies
        self._roles = roles

    def identify(self, headers: Headers, address: str) -> Identity | None:
        """Who it is; None when the headers say nothing, or aren't to be believed. Raises RefusedError."""
        login = only(headers, LOGIN)
        if not login:
            return None
        if any(name in headers for name in OF_CLOUDFLARE):
            log.warning("identity headers of the tailnet on a request that came through Cloudflare")
            return None
        if not self.is_proxy(address):
            log.warning("identity headers of the tailnet from an address that isn't its proxy's")
            return None
        who = _decoded(login)
        return Identity(who, self._roles.of(who), "tailnet")

    def is_proxy(self, address: str) -> bool:
        """Whether this is the address of a proxy; of IPv4 within IPv6, the former counts."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._proxies)


def _decoded(value: str) -> str:
    """A value in which what isn't ASCII is a Q-encoded word of RFC 2047."""
    try:
        who = str(make_header(decode_header(value))).strip()
    except (HeaderParseError, UnicodeError, LookupError, ValueError):
        who = ""
    if not who.isprintable() or not 1 <= len(who) <= 320:
        raise RefusedError(401, "The tailnet's proxy doesn't say who you are in a way that is understood here.")
    return who
