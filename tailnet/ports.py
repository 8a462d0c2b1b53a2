"""Protocols and ports, as grants and acls write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# https://tailscale.com/docs/reference/syntax/policy-file, "proto"; numbers from IANA.
PROTOCOLS: Final = {
    "ah": 51, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "igmp": 2, "igp": 9, "ip-in-ip": 4, "ipv4": 4, "ipv6-icmp": 58,
    "sctp": 132, "tcp": 6, "udp": 17,
}  # fmt: skip
WITH_PORTS: Final = frozenset((6, 17, 132))
"""Protocols that have ports; rules for any other speak of all of it."""
UNSAID: Final = frozenset((1, 6, 17, 58))
"""What a rule is about that names no protocol: TCP, UDP, and ICMP of both kinds."""
LAST: Final = 65535

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


@dataclass(frozen=True)
class Ports:
    """Ports of some protocols, both ends included. protocols: None stands for every one."""

    protocols: frozenset[int] | None
    first: int = 0
    last: int = LAST

    def cover(self, protocol: int, port: int) -> bool:
        """Whether a connection of this protocol to this port is among them."""
        if self.protocols is not None and protocol not in self.protocols:
            return False
        return protocol not in WITH_PORTS or self.first <= port <= self.last


def protocol(text: str) -> int:
    """The number of a protocol, by name or number. Raises `ValueError` that says what is wrong."""
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    if re.fullmatch("[0-9]{1,3}", text) and 1 <= int(text) <= 255:
        return int(text)
    raise ValueError(f'"{text}" is no protocol; write one of {", ".join(PROTOCOLS)}, or a number from 1 to 255')


def port_range(text: str) -> tuple[int, int]:
    """The ends of `443`, `8000-8100` or `*`. Raises `ValueError` that says what is wrong."""
    if text == "*":
        return 0, LAST
    found = _PORTS.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is neither a port, as 443, nor a range of them, as 8000-8100, nor *')
    first, last = int(found[1]), int(found[2] or found[1])
    if last > LAST:
        raise ValueError(f'"{text}" goes beyond the last port, {LAST}')
    if first > last:
        raise ValueError(f'"{text}" ends before it begins; write {last}-{first}')
    return first, last


def of_grant(text: str) -> Ports:
    """What an entry of a grant's `ip` stands for: `*`, `443`, `8000-8100`, `tcp:443`, `udp:*`, `icmp:*`.

    Raises `ValueError` that says what is wrong.
    """
    if text == "*":
        return Ports(None)
    name, colon, rest = text.rpartition(":")
    if not colon:
        return Ports(UNSAID, *port_range(text))
    number = protocol(name)
    if number not in WITH_PORTS and rest != "*":
        raise ValueError(f'"{text}" names ports of a protocol that has none; write {name}:*')
    return Ports(frozenset((number,)), *port_range(rest))


def of_acl(ports: str, proto: str) -> tuple[Ports, ...]:
    """What the ports of an acl's destination stand for: `80,443`, `1000-2000`, `*`; proto: empty where it isn't said.

    Raises `ValueError` that says what is wrong.
    """
    protocols = frozenset((protocol(proto),)) if proto else UNSAID
    if proto and not protocols & WITH_PORTS and ports != "*":
        raise ValueError(f'{proto} has no ports; write * instead of "{ports}"')
    return tuple(Ports(protocols, *port_range(each)) for each in ports.split(","))
