"""Which CSI drivers a node has: those whose pod runs there. Entered in the node's CSINode, as a kubelet does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from twin.api import Api, Manifest
from twin.controllers import pods
from twin.controllers.cache import Objects

_REGISTRAR = "csi-node-driver-registrar"
# What a driver calls itself when its pod doesn't say.
_DEFAULT_NAMES = {"smbplugin": "smb.csi.k8s.io", "nfsplugin": "nfs.csi.k8s.io"}


def driver(pod: pods.Pod) -> str | None:
    """The driver that this pod serves on its node, if it is the node part of one: a pod with a registrar in it."""
    containers = pod["spec"]["containers"]
    registrar = next((each for each in containers if pods.image_name(each) == _REGISTRAR), None)
    if registrar is None:
        return None
    for container in containers:
        if container is not registrar and (name := pods.flag(container, "drivername", "driver-name")):
            return name
    for container in containers:
        if name := _DEFAULT_NAMES.get(pods.image_name(container)):
            return name
    socket = pods.flag(registrar, "kubelet-registration-path")
    return PurePosixPath(socket).parent.name if socket else None


def drivers(node: str, running: Iterable[pods.Pod]) -> list[str]:
    """The drivers that Ready pods serve on the node of this name."""
    ready = (pod for pod in running if pods.node_name(pod) == node and pods.is_ready(pod) and not pods.is_leaving(pod))
    return sorted({name for pod in ready if (name := driver(pod))})


def registered(node: str, objects: Objects) -> set[str]:
    """The drivers that the node of this name has, as its CSINode says."""
    entry = objects.get("CSINode", node)
    return {each["name"] for each in (entry or {}).get("spec", {}).get("drivers") or []}


def reconcile(api: Api, objects: Objects) -> None:
    """Make the CSINode of every node that answers list the drivers that run there."""
    candidates = [pod for pod in objects.all("Pod") if driver(pod)]
    for node in objects.all("Node"):
        name = node["metadata"]["name"]
        wanted = drivers(name, candidates)
        if pods.is_ready(node) and (objects.get("CSINode", name) is None or set(wanted) != registered(name, objects)):
            api.apply(_entry(node, wanted))


def _entry(node: Mapping[str, Any], names: list[str]) -> Manifest:
    metadata = node["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": metadata["name"], "ownerReferences": [owner]},
        "spec": {"drivers": [{"name": name, "nodeID": metadata["name"], "topologyKeys": []} for name in names]},
    }
