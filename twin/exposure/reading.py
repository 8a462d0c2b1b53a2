"""From a snapshot of the twin to the map of who reaches what. Imports the readers, and of `home` the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from exposure.shape import Exposure, Kind, Row
from twin.exposure import home_network, internet, tailnet
from twin.exposure.cluster import K3S, Cluster
from twin.exposure.found import Found, Machines
from twin.exposure.snapshot import Snapshot
from twin.exposure.tailnet_rules import rules_of

if TYPE_CHECKING:
    from home.model import Home

ORIGIN: Final = "as read back from the twin"

NOT_ENFORCED: Final = (
    "The twin doesn't enforce NetworkPolicies. What they allow is worked out from the objects, as their standard says."
)
_NOTES: Final = (
    NOT_ENFORCED,
    "Read back from the records of the stand-ins for Cloudflare and Tailscale, and from the objects of the twin's API "
    "server.",
    "What a node publishes (node ports, load balancers, external addresses, host ports, pods on the host's network) "
    "counts as open to the LAN, whatever NetworkPolicies say.",
    "K3s' own pods are left out, unless something from outside leads to them.",
)

# An address that pods have, where none is there to ask after: K3s' default network of pods begins with it.
_ANY_POD: Final = "10.42.0.1"


def read_back(snapshot: Snapshot, home: Home, name: str) -> Exposure:
    """The map of who reaches what of the home that is called `name`, by what the twin holds.

    Of `home` it is read who its people are, which machines it has, and how its domain and its tailnet are called:
    nothing of what its apps' doors, roles or sign-in say.
    """
    cluster, found = Cluster(snapshot), Found()
    known = list(_machines(home))
    machines = Machines((key, title, (lan, address)) for key, title, lan, address in known)
    emails = {person.email.lower(): person.name for person in home.people}

    internet.read(snapshot, cluster, machines, emails, found)
    if snapshot.tailscale:
        tailnet.read(snapshot, cluster, machines, _tailnet(snapshot, home, machines), _pod_address(cluster), found)
    lan = ((key, title, address) for key, title, address, _ in known if address)
    home_network.read_lan(cluster, machines, lan, found)
    home_network.read_pods(cluster, machines, found)
    return Exposure(name, ORIGIN, tuple(_rows(cluster, home, known, found)), _NOTES)


def _machines(home: Home) -> Iterator[tuple[str, str, str | None, str | None]]:
    """Key, name, LAN address and tailnet address of each machine."""
    for node in home.nodes:
        yield f"machine/{node.name}", node.name, node.addresses.lan, node.addresses.tailnet
    if home.nas:
        yield "nas", "NAS", home.nas.addresses.lan, home.nas.addresses.tailnet


def _tailnet(snapshot: Snapshot, home: Home, machines: Machines) -> tailnet.Tailnet:
    people: dict[str, dict[str, str]] = {"owner": {}, "family": {}, "guest": {}}
    for person in home.people:
        people[person.role][person.name] = person.email
    rules = rules_of(snapshot.tailscale, [person.email for person in home.people])
    return tailnet.Tailnet(home.tailnet or "", rules, people, machines.known)


def _pod_address(cluster: Cluster) -> str:
    addresses = (pod.address for one in cluster.running for pod in one.pods if not pod.host_network)
    return next(filter(None, addresses), _ANY_POD)


def _rows(
    cluster: Cluster, home: Home, known: list[tuple[str, str, str | None, str | None]], found: Found
) -> Iterator[Row]:
    shown = set()
    for one in cluster.running:
        if one.namespace != K3S or one.key in found.keys:
            shown.add(one.key)
            yield found.row(one.key, "platform", one.namespace, one.name, "nothing leads to it")
    for key, title, _, _ in known:
        shown.add(key)
        kind: Kind = "storage" if key == "nas" else "machine"
        yield found.row(key, kind, "storage" if key == "nas" else "machines", title, "nothing leads to it")
    names = {internet.NAMES: home.domain or "the internet", tailnet.NAMES: home.tailnet or "the tailnet"}
    others = {tailnet.POD_NETWORK: "pods' network"}
    for one in cluster.to_come:
        if one.key in found.keys:
            shown.add(one.key)
            yield found.row(one.key, "platform", one.namespace, f"{one.name} of {one.namespace}", "nothing leads to it")
    for key in sorted(found.keys - shown):
        if key in names:
            yield found.row(key, "names", "names", names[key], "no name leads anywhere")
        else:
            yield found.row(key, "machine", "machines", others.get(key, key.partition("/")[2]), "nothing leads to it")
