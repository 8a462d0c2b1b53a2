"""What NetworkPolicies say of a connection, worked out from the objects alone. Imports nothing of ours.

Nothing on the twin enforces a NetworkPolicy: this evaluates them, as
https://kubernetes.io/docs/concepts/services-networking/network-policies/ and the types of `networking.k8s.io/v1`
(kubernetes/api, `networking/v1/types.go`) say what they mean:

- A pod that no policy selects for a direction takes, or makes, every connection in that direction. One that any selects
  takes, or makes, what at least one of those policies allows, and nothing else.
- A connection between two pods takes leave at both ends: egress of the one, ingress of the other.
- A pod on its host's network is outside all of this: no policy applies to it, none selects it as a peer, and to the
  others it has its node's address.

Where the standard leaves it to the network plugin, the answer is the wider one: an `ipBlock` matches a pod's address as
well as any other, and a name of which nobody here knows the address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal, NamedTuple

Object = Mapping[str, Any]
Direction = Literal["ingress", "egress"]
Protocol = Literal["TCP", "UDP", "SCTP"]


@dataclass(frozen=True)
class Pod:
    """A pod, as policies see it.

    ports: number and protocol of its containers' ports, by name. host_network: whether it has its node's addresses.
    """

    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    ports: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    host_network: bool = False

    def __str__(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Address:
    """Something outside the cluster, by its address, or by a name of which nobody here knows the address."""

    address: str

    def __str__(self) -> str:
        """The address."""
        return self.address


End = Pod | Address


class Answer(NamedTuple):
    """Whether a connection is allowed, and what makes it so."""

    allowed: bool
    why: str


class NetworkPolicies:
    """All the NetworkPolicies of a cluster."""

    def __init__(self, policies: Iterable[Object], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        """policies: objects as the API server gives them. namespaces: the labels of each namespace."""
        self._policies = tuple(policies)
        self._namespaces = namespaces
        # By pod and direction: the same pod is asked about at every port.
        self._isolating: dict[tuple[str, frozenset[tuple[str, str]], Direction], tuple[Object, ...]] = {}

    def may(self, source: End, target: End, port: int, protocol: Protocol = "TCP") -> Answer:
        """Whether `source` may open a connection to `port` of `target`."""
        leaving = self._leave(source, "egress", target, target, port, protocol)
        if not leaving.allowed:
            return leaving
        arriving = self._leave(target, "ingress", source, target, port, protocol)
        return arriving if not arriving.allowed else Answer(True, f"{leaving.why}; {arriving.why}")

    def isolating(self, pod: Pod, direction: Direction) -> tuple[Object, ...]:
        """The policies that apply to a pod in one direction."""
        if pod.host_network:
            return ()
        key = (pod.namespace, frozenset(pod.labels.items()), direction)
        if key not in self._isolating:
            self._isolating[key] = tuple(
                policy
                for policy in self._policies
                if policy["metadata"].get("namespace", "default") == pod.namespace
                and direction in _directions(policy)
                and selects((policy.get("spec") or {}).get("podSelector") or {}, pod.labels)
            )
        return self._isolating[key]

    def ports_named(self) -> frozenset[int]:
        """Every port number at which what a policy says may change: where a range or a single port begins, and one
        after it ends."""
        found = set()
        for policy in self._policies:
            for direction in ("ingress", "egress"):
                for rule in (policy.get("spec") or {}).get(direction) or ():
                    for port in rule.get("ports") or ():
                        if isinstance(port.get("port"), int):
                            found |= {port["port"], (port.get("endPort") or port["port"]) + 1}
        return frozenset(found)

    def _leave(self, end: End, direction: Direction, peer: End, target: End, port: int, protocol: Protocol) -> Answer:
        """What the policies at one end say."""
        way = "out of" if direction == "egress" else "in to"
        if isinstance(end, Address):
            return Answer(True, f"{end} is outside the cluster")
        applying = self.isolating(end, direction)
        if not applying:
            why = "it is on its host's network" if end.host_network else "no NetworkPolicy selects it"
            return Answer(True, f"{way} {end}: {why}")
        for policy in applying:
            rules = (policy.get("spec") or {}).get(direction) or ()
            if any(self._allows(rule, direction, policy, peer, target, port, protocol) for rule in rules):
                return Answer(True, f"{way} {end}: {_name(policy)} allows it")
        return Answer(False, f"{way} {end}: {', '.join(map(_name, applying))} let nothing of that pass")

    def _allows(
        self,
        rule: Object,
        direction: Direction,
        policy: Object,
        peer: End,
        target: End,
        port: int,
        protocol: Protocol,
    ) -> bool:
        peers = rule.get("from" if direction == "ingress" else "to")
        ports = rule.get("ports")
        # None of a kind stands for all of it.
        return (not ports or any(_is_port(one, target, port, protocol) for one in ports)) and (
            not peers or any(self._is_peer(one, policy, peer) for one in peers)
        )

    def _is_peer(self, wanted: Object, policy: Object, peer: End) -> bool:
        if (block := wanted.get("ipBlock")) is not None:
            return _is_within(block, peer.address)
        if isinstance(peer, Address) or peer.host_network:
            return False
        there, pods = wanted.get("namespaceSelector"), wanted.get("podSelector")
        own = policy["metadata"].get("namespace", "default")
        in_namespace = (
            peer.namespace == own if there is None else selects(there, self._namespaces.get(peer.namespace, {}))
        )
        return in_namespace and (there is not None or pods is not None) and (pods is None or selects(pods, peer.labels))


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches. An empty one matches everything.

    Raises `ValueError` for an operator that Kubernetes doesn't have.
    """
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _holds(one, labels) for one in selector.get("matchExpressions") or ()
    )


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            # A label that isn't there has none of the values.
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case other:
            raise ValueError(f"label selectors have no operator {other!r}")


def _directions(policy: Object) -> frozenset[str]:
    """For which directions a policy isolates the pods that it selects; without a word about it, ingress always, and
    egress where it has rules for that."""
    spec = policy.get("spec") or {}
    named = spec.get("policyTypes")
    if named:
        return frozenset(one.lower() for one in named)
    return frozenset({"ingress", *(["egress"] if spec.get("egress") else [])})


def _is_port(wanted: Object, target: End, port: int, protocol: Protocol) -> bool:
    if (wanted.get("protocol") or "TCP") != protocol:
        return False
    number = wanted.get("port")
    if number is None:
        return True
    if isinstance(number, str):
        # A name is the target's own, whichever end the policy is at.
        return isinstance(target, Pod) and target.ports.get(number) == (port, protocol)
    return bool(number <= port <= (wanted.get("endPort") or number))


def _is_within(block: Object, address: str) -> bool:
    if not address:
        return False
    try:
        wanted = ip_address(address)
    except ValueError:
        # Where a name leads isn't known here: it may be within any block.
        return True
    return wanted in ip_network(block["cidr"], strict=False) and not any(
        wanted in ip_network(one, strict=False) for one in block.get("except") or ()
    )


def _name(policy: Object) -> str:
    metadata = policy["metadata"]
    return f"NetworkPolicy {metadata.get('namespace', 'default')}/{metadata['name']}"
