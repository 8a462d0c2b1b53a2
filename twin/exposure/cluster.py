"""The cluster of a snapshot: what runs, what a name or an address in it leads to, and who may talk to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from twin.exposure.network_policies import Address, Answer, NetworkPolicies, Pod, Protocol, selects
from twin.exposure.snapshot import Credential, Object, Place, Snapshot

K3S: Final = "kube-system"
"""The namespace of K3s' own pods, which no home describes."""

ANY_OTHER_POD: Final = "any other pod"

_FINISHED = ("Succeeded", "Failed")
_DEFAULT_PORTS: Final[Mapping[str, int]] = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ssh": 22, "rdp": 3389}
_PUBLISHED: Final = ("NodePort", "LoadBalancer")


class Container(NamedTuple):
    """A container of a pod, and the pod that it is in."""

    pod: Object
    spec: Object


@dataclass(frozen=True)
class Running:
    """The pods that one controller keeps, or a pod that none keeps.

    pods: as policies see them. objects: the same, as the API server has them.
    """

    namespace: str
    name: str
    pods: tuple[Pod, ...]
    objects: tuple[Object, ...]

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def host_network(self) -> bool:
        """Whether any of its pods has its node's addresses."""
        return any(pod.host_network for pod in self.pods)

    @property
    def ports(self) -> frozenset[tuple[int, Protocol]]:
        """The ports that its containers name."""
        return frozenset(port for pod in self.pods for port in pod.ports.values())  # type: ignore[misc]

    @property
    def containers(self) -> Iterator[Container]:
        """Every container, first ones and sidecars included."""
        for pod in self.objects:
            spec = pod["spec"]
            for one in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
                yield Container(pod, one)


class Target(NamedTuple):
    """Where a connection ends: a port of pods, or of something outside the cluster."""

    at: Running | Address
    port: int


class Unresolved(NamedTuple):
    """A name or an address that leads nowhere, and why."""

    why: str


