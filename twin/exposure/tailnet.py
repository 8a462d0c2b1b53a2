"""Who comes in over the tailnet: what its policy lets people do, what proxies serve there, and what they pass on to.

People reach an app when the policy lets them reach the app's proxy on a port that it serves, the proxy passes that port
on to something that answers, and the proxy's pods may talk to that. What a proxy serves: tailscale/tailscale,
`ipn/serve.go`; where it is told: `cmd/containerboot`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from exposure import shape
from exposure.shape import Port
from twin.exposure.cluster import Cluster, Container, Running, Target, Unresolved
from twin.exposure.found import Found, Machines, ending
from twin.exposure.snapshot import Snapshot
from twin.standins.tailscale import DNS_PREFERENCES, TAILNET_KEY, TAILNET_SETTINGS

NAMES: Final = "names/tailnet"
MACHINE_TAG: Final = "tag:node"
"""What whoever sets up a machine of the cluster gives it."""
POD_NETWORK: Final = "machine/pods"

_SERVE_CONFIG = "TS_SERVE_CONFIG"
_OWN_NAME = "${TS_CERT_DOMAIN}"
# Administrators of a tailnet can change its policy, and so everything.
_ADMINISTRATORS = frozenset(f"autogroup:{one}" for one in ("admin", "owner", "network-admin", "it-admin"))


class Rules(Protocol):
    """What a tailnet's policy says."""

    @property
    def tag_owners(self) -> Mapping[str, Sequence[str]]:
        """Who may give a machine which tag."""

    @property
    def strangers(self) -> Mapping[str, str]:
        """People whom the policy names, and kinds of whom it doesn't, none of whom belongs to the home: by what a way
        calls them."""

    @property
    def funnels(self) -> Sequence[str]:
        """To whom the policy lets machines show themselves to the whole internet."""

    @property
    def ports(self) -> frozenset[int]:
        """Every port at which what the policy says may change."""

    def may(self, source: str, target: str, port: int, protocol: shape.Protocol) -> bool:
        """Whether a device of `source` may open a connection to `port` of `target`."""

    def members(self, name: str) -> frozenset[str]:
        """The addresses of the people whom a name stands for: a group, an address, `autogroup:member`."""


@dataclass(frozen=True)
class Somebody:
    """Who might come in: a column of the map, and by what the policy knows them.

    name: a person's, or how else a way calls them. selectors: addresses of people, tags, addresses of machines.
    """

    column: str
    name: str
    selectors: tuple[str, ...]


class Served(NamedTuple):
    """Something that a proxy serves.

    port: at which. path: below which path of it. url: where that is passed on to. encrypted: whether it needs a
    certificate for the proxy's name. funnel: whether the proxy asks Tailscale to show it to the internet.
    """

    port: int
    path: str
    url: str
    encrypted: bool
    funnel: bool


@dataclass(frozen=True)
class Tailnet:
    """The tailnet of a home.

    name: what its names end in. people: name and address of each person, by role. machines: key, name, and addresses of
    each machine of the home. meshed: whether pods talk to each other over it.
    """

    name: str
    rules: Rules
    people: Mapping[str, Mapping[str, str]]
    machines: Sequence[tuple[str, str, Sequence[str]]]

    def everybody(self) -> Iterator[Somebody]:
        """Everybody who might come in."""
        for role, people in self.people.items():
            for name, email in people.items():
                yield Somebody(shape.tailnet(role), name, (email,))
        nodes = [address for key, _, addresses in self.machines if key.startswith("machine/") for address in addresses]
        yield Somebody(shape.OTHERS, shape.MACHINES, (MACHINE_TAG, *nodes))
        for tag in self.rules.tag_owners:
            if tag != MACHINE_TAG:
                yield Somebody(shape.OTHERS, tag, (tag,))
        for name, login in self.rules.strangers.items():
            yield Somebody(shape.OTHERS, name, (login,))

    def lets(self, somebody: Somebody, targets: Iterable[str], port: int, protocol: shape.Protocol = "tcp") -> bool:
        """Whether the policy lets somebody reach a machine that is known as any of `targets`."""
        return any(
            self.rules.may(source, target, port, protocol) for source in somebody.selectors for target in targets
        )

    def open_ports(self, somebody: Somebody, targets: Sequence[str]) -> set[Port]:
        """The ports of a machine that somebody reaches: services, and of the others those at which anything changes."""
        others: Iterable[Port] = (
            (port, protocol)
            for port in (*self.rules.ports, 1, 65535)
            for protocol in ("tcp", "udp")
            if 0 < port < 65536
        )
        asked = {*shape.SERVICES, *others}
        return {(port, protocol) for port, protocol in asked if self.lets(somebody, targets, port, protocol)}


