"""Looking things up among the rendered objects of the Kubernetes API. Plain data in, plain data out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tour.survey import Object

CONTROLLERS: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
LEVEL: Final = "pod-security.kubernetes.io/enforce"
DEVIATION: Final = "homebrain.io/deviation."
EGRESS_REASON: Final = "homebrain.io/egress"

_NAME = "app.kubernetes.io/name"
_NAMESPACE = "kubernetes.io/metadata.name"
_HOSTNAME = "kubernetes.io/hostname"
_EVERYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Talk:
    """A connection that a NetworkPolicy allows: to (or from) whom, and to which TCP or UDP ports."""

    whom: str
    ports: tuple[int, ...]


def key_of(one: Object) -> tuple[str, str]:
    """Namespace and name."""
    metadata = one["metadata"]
    return metadata.get("namespace") or "", metadata.get("name") or ""


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """The objects of these kinds, in their order."""
    return [one for one in objects if one["kind"] in kinds]


def pod_of(controller: Object) -> Mapping[str, Any]:
    """The pod template of a controller: `metadata` and `spec`."""
    spec = controller["spec"]
    if controller["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    template: Mapping[str, Any] = spec["template"]
    return template


def nodes_of(pod: Mapping[str, Any]) -> tuple[str, ...]:
    """The nodes, by name, that a pod is bound to; none for any."""
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    names = [
        value
        for term in affinity.get("nodeSelectorTerms") or ()
        for one in term.get("matchExpressions") or ()
        if one["key"] == _HOSTNAME and one["operator"] == "In"
        for value in one["values"]
    ]
    by_selector = (pod["spec"].get("nodeSelector") or {}).get(_HOSTNAME)
    return tuple(dict.fromkeys([*([by_selector] if by_selector else []), *names]))


def claims_of(pod: Mapping[str, Any]) -> dict[str, bool]:
    """The claims that a pod mounts; for each, whether it may only read there."""
    claimed = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    }
    found: dict[str, bool] = {}
    for container in containers_of(pod):
        for mount in container.get("volumeMounts") or ():
            if (claim := claimed.get(mount["name"])) is not None:
                found[claim] = found.get(claim, True) and bool(mount.get("readOnly"))
    return found


def containers_of(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Init containers first, as they run."""
    spec = pod["spec"]
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def talks_of(policy: Object) -> Iterator[Talk]:
    """What a NetworkPolicy lets its pods talk to. Asking for names, which everybody may, is left out."""
    for rule in policy["spec"].get("egress") or ():
        for peer in rule.get("to") or ():
            if not _is_dns(peer):
                yield Talk(_peer(peer, policy), _ports(rule))


def talkers_of(policy: Object) -> Iterator[Talk]:
    """Who may talk to a NetworkPolicy's pods, and to which of their ports."""
    for rule in policy["spec"].get("ingress") or ():
        for peer in rule.get("from") or ():
            yield Talk(_peer(peer, policy), _ports(rule))


def selects(policy: Object, labels: Mapping[str, str]) -> bool:
    """Whether a NetworkPolicy is about pods with these labels, and not about every pod of its namespace."""
    wanted = policy["spec"]["podSelector"].get("matchLabels") or {}
    return bool(wanted) and all(labels.get(key) == value for key, value in wanted.items())


def _is_dns(peer: Mapping[str, Any]) -> bool:
    labels = (peer.get("podSelector") or {}).get("matchLabels") or {}
    return labels.get("k8s-app") == "kube-dns"


def _peer(peer: Mapping[str, Any], policy: Object) -> str:
    if block := peer.get("ipBlock"):
        cidr = str(block["cidr"])
        return "the internet" if cidr in _EVERYWHERE else cidr.removesuffix("/32")
    pods = (peer.get("podSelector") or {}).get("matchLabels") or {}
    namespaces = (peer.get("namespaceSelector") or {}).get("matchLabels") or {}
    own, _ = key_of(policy)
    there = namespaces.get(_NAMESPACE, own)
    name = pods.get(_NAME) or ", ".join(f"{key}={value}" for key, value in sorted(pods.items()))
    if not name:
        return f"everything in {there}"
    return name if there == own else f"{name} in {there}"


def _ports(rule: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(port["port"] for port in rule.get("ports") or () if "port" in port)
