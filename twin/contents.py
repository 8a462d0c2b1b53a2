"""What the twin itself puts into its cluster: the home's nodes, what K3s brings along, its own parts' rights."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from twin import nodes
from twin.api import Api, ApiError, Manifest, UnreachableError
from twin.controllers.pods import condition, is_ready
from twin.marks import ANSWERING, MANAGED_BY
from twin.state import NodeState, TwinError

if TYPE_CHECKING:
    from home import Home

K3S = "k3s.yaml"
ACCESS = "access.yaml"

_MANIFESTS = Path(__file__).parent / "manifests"
_POLL_SECONDS = 0.03
_PATIENCE_SECONDS = 10.0


def apply_file(api: Api, name: str) -> None:
    """Make what the manifests in this file (`K3S` or `ACCESS`) describe be there."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for manifest in yaml.load_all((_MANIFESTS / name).read_text(), Loader=loader):
        _apply(api, manifest)


def apply_nodes(api: Api, home: Home, wanted: Mapping[str, NodeState]) -> None:
    """Make the cluster's nodes be those of the home, each in the wanted state. Nodes that others made stay."""
    existing = {node["metadata"]["name"]: node for node in api.list("Node")}
    for index, node in enumerate(home.nodes):
        state, before = wanted[node.name], existing.get(node.name)
        manifest = nodes.manifest(node, state, before)
        if before is None or not nodes.same(manifest, before):
            _apply(api, manifest)
        status = nodes.status(node, nodes.address(node, index))
        _apply(api, status, "status")
        if not condition(before or {}, "Ready"):
            # At once: the controller manager would take a second to see that it answers, a minute that it doesn't.
            now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            api.patch(status, {"status": {"conditions": nodes.first_conditions(state, now)}}, "status")
    for name, left in existing.items():
        if name not in wanted and left["metadata"].get("labels", {}).get(MANAGED_BY[0]) == MANAGED_BY[1]:
            api.delete("Node", name)


def release_leases(api: Api) -> None:
    """Take the nodes' leases from a kwok that is gone: it held them under a name that no other kwok has."""
    for lease in api.list("Lease", "kube-node-lease"):
        api.delete("Lease", lease["metadata"]["name"], "kube-node-lease")


def has_namespaces(api: Api) -> bool:
    """Whether the API server has made its own namespaces."""
    return {"default", "kube-system"} <= {each["metadata"]["name"] for each in api.list("Namespace")}


def is_settled(api: Api, wanted: Mapping[str, NodeState]) -> bool:
    """Whether every node is as wanted, and pods can be made and placed."""
    found = {node["metadata"]["name"]: node for node in api.list("Node")}
    return (
        all(name in found and _is_settled(found[name], state) for name, state in wanted.items())
        # Pods of the namespace `default` run as this account, and are refused until it is there.
        and api.get("ServiceAccount", "default", "default") is not None
    )


def _is_settled(node: Manifest, state: NodeState) -> bool:
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    if state == "unknown":
        return condition(node, "Ready").get("status") == "Unknown" and nodes.UNREACHABLE in taints
    answering = node["metadata"].get("labels", {}).get(ANSWERING[0]) == ANSWERING[1]
    # Until the controller manager has lifted these taints, the scheduler places nothing there.
    return (
        is_ready(node) and answering and not {nodes.NOT_READY, nodes.UNREACHABLE} & taints and "podCIDR" in node["spec"]
    )


def _apply(api: Api, manifest: Manifest, subresource: str = "") -> None:
    """Apply, and again while the API server is still making what the object needs."""
    for last in _attempts():
        try:
            api.apply(manifest, subresource)
            return
        except (ApiError, UnreachableError) as error:
            if last:
                raise TwinError(f"{manifest['kind']} {manifest['metadata']['name']} was refused: {error}") from error


def _attempts() -> Iterator[bool]:
    """One item an attempt, for as long as patience lasts; True for the last."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        yield False
        time.sleep(_POLL_SECONDS)
    yield True
