"""From a home, and what the program plans for it, to the map of who should reach what. Imports the model and doors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from exposure import shape
from exposure.shape import Cell, Exposure, Kind, Port, Protocol, Row, Way, cell, row
from home.apps import App
from home.doors import Audience, audience, is_in_a_tailnet
from home.exposure.planning import Planned
from home.model import Home
from home.nodes import Node
from home.people import ROLES, Role

ORIGIN: Final = "as described"

_NOTES: Final = (
    "Derived from the home's description: the doors, roles and sign-in of its apps, and the connections that their "
    "rooms declare.",
    "Who reaches an app reaches its first page. What its own login then asks is not counted.",
    "That the router forwards no port is taken on trust: nothing here can see it.",
)

# Who sets up a machine of the cluster gives it this tag: by it the tailnet knows the home's machines.
_MACHINE_TAG: Final = "tag:node"
_HTTPS: Final = 443

# What the home's machines offer in the tailnet: to its owner, and to each other where a node joined over it.
_FOR_OWNERS: Final[tuple[Port, ...]] = ((22, "tcp"), (6443, "tcp"))
_FOR_NODES: Final[tuple[Port, ...]] = ((6443, "tcp"), (8472, "udp"), (10250, "tcp"))
_NAS_FOR_OWNERS: Final[tuple[Port, ...]] = ((443, "tcp"), (5001, "tcp"))
_SHARING: Final[Mapping[str, Port]] = {"smb": (445, "tcp"), "nfs": (2049, "tcp")}

_NO_TAILNET = "the home has no tailnet"


def expected(home: Home, planned: Iterable[Planned], name: str = "home") -> Exposure:
    """The map of who should reach what of `home`, which is called `name`.

    A row for each app and each workload that the program plans, the machines, the NAS, and the names by which all of it
    is found. An app that no room declares yet is reached by nobody, whatever doors it is to have.
    """
    return _Deriving(home, tuple(planned)).map(name)


class _Deriving:
    """One map in the making."""

    def __init__(self, home: Home, planned: tuple[Planned, ...]) -> None:
        self.home = home
        self.planned = planned
        self.fronts = {one.app: one for one in planned if one.front is not None and one.app is not None}
        self.rooms = {one.namespace: app for app, one in self.fronts.items()}
        self.people: dict[Role, list[str]] = {role: [person.name for person in home.people_of(role)] for role in ROLES}
        self.in_a_tailnet = is_in_a_tailnet(home)
        self.meshed = self.in_a_tailnet and any(node.joined_over == "tailnet" for node in home.nodes)

    def map(self, name: str) -> Exposure:
        rows = [*self.apps(), *self.platform(), *self.machines(), *self.storage(), *self.names()]
        return Exposure(name, ORIGIN, tuple(rows), _NOTES)

    # Apps, and what runs.

    def apps(self) -> Iterator[Row]:
        for name, app in self.home.apps.by_name.items():
            front = self.fronts.get(name)
            if front is None:
                yield row(f"app/{name}", "app", name, name, {}, "no room of the home declares it yet")
                continue
            found = audience(self.home, name, app)
            at = shape.end(front.name, front.front or 0)
            coming_in = {**self.from_outside(app, found, at), **self.by_role(found, at)}
            yield self.workload(front, "app", name, name, coming_in)
            for part in self.planned:
                if self.rooms.get(part.namespace) == name and part is not front:
                    yield self.workload(part, "part", name, part.name)

    def platform(self) -> Iterator[Row]:
        for one in self.planned:
            if one.namespace not in self.rooms:
                yield self.workload(one, "platform", one.namespace, one.name, self.proxied(one))

    def workload(
        self, one: Planned, kind: Kind, group: str, title: str, coming_in: Mapping[str, Cell] | None = None
    ) -> Row:
        at_home = {shape.LAN: self.from_the_lan(one), shape.PODS: self.from_pods(one)}
        return row(one.key, kind, group, title, {**(coming_in or {}), **at_home}, "no door leads to it")

    def from_outside(self, app: App, found: Audience, at: str) -> dict[str, Cell]:
        if found.public is None:
            closed = Cell((), "it has no public door")
            return {shape.INTERNET: closed, shape.SIGNED_IN: closed}
        if found.asks:
            whom = [*(person.name for person in found.people), shape.PROGRAMS]
            return {
                shape.INTERNET: Cell((), "Cloudflare Access asks who somebody is"),
                shape.SIGNED_IN: cell([shape.through_access(found.public, at, whom)]),
            }
        return {
            shape.INTERNET: cell([shape.through_the_tunnel(found.public, at)]),
            shape.SIGNED_IN: Cell((), "Cloudflare Access doesn't ask: anybody comes in"),
        }

    def by_role(self, found: Audience, at: str) -> dict[str, Cell]:
        name = found.tailnet
        if name is None:
            why = "it has no tailnet door" if self.in_a_tailnet else _NO_TAILNET
            return {shape.tailnet(role): Cell((), why) for role in ROLES} | {shape.OTHERS: Cell((), why)}
        cells = {
            shape.tailnet(role): cell(
                [shape.through_a_proxy(name, at, self.people[role])]
                if role in found.roles and self.people[role]
                else [],
                f"{role} is none of its roles" if self.people[role] else f"nobody is {role}",
            )
            for role in ROLES
        }
        return {**cells, shape.OTHERS: Cell((), "the tailnet lets people in by their roles")}

    def proxied(self, one: Planned) -> dict[str, Cell]:
        """Who reaches a proxy itself: the people for whom it is there."""
        app = self.home.apps.by_name.get(one.app or "")
        if not one.proxy or app is None:
            return {}
        found = audience(self.home, one.app or "", app)
        if found.tailnet is None:
            return {}
        at = shape.end(one.name, _HTTPS)
        return {
            shape.tailnet(role): cell([shape.to_a_proxy(found.tailnet, at, self.people[role])])
            for role in found.roles
            if self.people[role]
        }

    def from_the_lan(self, one: Planned) -> Cell:
        if one.host_network:
            return cell([shape.on_the_hosts_network(one.name)])
        return Cell((), "no port of a node leads to it")

    def from_pods(self, one: Planned) -> Cell:
        if one.host_network:
            return Cell((), "it has its node's address: see there")
        ways = [
            shape.from_pods(other.key, shape.end(one.name, flow.port))
            for other in self.planned
            if not other.host_network
            for flow in other.talks_to
            if (flow.namespace, flow.workload) == (one.namespace, one.name)
        ]
        return cell(ways, "no pod says that it talks to it")

    # Machines.

    def machines(self) -> Iterator[Row]:
        for node in self.home.nodes:
            yield self.machine(node)
        if self.meshed:
            # Where K3s routes pods over the tailnet, each node takes part; NetworkPolicies say which pods may talk.
            name = "pods' network"
            ways = [shape.over_the_tailnet(f"{name}: {shape.EVERY_PORT}", source=shape.MACHINES)]
            yield row("machine/pods", "machine", "machines", name, {shape.OTHERS: cell(ways)}, "no door leads to it")

    def machine(self, node: Node) -> Row:
        cells = {
            **self.to_machine(node.name, _FOR_OWNERS, _FOR_NODES if self.meshed else ()),
            **self.at_home(node.name, node.addresses.lan, [node.addresses.lan, node.addresses.tailnet]),
        }
        return row(f"machine/{node.name}", "machine", "machines", node.name, cells, "no port is forwarded to it")

    def storage(self) -> Iterator[Row]:
        nas = self.home.nas
        if nas is None:
            return
        addresses = nas.addresses
        for_nodes = sorted({_SHARING[share.protocol] for share in nas.shares}) if self.meshed else []
        reached = self.to_machine("NAS", _NAS_FOR_OWNERS, for_nodes) if addresses.tailnet else {}
        at_home = self.at_home("NAS", addresses.lan, [addresses.lan, addresses.tailnet])
        yield row("nas", "storage", "storage", "NAS", {**reached, **at_home}, "no port is forwarded to it")

    def to_machine(self, name: str, for_owners: Sequence[Port], for_nodes: Sequence[Port]) -> dict[str, Cell]:
        if not self.in_a_tailnet:
            return {shape.tailnet(role): Cell((), _NO_TAILNET) for role in ROLES} | {
                shape.OTHERS: Cell((), _NO_TAILNET)
            }
        owners = (shape.over_the_tailnet(at, self.people["owner"]) for at in shape.ports_of(name, for_owners))
        nodes = (shape.over_the_tailnet(at, source=shape.MACHINES) for at in shape.ports_of(name, for_nodes))
        kept_out = {shape.tailnet(role): Cell((), "machines are for the owner alone") for role in ROLES}
        return {
            **kept_out,
            shape.tailnet("owner"): cell(owners),
            shape.OTHERS: cell(nodes, "the home's machines have no need to talk to it over the tailnet"),
        }

    def at_home(self, name: str, lan: str | None, addresses: Iterable[str | None]) -> dict[str, Cell]:
        ways = [shape.from_the_lan(lan, f"{name}: {shape.EVERY_PORT}")] if lan else []
        known = [address for address in addresses if address]
        return {
            shape.LAN: cell(ways, "no LAN address of it is written down"),
            shape.PODS: cell(self.leaving_for(name, known), "no pod says that it talks to it"),
        }

    def leaving_for(self, name: str, addresses: Sequence[str]) -> Iterator[Way]:
        for one in self.planned:
            flows = [flow for flow in one.leaves if any(map(flow.covers, addresses))]
            ports: set[Port] = {(port, "tcp") for flow in flows for port in flow.tcp}
            others: set[Protocol] = set()
            for flow in flows:
                if flow.udp == "every":
                    others.add("udp")
                    ports |= {one for one in shape.SERVICES if one[1] == "udp"}
                else:
                    ports |= {(port, "udp") for port in flow.udp}
            if not one.host_network:
                yield from (shape.from_pods(one.key, at) for at in shape.ports_of(name, ports, others))

    # Names.

    def names(self) -> Iterator[Row]:
        found = [
            audience(self.home, name, app)
            for name, app in self.home.apps.by_name.items()
            if app.doors and name in self.fronts
        ]
        if self.home.domain:
            ways = [shape.a_name(one.public, "tunnel") for one in found if one.public]
            cells = {shape.INTERNET: cell(ways, "no app has the public door")}
            yield row("names/domain", "names", "names", self.home.domain, cells, "names are for the internet")
        if self.home.tailnet and self.in_a_tailnet:
            owners = cell([shape.gives(_MACHINE_TAG, self.people["owner"])])
            cells = {shape.tailnet("owner"): owners}
            yield row("names/tailnet", "names", "names", self.home.tailnet, cells, "it is not theirs to give")
