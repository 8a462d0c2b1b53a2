"""Addresses: in the home's networks or the tailnet, and each given once. Imports the model."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from home.checks.repeated import repeated
from home.model import Home
from home.problems import Problem
from home.wording import listed

# Where Tailscale takes addresses from: https://tailscale.com/kb/1033/ip-and-dns-addresses
_TAILNET = (ip_network("100.64.0.0/10"), ip_network("fd7a:115c:a1e0::/48"))


def lan_addresses_lie_in_a_network(home: Home) -> Iterator[Problem]:
    """A machine on the LAN is in one of the home's networks, at an address that machines may have."""
    ranges = [network.range for network in home.networks]
    known = listed(f"{network.name} ({network.cidr})" for network in home.networks)
    because = ("networks", *(f"networks[{i}].cidr" for i in range(len(home.networks))))
    for path, text in _lan(home):
        address = ip_address(text)
        within = next((network for network in ranges if address in network), None)
        if ranges and within is None:
            yield Problem(path, f"{text} lies in none of the home's networks: {known}", because)
        elif within is not None and within.num_addresses > 2 and address in (within[0], within[-1]):
            yield Problem(path, f"{text} stands for the network {within} as a whole; no machine can have it", because)


def tailnet_addresses_are_tailscales(home: Home) -> Iterator[Problem]:
    """Tailscale gives addresses from its own ranges only."""
    for path, text in _tailnet(home):
        if not any(ip_address(text) in network for network in _TAILNET):
            yield Problem(
                path,
                f"{text} is not a tailnet address: those lie in 100.64.0.0/10, and `tailscale ip -4` on the machine "
                "shows its own",
            )


def addresses_are_unique(home: Home) -> Iterator[Problem]:
    """Two machines at one address can't both be reached."""
    owners = dict(_owners(home))
    for path, address, first in repeated((*_routers(home), *_lan(home), *_tailnet(home))):
        yield Problem(
            path, f"{address} is already the address of {owners[first.rpartition('.')[0]]} ({first})", (first,)
        )


def _routers(home: Home) -> Iterator[tuple[str, str]]:
    for i, network in enumerate(home.networks):
        yield f"networks[{i}].gateway", network.gateway
        if network.address:
            yield f"networks[{i}].address", network.address


def _lan(home: Home) -> Iterator[tuple[str, str]]:
    for i, node in enumerate(home.nodes):
        if node.addresses.lan:
            yield f"nodes[{i}].addresses.lan", node.addresses.lan
    if home.nas:
        yield "nas.addresses.lan", home.nas.addresses.lan


def _tailnet(home: Home) -> Iterator[tuple[str, str]]:
    for i, node in enumerate(home.nodes):
        if node.addresses.tailnet:
            yield f"nodes[{i}].addresses.tailnet", node.addresses.tailnet
    if home.nas and home.nas.addresses.tailnet:
        yield "nas.addresses.tailnet", home.nas.addresses.tailnet


def _owners(home: Home) -> Iterator[tuple[str, str]]:
    """Who an address belongs to, by the path of what holds it."""
    yield from ((f"networks[{i}]", f"the router of {network.name}") for i, network in enumerate(home.networks))
    yield from ((f"nodes[{i}].addresses", node.name) for i, node in enumerate(home.nodes))
    yield "nas.addresses", "the NAS"


CHECKS = (lan_addresses_lie_in_a_network, tailnet_addresses_are_tailscales, addresses_are_unique)
