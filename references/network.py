"""Who may talk to whom: NetworkPolicies lead to pods that run, at ports that these open, and agree at both ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from references.objects import Objects, Pods, matches, namespace_of
from references.place import Place, Problem
from references.provided import Provided, ProvidedPods
from references.services import wrong_label

LABEL: Final = "kubernetes.io/metadata.name"
_ENDS: Final = {"ingress": ("from", "Ingress"), "egress": ("to", "Egress")}


@dataclass(frozen=True, eq=False)
class Flow:
    """One connection that one end allows: the pods there, the peer, and the port of whoever is talked to.

    port: None for every port. place: the peer in the policy.
    """

    subject: Pods
    peer: Pods | ProvidedPods
    protocol: str
    port: int | None
    place: Place
    port_place: Place


class Network:
    """What the policies allow."""

    def __init__(self, objects: Objects, provided: Provided) -> None:
        self._objects = objects
        self._provided = provided
        self.flows: Mapping[str, list[Flow]] = {"ingress": [], "egress": []}
        self.problems: list[Problem] = []
        # For each direction, the pods that some policy holds to what is allowed.
        self.held: Mapping[str, set[Pods]] = {"ingress": set(), "egress": set()}
        for policy in objects.of("NetworkPolicy"):
            self._read(policy)

    def allowed(self, caller: Pods, target: Pods, port: int, protocol: str = "TCP") -> bool:
        """Whether the caller's end lets it talk to this port of the target."""
        if caller.host_network or caller not in self.held["egress"]:
            return True
        return any(
            flow.subject is caller and flow.peer is target and _covers(flow, protocol, port)
            for flow in self.flows["egress"]
        )

    def resolves_names(self, pods: Pods) -> bool:
        """Whether the pods may ask the cluster's DNS, by both protocols."""
        if pods.host_network or pods not in self.held["egress"] or self._provided.dns is None:
            return True
        asked = {
            flow.protocol
            for flow in self.flows["egress"]
            if flow.subject is pods and flow.peer is self._provided.dns and flow.port in (53, None)
        }
        return asked >= {"UDP", "TCP"}

    def _read(self, policy: Place) -> None:
        namespace, spec = namespace_of(policy), policy.get("spec")
        labels = spec.get("podSelector", "matchLabels")
        subjects = [one for one in self._objects.selected(namespace, labels.value) if not one.host_network]
        if not subjects and labels.value:
            self.problems.append(wrong_label(labels, namespace, self._objects))
        kinds = spec.get("policyTypes")
        for direction, (peers, kind) in _ENDS.items():
            if kind in (kinds.value or ()):
                self.held[direction].update(subjects)
            elif not spec.get(direction).absent:
                self.problems.append(kinds.should(f"a list with {kind}, for the rules below {direction} to count"))
            for rule in spec.get(direction).items():
                self._rule(rule, direction, peers, namespace, subjects)

    def _rule(self, rule: Place, direction: str, peers: str, namespace: str, subjects: list[Pods]) -> None:
        if not rule.get(peers).value:
            self.problems.append(rule.get(peers).should("at least one peer: without any, everybody is meant"))
        for peer in rule.get(peers).items():
            if not peer.get("ipBlock").absent:
                self._addresses(peer.get("ipBlock"))
                continue
            found = self._peers(peer, namespace)
            talked_to: list[Any] = list(subjects) if direction == "ingress" else found
            self._ports(rule.get("ports"), talked_to)
            for port in [*rule.get("ports").items()] or [rule.get("ports")]:
                number = port.get("port").value if isinstance(port.value, dict) else None
                protocol = str(port.get("protocol").value or "TCP")
                for subject in subjects:
                    for other in found:
                        self.flows[direction].append(Flow(subject, other, protocol, number, peer, port.get("port")))

    def _peers(self, peer: Place, own: str) -> list[Pods | ProvidedPods]:
        selector, labels = peer.get("namespaceSelector", "matchLabels"), peer.get("podSelector", "matchLabels")
        namespace = own
        if not peer.get("namespaceSelector").absent:
            if list(selector.value or ()) != [LABEL]:
                self.problems.append(selector.should(f"one label, {LABEL}, which names the namespace"))
                return []
            namespace = selector.get(LABEL).text
            there = [*self._objects.names("Namespace"), *self._provided.namespaces]
            if namespace not in there:
                self.problems.append(selector.get(LABEL).unresolved("Namespace", there))
                return []
        found: list[Pods | ProvidedPods] = list(self._objects.selected(namespace, labels.value))
        found += [
            one
            for one in self._provided.pods
            if one.namespace == namespace and labels.value and matches(labels.value, one.labels)
        ]
        if not found:
            self.problems.append(wrong_label(labels, namespace, self._objects))
        return found

    def _ports(self, ports: Place, pods: list[Pods | ProvidedPods]) -> None:
        if not ports.value and pods:
            self.problems.append(ports.should("the ports that are meant: without any, all of them are"))
        for port in ports.items():
            number, protocol = port.get("port"), str(port.get("protocol").value or "TCP")
            for one in pods:
                if isinstance(one, Pods):
                    known = [f"{of} {number}" for _, of, number in one.ports()]
                    found = one.opens(number.value, protocol) is not None
                else:
                    known = [f"{of} {number}" for of, number in one.ports]
                    found = (protocol, number.value) in one.ports
                if not found:
                    name = one.name if isinstance(one, Pods) else one.reason
                    self.problems.append(
                        number.unresolved(f"port of {name}", known, found=f"{protocol} {number.value}")
                    )

    def _addresses(self, block: Place) -> None:
        whole = _network(block.get("cidr"))
        if whole is None:
            self.problems.append(block.get("cidr").should("a network such as 192.168.0.0/24"))
        for place in block.get("except").items():
            part = _network(place)
            if part is None or (whole is not None and (part.version != whole.version or not part.subnet_of(whole))):
                self.problems.append(place.should(f"a network within {block.get('cidr').text}"))


