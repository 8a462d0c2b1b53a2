"""Which pods are the tailnet's proxies, as the API server of the cluster says.

A network of pods is too many to believe: a process on a node speaks to the node's pods from an address of that network
too, whatever NetworkPolicies say, and needs no right to do so.

Source of the shape: the API reference of Kubernetes 1.33, `GET /api/v1/namespaces/{namespace}/pods`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from pydantic import BaseModel, Field, IPvAnyAddress

from brain.access.identity import RefusedError
from brain.upstream import Aged, Fresh, Upstream, UpstreamError

Address = IPv4Address | IPv6Address

NAME_LABEL: Final = "app.kubernetes.io/name"
"""https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/"""
FRESH_FOR: Final = 10.0
"""Seconds that the API server isn't asked again."""
ASK_AGAIN_AFTER: Final = 2.0
"""The same, when somebody comes from an address that isn't known: a proxy that has just moved, or nobody's."""
GOOD_FOR: Final = 3600.0
"""Seconds that what it said last counts while it doesn't answer. No pod moves meanwhile without its doing."""

_UNKNOWN: Final = "Who you are can't be verified: the cluster doesn't say which address is the tailnet's proxy."


class PodIp(BaseModel):
    """An address of a pod."""

    ip: IPvAnyAddress


class PodStatus(BaseModel):
    """How a pod is, and where."""

    phase: str = "Unknown"
    addresses: tuple[PodIp, ...] = Field(default=(), alias="podIPs")


class PodSpec(BaseModel):
    """Whether a pod has no address but its node's."""

    host_network: bool = Field(default=False, alias="hostNetwork")


class Pod(BaseModel):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Pods(BaseModel):
    """All of them."""

    items: tuple[Pod, ...]


class ProxyPods:
    """The pods of an application: `app` as their label says, in a namespace. upstream: the API server."""

    def __init__(
        self, upstream: Upstream, namespace: str, app: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._upstream = upstream
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._app = app
        # What is older is waited for: an address may be another's by now.
        self._fresh = Fresh(
            self._ask, fresh_for=FRESH_FOR, stale_for=FRESH_FOR, deadline=upstream.deadline + 1, clock=clock
        )

    async def has(self, address: Address) -> bool:
        """Whether a pod of them runs at this address. Raises RefusedError (503) when that can't be known now."""
        if address in (await self._known(FRESH_FOR)).value:
            return True
        known = await self._known(ASK_AGAIN_AFTER)
        if address in known.value:
            return True
        if known.age_seconds > ASK_AGAIN_AFTER:
            raise RefusedError(503, _UNKNOWN, ASK_AGAIN_AFTER)
        return False

    async def close(self) -> None:
        """Stop asking."""
        await self._fresh.close()

    async def _known(self, fresh_for: float) -> Aged[frozenset[Address]]:
        try:
            kept = await self._fresh.get(fresh_for=fresh_for)
        except (UpstreamError, TimeoutError):
            kept = None
        if kept is None or kept.age_seconds > GOOD_FOR:
            raise RefusedError(503, _UNKNOWN, ASK_AGAIN_AFTER)
        return kept

    async def _ask(self) -> frozenset[Address]:
        listed = await self._upstream.get(self._path, Pods, params={"labelSelector": f"{NAME_LABEL}={self._app}"})
        # What shares its node's network has an address that all of the node's processes have.
        running = (one for one in listed.items if one.status.phase == "Running" and not one.spec.host_network)
        return frozenset(at.ip for one in running for at in one.status.addresses)
