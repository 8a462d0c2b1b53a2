"""Who talks to whom: what a workload declares of its connections. `components.network` makes the policies of it.

Pods have IPv4 addresses only, as K3s gives them by default: no flow leads to IPv6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

UdpPorts = tuple[int, ...] | Literal["every"]
"""Numbers of UDP ports, or every one of them."""

API_SERVER_PORT = 6443


@dataclass(frozen=True)
class ToWorkload:
    """A connection to the port (by name) of another workload of the home."""

    namespace: str
    workload: str
    port: str


@dataclass(frozen=True)
class ToInternet:
    """Connections to TCP `ports` and `udp` ones anywhere outside the home, with the reason that a reader of the policy
    needs."""

    reason: str
    ports: tuple[int, ...] = (443,)
    udp: UdpPorts = ()

    def __post_init__(self) -> None:
        _require(self.ports or self.udp, self.reason, "port")


@dataclass(frozen=True)
class ToAddress:
    """Connections to TCP `ports` and `udp` ones of one address or range (CIDR) outside the cluster, with the reason."""

    reason: str
    cidr: str
    ports: tuple[int, ...] = ()
    udp: UdpPorts = ()

    def __post_init__(self) -> None:
        _require(self.ports or self.udp, self.reason, "port")


@dataclass(frozen=True)
class ToApiServer:
    """Connections to the cluster's API server, with the reason. `cidrs`: where its servers are.

    A policy sees the server's own address: that of the Service `kubernetes`, by which pods call it, is replaced on the
    way.
    """

    reason: str
    cidrs: tuple[str, ...]

    def __post_init__(self) -> None:
        _require(self.cidrs, self.reason, "address")


Flow = ToWorkload | ToInternet | ToAddress | ToApiServer


def _require(given: object, reason: str, what: str) -> None:
    # To Kubernetes, a rule that names none means every one.
    if not given:
        raise ValueError(f"the flow for {reason} names no {what}")
