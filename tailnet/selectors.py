"""Selectors: how a policy names machines, and which of them a machine answers to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tailnet.context import Context

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# https://tailscale.com/docs/reference/targets-and-selectors
ROLES: Final = ("owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor")
SOURCES: Final = frozenset(
    (*(f"autogroup:{role}" for role in ROLES), "autogroup:member", "autogroup:members", "autogroup:tagged",
     "autogroup:shared", "autogroup:danger-all")
)  # fmt: skip
"""Autogroups that a source may be; those of people may be destinations too."""
ONLY_DESTINATIONS: Final = frozenset(("autogroup:self", "autogroup:internet"))
TAILNET: Final = (ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("fd7a:115c:a1e0::/48"))
"""The addresses of tailnets (https://tailscale.com/docs/concepts/tailscale-ip-addresses)."""

LOGIN: Final = re.compile(r"[^\s@:*]+@[^\s@:*]+")
_ANY_OF_DOMAIN: Final = re.compile(r"user:\*@([^\s@:*]+)")
TAG: Final = re.compile(r"tag:[a-z][a-z0-9-]*", re.IGNORECASE)
GROUP: Final = re.compile(r"group:[^\s:]+")


@dataclass(frozen=True)
class Names:
    """What selectors may refer to: groups and their logins, hosts and ip sets and their networks, tags that somebody
    owns."""

    groups: Mapping[str, tuple[str, ...]]
    hosts: Mapping[str, Network]
    ipsets: Mapping[str, tuple[Network, ...]]
    tags: frozenset[str]


@dataclass(frozen=True)
class Machine:
    """A machine, or all machines that are named alike: by a login or a tag, and by addresses."""

    login: str | None = None
    tag: str | None = None
    networks: tuple[Network, ...] = ()
    roles: frozenset[str] = frozenset()

    @property
    def in_tailnet(self) -> bool:
        """Whether it is a machine of the tailnet, and not an address behind it."""
        return self.login is not None or self.tag is not None or any(_within(one, TAILNET) for one in self.networks)


def network(text: str) -> Network | None:
    """An address or a network; None for anything else."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def machines(text: str, names: Names, context: Context) -> tuple[Machine, ...]:
    """The machines that a question or a test names: a login, a tag, a group, a host, an address.

    Raises `ValueError` for what names none.
    """
    if GROUP.fullmatch(text):
        return tuple(each for login in names.groups[text] for each in machines(login, names, context))
    addresses = tuple(one for each in context.addresses.get(text, ()) if (one := network(each)))
    if TAG.fullmatch(text):
        return (Machine(tag=text.lower(), networks=addresses),)
    if LOGIN.fullmatch(text):
        return (Machine(login=text.lower(), networks=addresses, roles=frozenset(context.roles.get(text, ()))),)
    address = names.hosts.get(text) or network(text)
    if address is None:
        raise ValueError(f'"{text}" is no login, tag, group, host or address')
    owners = [name for name, known in context.addresses.items() if address in [network(one) for one in known]]
    # The address of a machine that is known is that machine.
    return machines(owners[0], names, context) if owners else (Machine(networks=(address,)),)


def matches(selector: str, machine: Machine, other: Machine, names: Names, *, source: bool) -> bool:
    """Whether a selector of a rule means a machine. other: the far end, which `autogroup:self` compares with.

    `*` is every machine of the tailnet and every network behind it, not the internet.
    """
    if selector == "*":
        return machine.in_tailnet or (bool(machine.networks) and not _is_internet(machine))
    if selector == "autogroup:danger-all":
        return True
    if selector.startswith("autogroup:"):
        return _in_autogroup(selector.removeprefix("autogroup:"), machine, other, source=source)
    if selector.startswith("group:"):
        return machine.login is not None and machine.login in {one.lower() for one in names.groups[selector]}
    if TAG.fullmatch(selector):
        return machine.tag == selector.lower()
    if found := _ANY_OF_DOMAIN.fullmatch(selector):
        return machine.login is not None and machine.login.endswith(f"@{found[1].lower()}")
    if LOGIN.fullmatch(selector):
        return machine.login == selector.lower()
    if selector.startswith("ipset:"):
        allowed = names.ipsets[selector]
    else:
        host = names.hosts.get(selector) or network(selector)
        allowed = (host,) if host else ()
    return any(_within(one, allowed) for one in machine.networks)


def _in_autogroup(name: str, machine: Machine, other: Machine, *, source: bool) -> bool:
    match name:
        case "member" | "members":
            return machine.login is not None
        case "tagged":
            return machine.tag is not None
        case "self":
            return not source and machine.login is not None and machine.login == other.login
        case "internet":
            return not source and _is_internet(machine)
        case "shared":
            # Nobody of the tailnet itself.
            return False
    return machine.login is not None and name in machine.roles


def _is_internet(machine: Machine) -> bool:
    return machine.login is None and machine.tag is None and all(one.is_global for one in machine.networks)


def _within(one: Network, allowed: tuple[Network, ...]) -> bool:
    return any(
        (isinstance(one, ipaddress.IPv4Network) and isinstance(each, ipaddress.IPv4Network) and one.subnet_of(each))
        or (isinstance(one, ipaddress.IPv6Network) and isinstance(each, ipaddress.IPv6Network) and one.subnet_of(each))
        for each in allowed
    )
