"""The networks between the home and the internet. Imports the values and nothing else of ours."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from home.record import Record
from home.values import Address, Cidr, Name, Text


class Network(Record):
    """One network of the home, and the router that serves it."""

    name: Name
    """What the network is called here, such as `home` or `isp`."""
    cidr: Cidr
    """The network itself, such as 192.168.0.0/24."""
    gateway: Address
    """The router's own address inside the network."""
    device: Text | None = None
    """The router."""
    address: Address | None = None
    """The router's address towards the internet (its WAN side), when that is fixed."""

    @property
    def range(self) -> IPv4Network | IPv6Network:
        """The addresses of the network."""
        return ip_network(self.cidr)
