"""Who is called by name: hosts in environments and arguments that stand for Services of the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from references.network import Network
from references.objects import Objects, Pods, env, namespace_of, repository
from references.place import Place, Problem
from references.provided import Provided
from references.table import Table

_URL: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[^@/\s]*@)?(?P<host>[A-Za-z0-9_.-]+)(?::(?P<port>\d+))?")
_HOST: Final = re.compile(r"(?P<host>[A-Za-z0-9_.-]+)(?::(?P<port>\d+))?")
_CALLED_LIKE_A_HOST: Final = re.compile(r".*(HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT|URL)")
_DEFAULTS: Final = {"http": 80, "https": 443, "postgresql": 5432, "postgres": 5432, "redis": 6379}
_HERE: Final = ("localhost", "0.0.0.0", "127.0.0.1")


@dataclass(frozen=True)
class Name:
    """A host that somebody calls, taken apart. port: None where nothing says."""

    service: str
    namespace: str
    port: int | None


def check(objects: Objects, provided: Provided, table: Table) -> Iterator[Problem]:
    """Every host that looks like a Service of the cluster is one, at a port of it, and may be talked to."""
    network = Network(objects, provided)
    for pods in objects.pods:
        for container in pods.containers():
            for variable, entry in env(container).items():
                place = entry.get("value")
                yield from _call(place, variable, container, pods, objects, provided, table, network)
            for argument in [*container.get("args").items(), *container.get("command").items()]:
                yield from _call(argument, None, container, pods, objects, provided, table, network)


def target(place: Place, variable: str, container: Place, pods: Pods, objects: Objects, table: Table) -> Pods | None:
    """The pods that a variable's value leads to; None when it leads to none of the cluster's."""
    name = _name(place.text, variable, container, pods, objects, table)
    service = objects.find("Service", name.service, name.namespace) if name else None
    if name is None or service is None:
        return None
    found = objects.selected(name.namespace, service.get("spec", "selector").value)
    return found[0] if found else None


def _call(
    place: Place,
    variable: str | None,
    container: Place,
    pods: Pods,
    objects: Objects,
    provided: Provided,
    table: Table,
    network: Network,
) -> Iterator[Problem]:
    name = _name(place.text, variable, container, pods, objects, table)
    if name is None:
        return
    there = [*objects.names("Namespace"), *provided.namespaces]
    if name.namespace not in there:
        yield place.unresolved("Namespace", there)
        return
    service = objects.find("Service", name.service, name.namespace)
    if service is None and f"{name.namespace}/{name.service}" in provided.services:
        return
    if service is None:
        yield place.unresolved(f"Service in namespace {name.namespace}", objects.names("Service", name.namespace))
        return
    known = [one.get("port").value for one in service.get("spec", "ports").items()]
    if name.port is not None and name.port not in known:
        yield place.unresolved(f"port of {service.resource}", map(str, known))
        return
    for peer in objects.selected(namespace_of(service), service.get("spec", "selector").value):
        if name.port is not None and peer is not pods and not network.allowed(pods, peer, name.port):
            yield place.should(f"a host that a NetworkPolicy lets {pods.name} talk to at port {name.port}")
    if not network.resolves_names(pods):
        yield place.should(f"a host that {pods.name} can find: no NetworkPolicy lets it ask the cluster's DNS")


def _name(text: str, variable: str | None, container: Place, pods: Pods, objects: Objects, table: Table) -> Name | None:
    app = table.app(repository(container))
    row = app.env.get(variable) if app and variable else None
    address = row.address if row else None
    match = _URL.search(text)
    # What the table knows of a variable comes before what its name sounds like.
    sounds_like_one = row is None and variable is not None and _CALLED_LIKE_A_HOST.fullmatch(variable) is not None
    if match is None and (address is not None or sounds_like_one):
        match = _HOST.fullmatch(text)
    if match is None:
        return None
    parts = match["host"].rstrip(".").split(".")
    inside = parts[2:3] == ["svc"] or len(parts) == 1
    if len(parts) == 2:
        inside = parts[1] in objects.names("Namespace") or bool(_called(parts[0], objects))
    if not inside or match["host"] in _HERE:
        return None
    port = int(match["port"]) if match["port"] else _DEFAULTS.get(match.groupdict().get("scheme") or "")
    if port is None and address is not None:
        port = address.port
        other = env(container).get(address.variable or "")
        if other is not None and other.get("value").text.isdigit():
            port = int(other.get("value").text)
    return Name(parts[0], parts[1] if len(parts) > 1 else pods.namespace, port)


def _called(name: str, objects: Objects) -> list[Place]:
    return [one for one in objects.of("Service") if one.get("metadata", "name").value == name]
