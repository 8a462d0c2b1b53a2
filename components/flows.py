"""Who talks to whom: what a workload declares of its connections. `components.network` makes the policies of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ToWorkload:
    """A connection to the port (by name) of another workload of the home."""

    namespace: str
    workload: str
    port: str


@dataclass(frozen=True)
class ToInternet:
    """Connections to TCP `ports` anywhere outside the home, with the reason that a reader of the policy needs."""

    reason: str
    ports: tuple[int, ...] = (443,)


@dataclass(frozen=True)
class ToAddress:
    """Connections to TCP `ports` of one address (CIDR) outside the cluster, with the reason."""

    reason: str
    cidr: str
    ports: tuple[int, ...]


Flow = ToWorkload | ToInternet | ToAddress