def read(snapshot: Snapshot, cluster: Cluster, machines: Machines, tailnet: Tailnet, pods: str, found: Found) -> None:
    """Find every way in over the tailnet. pods: an address of the pods' network."""
    somebody = tuple(tailnet.everybody())
    for one in cluster.running:
        for container in one.containers:
            if _variable(container, _SERVE_CONFIG):
                _Proxy(one, container, snapshot, cluster, machines, tailnet, found).read(somebody)
    for key, name, addresses in (*tailnet.machines, (POD_NETWORK, "pods' network", (pods,))):
        targets = (*((MACHINE_TAG,) if key.startswith("machine/") and key != POD_NETWORK else ()), *addresses)
        for each in somebody:
            for at in shape.ports_of(name, tailnet.open_ports(each, targets)):
                found.add(key, each.column, _to_machine(each, at))
    _read_names(tailnet, found)


def _to_machine(somebody: Somebody, at: str) -> shape.Way:
    if somebody.column == shape.OTHERS:
        return shape.over_the_tailnet(at, source=somebody.name)
    return shape.over_the_tailnet(at, [somebody.name])


def _read_names(tailnet: Tailnet, found: Found) -> None:
    for tag in tailnet.rules.tag_owners:
        owners = frozenset(_owners(tailnet.rules, tag, frozenset()))
        known = set()
        for role, people in tailnet.people.items():
            giving = [name for name, email in people.items() if email in owners]
            known |= {people[name] for name in giving}
            if giving:
                found.add(NAMES, shape.tailnet(role), shape.gives(tag, giving))
        if others := owners - known:
            found.add(NAMES, shape.OTHERS, shape.gives(tag, others))
    for target in tailnet.rules.funnels:
        found.add(NAMES, shape.INTERNET, shape.a_name(target, "may be shown to the internet (Funnel)"))


def _owners(rules: Rules, tag: str, seen: frozenset[str]) -> Iterator[str]:
    """The people who may give a tag, by its owners and by the owners of tags that own it."""
    for owner in rules.tag_owners.get(tag, ()):
        if owner.startswith("tag:"):
            if owner not in seen:
                yield from _owners(rules, owner, seen | {tag})
        elif owner not in _ADMINISTRATORS:
            yield from rules.members(owner)


