"""Who comes in without a door: devices at home, by what nodes publish, and pods among each other."""

from __future__ import annotations

from collections.abc import Iterable

from exposure import shape
from exposure.shape import Port
from twin.exposure.cluster import K3S, Cluster, Running
from twin.exposure.found import Found, Machines, ending
from twin.exposure.network_policies import Address, Protocol

# Beside those that policies name: a port that nobody has a reason to name.
_SOME_PORTS = (1, 65535)
_PROTOCOLS: tuple[Protocol, ...] = ("TCP", "UDP")


def read_lan(cluster: Cluster, machines: Machines, lan: Iterable[tuple[str, str, str]], found: Found) -> None:
    """Find what devices at home reach. lan: key, name and LAN address of each machine.

    Whether a NetworkPolicy sees where a connection to a published port came from depends on the Service and on the
    network plugin, and what comes from a pod's own node is let through in any case: what is published counts as open.
    """
    for key, name, address in lan:
        found.add(key, shape.LAN, shape.from_the_lan(address, f"{name}: {shape.EVERY_PORT}"))
    for address, targets in cluster.published():
        for target in targets:
            key, at = ending(target, machines)
            found.add(key, shape.LAN, shape.from_the_lan(address, at))
    for one in cluster.running:
        if one.host_network:
            found.add(one.key, shape.LAN, shape.on_the_hosts_network(one.name))
        for container in one.containers:
            for port in container.spec.get("ports") or ():
                if port.get("hostPort") and not container.pod["spec"].get("hostNetwork"):
                    address = f"{port.get('hostIP') or 'its node'}:{port['hostPort']}"
                    found.add(
                        one.key, shape.LAN, shape.from_the_lan(address, shape.end(one.name, port["containerPort"]))
                    )


def read_pods(cluster: Cluster, machines: Machines, found: Found) -> None:
    """Find which pods may talk to which, and to the home's machines, by the NetworkPolicies at both ends.

    Pods that are there are asked, and one that isn't, in each namespace. K3s' own pods among each other are K3s'
    business, and a pod on its host's network is its node.
    """
    sources = [*(one for one in cluster.running if not one.host_network), *cluster.to_come]
    others = sorted({*cluster.policies.ports_named(), *_SOME_PORTS})
    for source in sources:
        for target in sources:
            if target.namespace != K3S:
                for at in _open_ports(cluster, source, target, others):
                    found.add(target.key, shape.PODS, shape.from_pods(source.key, at))
        for key, name, addresses in machines.known if source.namespace != K3S else ():
            for at in _open_services(cluster, source, name, addresses, others):
                found.add(key, shape.PODS, shape.from_pods(source.key, at))
    for one in cluster.running:
        if one.host_network:
            found.explain(one.key, shape.PODS, "it has its node's address: see there")


def _open_ports(cluster: Cluster, source: Running, target: Running, others: Iterable[int]) -> Iterable[str]:
    """The ports that the target's containers name, and whether any other is open."""
    named = target.ports
    for port, protocol in sorted(named):
        if cluster.may(source, target, port, protocol).allowed:
            yield shape.end(target.name, port if protocol == "TCP" else f"{port}/{protocol.lower()}")
    for protocol in _PROTOCOLS:
        rest = (port for port in others if (port, protocol) not in named and port <= 65535)
        if any(cluster.may(source, target, port, protocol).allowed for port in rest):
            yield shape.end(target.name, f"other {protocol.lower()} ports")


def _open_services(
    cluster: Cluster, source: Running, name: str, addresses: Iterable[str], others: Iterable[int]
) -> Iterable[str]:
    ports: set[Port] = set()
    asked: set[Port] = {*shape.SERVICES, *((port, "tcp") for port in others), *((port, "udp") for port in others)}
    for address in addresses:
        for port, protocol in asked - ports:
            if port <= 65535 and cluster.may(source, Address(address), port, _of(protocol)).allowed:
                ports.add((port, protocol))
    return shape.ports_of(name, ports)


def _of(protocol: shape.Protocol) -> Protocol:
    return "TCP" if protocol == "tcp" else "UDP"
