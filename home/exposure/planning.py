"""What the program plans to run, as far as it matters for who reaches what. Of ours, it imports `home.program`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Literal

import yaml

from home import program

_PLANNER = "connections"


@dataclass(frozen=True)
class ToPort:
    """A connection that a workload makes to a port of another one's pods."""

    namespace: str
    workload: str
    port: int


@dataclass(frozen=True)
class Outward:
    """Connections that a workload makes to addresses outside the cluster.

    ranges: CIDRs. exceptions: CIDRs within them that are left out. tcp: ports. udp: ports, or `every`.
    """

    ranges: tuple[str, ...]
    exceptions: tuple[str, ...] = ()
    tcp: tuple[int, ...] = ()
    udp: tuple[int, ...] | Literal["every"] = ()

    def covers(self, address: str) -> bool:
        """Whether the address is one of those."""
        wanted = ip_address(address)
        within, without = (
            any(wanted in ip_network(one) for one in ranges) for ranges in (self.ranges, self.exceptions)
        )
        return within and not without


@dataclass(frozen=True)
class Planned:
    """One workload that the program plans.

    ports: TCP ports of its pods. front: the port that people reach, of the workload that is an app's front; `app` is
    then that app's name in the config. proxy: whether it is the app's machine in the tailnet.
    """

    namespace: str
    name: str
    ports: tuple[int, ...] = ()
    host_network: bool = False
    app: str | None = None
    front: int | None = None
    proxy: bool = False
    talks_to: tuple[ToPort, ...] = ()
    leaves: tuple[Outward, ...] = ()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


def name_of(stack_file: str | Path) -> str:
    """What the home in a stack's config file is called: `homelab`, for `Pulumi.homelab.yaml`."""
    return Path(stack_file).stem.removeprefix("Pulumi.")


def planned(stack_file: str | Path) -> tuple[Planned, ...]:
    """What the program plans for the home in a stack's config file.

    Raises HomeError like `home.program.ask`.
    """
    return planned_of(yaml.safe_load_all(program.ask(_PLANNER, stack_file)))


def planned_of(documents: Iterable[Mapping[str, Any]]) -> tuple[Planned, ...]:
    """Documents as `python -m components connections` writes them, one a workload; what is empty may be left out."""
    return tuple(
        Planned(
            namespace=one["namespace"],
            name=one["name"],
            ports=tuple(one.get("ports") or ()),
            host_network=one.get("hostNetwork", False),
            app=one.get("app"),
            front=one.get("front"),
            proxy=one.get("proxy", False),
            talks_to=tuple(ToPort(**each) for each in one.get("talksTo") or ()),
            leaves=tuple(map(_outward, one.get("leaves") or ())),
        )
        for one in documents
    )


def _outward(document: Mapping[str, Any]) -> Outward:
    udp = document.get("udp") or ()
    return Outward(
        ranges=tuple(document["ranges"]),
        exceptions=tuple(document.get("exceptions") or ()),
        tcp=tuple(document.get("tcp") or ()),
        udp="every" if udp == "every" else tuple(udp),
    )