class _Proxy:
    """One container that serves something in the tailnet."""

    def __init__(
        self,
        running: Running,
        container: Container,
        snapshot: Snapshot,
        cluster: Cluster,
        machines: Machines,
        tailnet: Tailnet,
        found: Found,
    ) -> None:
        self._running = running
        self._cluster = cluster
        self._machines = machines
        self._tailnet = tailnet
        self._found = found
        held = snapshot.tailscale
        keys = {credential.id for credential in cluster.credentials(running) if credential.kind == "key"}
        self._tags = tuple(
            tag
            for entry in held
            if entry.type == TAILNET_KEY and entry.id in keys
            for tag in entry.inputs.get("tags") or ()
        )
        self._certified = any(
            entry.inputs.get("httpsEnabled") for entry in held if entry.type == TAILNET_SETTINGS
        ) and any(entry.inputs.get("magicDns") for entry in held if entry.type == DNS_PREFERENCES)
        self._name = f"{_variable(container, 'TS_HOSTNAME') or running.name}.{tailnet.name}"
        text = cluster.file(container, _variable(container, _SERVE_CONFIG) or "")
        self._served = tuple(served(text, self._name)) if text else ()

    def read(self, everybody: Sequence[Somebody]) -> None:
        behind = [(one, *ended) for one in self._served for ended in self._answering(one)]
        served_at = {one.port for one in self._served}
        ports = {one.port for one in self._served if self._is_up(one)}
        for somebody in everybody:
            opened = self._tailnet.open_ports(somebody, self._tags) if self._tags else set()
            reached = {port for port in ports if self._tailnet.lets(somebody, self._tags, port)}
            ends = [shape.end(self._running.name, port) for port in sorted(reached)]
            rest = {protocol for port, protocol in opened if protocol == "udp" or port not in served_at}
            ends += [shape.end(self._running.name, f"other {protocol} ports") for protocol in sorted(rest)]
            for at in ends:
                self._found.add(self._running.key, somebody.column, shape.to_a_proxy(self._name, at, [somebody.name]))
            for one, key, at in behind:
                if one.port in reached:
                    way = shape.through_a_proxy(self._name + one.path, at, [somebody.name])
                    self._found.add(key, somebody.column, way)
        for one, key, at in behind:
            if one.funnel:
                self._found.add(key, shape.INTERNET, shape.through_funnel(self._name + one.path, at))
            self._explain(one, key)

    def _answering(self, one: Served) -> Iterator[tuple[str, str]]:
        targets = self._cluster.resolve(one.url, self._running)
        for target in [] if isinstance(targets, Unresolved) else targets:
            if answered := self._passed_on(target):
                yield answered

    def _passed_on(self, target: Target) -> tuple[str, str] | None:
        key, at = ending(target, self._machines)
        answer = self._cluster.may(self._running, target.at, target.port)
        # What it serves of itself takes no leave.
        if answer.allowed or target.at is self._running:
            return key, at
        for role in self._tailnet.people:
            self._found.explain(key, shape.tailnet(role), f"{self._name} leads here, but {answer.why}")
        return None

    def _is_up(self, one: Served) -> bool:
        return self._certified or not one.encrypted

    def _explain(self, one: Served, key: str) -> None:
        why = None
        if not self._tags:
            why = f"{self._name} has no key that Tailscale knows, and so isn't in the tailnet"
        elif not self._is_up(one):
            why = f"{self._name} has no certificate: the tailnet's HTTPS names are switched off"
        for role, people in self._tailnet.people.items():
            nobody = "the tailnet's policy lets none of them in" if people else f"nobody is {role}"
            self._found.explain(key, shape.tailnet(role), why or nobody)


def served(text: str, name: str) -> Iterator[Served]:
    """What a serve config has a proxy serve, whose name in the tailnet is `name`. Nothing, for a text that is none."""
    try:
        config = json.loads(text)
    except ValueError:
        return
    funnels = {
        own.replace(_OWN_NAME, name) for own, switched_on in (config.get("AllowFunnel") or {}).items() if switched_on
    }
    for number, handler in (config.get("TCP") or {}).items():
        port = int(number)
        funnel = any(own.rpartition(":")[2] == number for own in funnels)
        if forward := handler.get("TCPForward"):
            yield Served(port, "", forward, bool(handler.get("TerminateTLS")), funnel)
        for own, site in (config.get("Web") or {}).items() if handler.get("HTTPS") or handler.get("HTTP") else ():
            for path, what in (site.get("Handlers") or {}).items() if own.rpartition(":")[2] == number else ():
                if url := what.get("Proxy"):
                    yield Served(port, path.rstrip("/"), _url(url), bool(handler.get("HTTPS")), funnel)


def _url(proxied: str) -> str:
    """A handler may name a port alone, of its own machine, and leave out the scheme."""
    if proxied.isdigit():
        return f"http://127.0.0.1:{proxied}"
    url = proxied.replace("https+insecure://", "https://")
    return url if "://" in url else f"http://{url}"


def _variable(container: Container, name: str) -> str | None:
    entries: Iterable[Mapping[str, Any]] = container.spec.get("env") or ()
    return next((one.get("value") for one in entries if one["name"] == name), None)