class Cluster:
    """What a snapshot holds of the API server's objects."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._services = {(_namespace(one), _name(one)): one for one in snapshot.of_kind("Service")}
        self._files = {(_namespace(one), _name(one)): one.get("data") or {} for one in snapshot.of_kind("ConfigMap")}
        self.policies = NetworkPolicies(
            snapshot.of_kind("NetworkPolicy"),
            {_name(one): one["metadata"].get("labels") or {} for one in snapshot.of_kind("Namespace")},
        )
        self.running = _running(snapshot)
        self._at = {pod.address: one for one in self.running for pod in one.pods if pod.address}

    def may(self, source: Running, target: Running | Address, port: int, protocol: Protocol = "TCP") -> Answer:
        """Whether a pod of `source` may open a connection to `port` of the target, by the NetworkPolicies."""
        ends = target.pods if isinstance(target, Running) else (target,)
        answer = Answer(False, f"there is no pod of {source.key}")
        for pod in source.pods:
            for end in ends:
                answer = self.policies.may(pod, end, port, protocol)
                if answer.allowed:
                    return answer
        return answer

    def resolve(self, url: str, asking: Running) -> list[Target] | Unresolved:
        """Where a URL leads for the pods of `asking`, as the cluster's DNS and Services have it."""
        found = urlsplit(url if "://" in url else f"tcp://{url}")
        host, port = (found.hostname or "").rstrip("."), found.port or _DEFAULT_PORTS.get(found.scheme.split("+")[0])
        if not host or port is None:
            return Unresolved(f"{url} names no host or no port")
        return self._lead(host, port, asking)

    def _lead(self, host: str, port: int, asking: Running, hops: int = 4) -> list[Target] | Unresolved:
        if host in ("localhost", "127.0.0.1", "::1"):
            return [Target(asking, port)]
        if _is_address(host):
            return self._at_address(host, port)
        service = self._service_named(host, asking.namespace)
        if service is None and ("." not in host or host.endswith((".svc", ".cluster.local"))):
            return Unresolved(f"there is no Service {host}")
        if service is None:
            # A name of somewhere else: the NAS may be known by one, at home.
            return [Target(Address(host), port)]
        if service["spec"].get("type") == "ExternalName":
            outside = service["spec"].get("externalName", "").rstrip(".")
            return self._lead(outside, port, asking, hops - 1) if hops else Unresolved(f"{host} leads in a circle")
        return self.behind(service, port)

    def _at_address(self, host: str, port: int) -> list[Target] | Unresolved:
        for service in self._services.values():
            spec = service["spec"]
            if host in (spec.get("clusterIP"), *(spec.get("externalIPs") or ())):
                return self.behind(service, port)
        return [Target(self._at.get(host, Address(host)), port)]

    def _service_named(self, host: str, own: str) -> Object | None:
        parts = host.removesuffix(".cluster.local").removesuffix(".svc").split(".")
        namespace = parts[1] if len(parts) == 2 else own
        return self._services.get((namespace, parts[0])) if len(parts) <= 2 else None

    def behind(self, service: Object, port: int) -> list[Target] | Unresolved:
        """The pods that a port of a Service leads to."""
        label = f"Service {_namespace(service)}/{_name(service)}"
        spec = service["spec"]
        if spec.get("clusterIP") == "None":
            # Its name stands for the pods themselves, whose ports are their own.
            wanted: int | str = port
        else:
            listed = next((one for one in spec.get("ports") or () if one["port"] == port), None)
            if listed is None:
                return Unresolved(f"{label} has no port {port}")
            wanted = listed.get("targetPort") or port
        targets = [
            Target(one, number)
            for one, pods in self._backing(service)
            for number in sorted({each for pod in pods for each in _numbers(wanted, pod)})
        ]
        targets += [Target(outside, wanted) for outside in self._outside(service) if isinstance(wanted, int)]
        return targets or Unresolved(f"there is no pod behind {label}")

    def _backing(self, service: Object) -> Iterator[tuple[Running, list[Pod]]]:
        selector = service["spec"].get("selector")
        addresses = self._endpoints(service)
        for one in self.running:
            pods = [
                pod
                for pod in one.pods
                if (
                    pod.namespace == _namespace(service) and selects({"matchLabels": selector}, pod.labels)
                    if selector
                    else pod.address in addresses
                )
            ]
            if pods:
                yield one, pods

    def _outside(self, service: Object) -> list[Address]:
        """Addresses that a Service without a selector leads to and that no pod has."""
        if service["spec"].get("selector"):
            return []
        return [Address(one) for one in sorted(self._endpoints(service)) if one not in self._at]

    def _endpoints(self, service: Object) -> frozenset[str]:
        return frozenset(
            address
            for one in self._snapshot.of_kind("EndpointSlice")
            if _namespace(one) == _namespace(service)
            and (one["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == _name(service)
            for endpoint in one.get("endpoints") or ()
            for address in endpoint.get("addresses") or ()
        )

    def published(self) -> Iterator[tuple[str, list[Target]]]:
        """Addresses outside the cluster at which Services answer, and what each leads to: node ports, load balancers,
        external addresses. K3s' own load balancer opens a Service's port on every node."""
        for service in self._services.values():
            spec = service["spec"]
            for listed in spec.get("ports") or ():
                targets = self.behind(service, listed["port"])
                if isinstance(targets, Unresolved):
                    continue
                if spec.get("type") in _PUBLISHED and listed.get("nodePort"):
                    yield f"any node:{listed['nodePort']}", targets
                if spec.get("type") == "LoadBalancer":
                    yield f"any node:{listed['port']}", targets
                for address in spec.get("externalIPs") or ():
                    yield f"{address}:{listed['port']}", targets

    @property
    def to_come(self) -> tuple[Running, ...]:
        """For each namespace in which something runs, but K3s' own, a pod that isn't there: one without a label, such
        as somebody may start there tomorrow. What a namespace denies by default, it alone feels."""
        namespaces = sorted({one.namespace for one in self.running} - {K3S})
        return tuple(Running(one, ANY_OTHER_POD, (Pod(one, ANY_OTHER_POD),), ()) for one in namespaces)

    def credentials(self, one: Running) -> frozenset[Credential]:
        """What the Secrets that its pods are given open."""
        given = {place for container in one.containers for place in self._places(container)}
        return frozenset(
            credential
            for place, credential in self._snapshot.credentials.items()
            if place in given or place._replace(key="") in given
        )

    def _places(self, container: Container) -> Iterator[Place]:
        """Keys of Secrets that a container sees; an empty key stands for all of the Secret."""
        pod, spec = container
        namespace = _namespace(pod)
        for variable in spec.get("env") or ():
            if reference := (variable.get("valueFrom") or {}).get("secretKeyRef"):
                yield Place(namespace, reference["name"], reference["key"])
        for source in spec.get("envFrom") or ():
            if reference := source.get("secretRef"):
                yield Place(namespace, reference["name"], "")
        mounted = {mount["name"] for mount in spec.get("volumeMounts") or ()}
        for volume in pod["spec"].get("volumes") or ():
            if volume["name"] in mounted:
                yield from _secrets_in(volume, namespace)

    def file(self, container: Container, path: str) -> str | None:
        """What stands in a file that a ConfigMap gives a container; None where there is no such file."""
        pod, spec = container
        volumes = {one["name"]: one for one in pod["spec"].get("volumes") or ()}
        for mount in spec.get("volumeMounts") or ():
            source = (volumes.get(mount["name"]) or {}).get("configMap")
            if source is None:
                continue
            data = self._files.get((_namespace(pod), source["name"]), {})
            names = (
                {one["path"]: one["key"] for one in source["items"]} if source.get("items") else {k: k for k in data}
            )
            for name, key in names.items():
                below = (
                    mount["mountPath"] if mount.get("subPath") == name else f"{mount['mountPath'].rstrip('/')}/{name}"
                )
                if below == path and key in data:
                    return str(data[key])
        return None


def _running(snapshot: Snapshot) -> tuple[Running, ...]:
    makers = {
        (kind, _namespace(one), _name(one)): one for kind in ("ReplicaSet", "Job") for one in snapshot.of_kind(kind)
    }
    grouped: dict[tuple[str, str], list[Object]] = {}
    for pod in snapshot.of_kind("Pod"):
        if (pod.get("status") or {}).get("phase") not in _FINISHED:
            grouped.setdefault((_namespace(pod), _kept_by(pod, makers)), []).append(pod)
    return tuple(
        Running(namespace, name, tuple(map(_seen, pods)), tuple(pods))
        for (namespace, name), pods in sorted(grouped.items())
    )


def _kept_by(one: Object, makers: Mapping[tuple[str, str, str], Object]) -> str:
    """The name of what keeps a pod running: of the Deployment behind its ReplicaSet, for one."""
    for owner in one["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            maker = makers.get((owner["kind"], _namespace(one), owner["name"]))
            return _kept_by(maker, makers) if maker else str(owner["name"])
    return _name(one)


def _seen(pod: Object) -> Pod:
    spec = pod["spec"]
    return Pod(
        namespace=_namespace(pod),
        name=_name(pod),
        labels=pod["metadata"].get("labels") or {},
        address=(pod.get("status") or {}).get("podIP") or "",
        ports={
            # Ports without a name are ports all the same.
            port.get("name") or f"{port['containerPort']}/{port.get('protocol', 'TCP')}": (
                port["containerPort"],
                port.get("protocol") or "TCP",
            )
            for one in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()))
            for port in one.get("ports") or ()
        },
        host_network=bool(spec.get("hostNetwork")),
    )


def _secrets_in(volume: Object, namespace: str) -> Iterator[Place]:
    sources: Iterable[Any] = (volume.get("projected") or {}).get("sources") or ()
    if secret := volume.get("secret"):
        sources = [{"secret": {"name": secret["secretName"], "items": secret.get("items")}}]
    for source in sources:
        if secret := source.get("secret"):
            for item in secret.get("items") or ({"key": ""},):
                yield Place(namespace, secret["name"], item["key"])


def _numbers(wanted: int | str, pod: Pod) -> tuple[int, ...]:
    """The port of a pod that a Service means: none where the pod has none of that name."""
    if isinstance(wanted, int):
        return (wanted,)
    return (pod.ports[wanted][0],) if wanted in pod.ports else ()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _name(one: Object) -> str:
    return str(one["metadata"]["name"])


def _namespace(one: Object) -> str:
    return str(one["metadata"].get("namespace") or "default")