def _network(place: Place) -> Any:
    try:
        return ip_network(place.text)
    except ValueError:
        return None


def _covers(flow: Flow, protocol: str, port: int | None) -> bool:
    target = flow.peer
    number = flow.port
    if isinstance(number, str) and isinstance(target, Pods):
        number = target.opens(number, protocol)
    return flow.protocol == protocol and number in (port, None)


def check(objects: Objects, provided: Provided) -> Iterator[Problem]:
    """Policies lead somewhere, and what one end allows the other does, too."""
    network = Network(objects, provided)
    yield from network.problems
    for here, there in (("egress", "ingress"), ("ingress", "egress")):
        for flow in network.flows[here]:
            yield from _other_end(flow, here, there, network)
    yield from _isolated(objects, network)
    yield from _names(objects, network)


def _other_end(flow: Flow, here: str, there: str, network: Network) -> Iterator[Problem]:
    peer = flow.peer
    if not isinstance(peer, Pods) or peer.host_network or peer not in network.held[there]:
        return
    back = (other for other in network.flows[there] if other.subject is peer and other.peer is flow.subject)
    if not any(_covers(other, flow.protocol, flow.port) for other in back):
        word = "admits" if there == "ingress" else "reaches for"
        port = f"{flow.protocol} {flow.port}"
        yield flow.port_place.should(
            f"a port at which {peer.name} {word} {flow.subject.name}: none of its policies has that {there}", port
        )


def _isolated(objects: Objects, network: Network) -> Iterator[Problem]:
    """Every pod is held to what its policies allow, in both directions: a namespace where nothing is denied allows
    everything."""
    for pods in objects.pods:
        for direction, (_, kind) in _ENDS.items():
            if not pods.host_network and pods not in network.held[direction]:
                yield pods.template.get("metadata", "labels").should(
                    f"labels that some NetworkPolicy with {kind} selects, and none does"
                )


def _names(objects: Objects, network: Network) -> Iterator[Problem]:
    """Whoever may talk to somebody has to find them by name first."""
    for policy in objects.of("NetworkPolicy"):
        egress = policy.get("spec", "egress")
        if not egress.value:
            continue
        labels = policy.get("spec", "podSelector", "matchLabels").value
        for pods in objects.selected(namespace_of(policy), labels):
            if not network.resolves_names(pods):
                yield egress.should("rules of which one leads to the cluster's DNS, at port 53 of UDP and TCP")
