"""Networks: distinct, apart from each other, with their routers inside. Imports the model."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import combinations

from home.checks.repeated import repeated
from home.model import Home
from home.problems import Problem


def names_are_unique(home: Home) -> Iterator[Problem]:
    """Two networks of one name can't be told apart."""
    for path, name, first in repeated((f"networks[{i}].name", network.name) for i, network in enumerate(home.networks)):
        yield Problem(path, f'"{name}" is already the name of another network ({first})', (first,))


def ranges_do_not_overlap(home: Home) -> Iterator[Problem]:
    """An address in two networks has two routers."""
    for (i, one), (j, other) in combinations(enumerate(home.networks), 2):
        if one.range.version == other.range.version and one.range.overlaps(other.range):
            yield Problem(
                f"networks[{j}].cidr",
                f"{other.cidr} overlaps {one.cidr} of {one.name} (networks[{i}].cidr); "
                "give each network addresses of its own",
                (f"networks[{i}].cidr",),
            )


def gateways_lie_in_their_network(home: Home) -> Iterator[Problem]:
    """A machine reaches its gateway without a gateway."""
    for i, network in enumerate(home.networks):
        if ip_address(network.gateway) not in network.range:
            yield Problem(
                f"networks[{i}].gateway",
                f"{network.gateway} lies outside {network.cidr}; write the router's own address in that network",
                (f"networks[{i}].cidr",),
            )


def outer_addresses_lie_outside(home: Home) -> Iterator[Problem]:
    """A router's outer side belongs to the next network towards the internet."""
    for i, network in enumerate(home.networks):
        if network.address is not None and ip_address(network.address) in network.range:
            yield Problem(
                f"networks[{i}].address",
                f"{network.address} lies inside {network.cidr}; write the router's address on its outer side here, "
                "and its inner one as gateway",
                (f"networks[{i}].cidr",),
            )


CHECKS = (names_are_unique, ranges_do_not_overlap, gateways_lie_in_their_network, outer_addresses_lie_outside)
