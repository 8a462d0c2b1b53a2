"""The home's nodes as Kubernetes sees them. Pure functions: a node's description in, plain API objects out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twin.api import FIELD_MANAGER, Manifest
from twin.marks import ANSWERING, GPU, MANAGED_BY
from twin.state import NodeState

if TYPE_CHECKING:
    # The controllers use this module too, and start faster without what `home` brings along.
    from home import Node

# What a kubelet keeps for the system: Kubernetes counts capacity less this as allocatable. K3s reserves nothing unless
# told to, so that pods may be granted memory that the kernel and K3s already use; the twin is more careful.
RESERVED_MEMORY_BYTES = 512 * 2**20
# K3s evicts pods when less than this part of the disk is free.
RESERVED_DISK_PERCENT = 5

PODS_PER_NODE = 110

# Taints that Kubernetes itself sets and lifts.
UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"
_SYSTEM_TAINTS = "node.kubernetes.io/"

_ANSWERING = {
    "Ready": ("True", "KubeletReady", "kubelet is posting ready status"),
    "MemoryPressure": ("False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
}
_SILENT = dict.fromkeys(_ANSWERING, ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status."))


def manifest(node: Node, state: NodeState, existing: Mapping[str, Any] | None) -> Manifest:
    """The Node object, without its status, that `node` is to be in `state`, given the one that exists.

    A new node that is to be unknown is tainted from the start, so that nothing is placed on it before the controller
    manager has looked. Later, the taints that Kubernetes set stay as they are.
    """
    labels = {
        **node.labels,
        "kubernetes.io/arch": node.arch,
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": node.name,
        "node.kubernetes.io/instance-type": "k3s",
        MANAGED_BY[0]: MANAGED_BY[1],
    }
    if node.role == "server":
        labels["node-role.kubernetes.io/control-plane"] = "true"
    if state == "ready":
        labels[ANSWERING[0]] = ANSWERING[1]
    annotations = {}
    if node.gpu:
        annotations[GPU] = json.dumps({"model": node.gpu.model, "count": node.gpu.count})
    taints = [taint.model_dump(exclude_none=True) for taint in node.taints]
    if existing is not None:
        taints += [taint for taint in existing["spec"].get("taints", []) if taint["key"].startswith(_SYSTEM_TAINTS)]
    elif state == "unknown":
        taints += [{"key": UNREACHABLE, "effect": effect} for effect in ("NoSchedule", "NoExecute")]
    spec: Manifest = {"providerID": f"k3s://{node.name}"}
    if taints:
        spec["taints"] = taints
    metadata = {"name": node.name, "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}


def same(wanted: Manifest, existing: Manifest) -> bool:
    """Whether the existing Node already says what `manifest` wants of it, and nothing that an earlier one wanted.

    Applying it nevertheless would be harmless but for the taints: the list belongs to whoever wrote it last, and that
    shows as a change of the object.
    """
    metadata = existing["metadata"]
    return wanted["spec"].get("taints", []) == existing["spec"].get("taints", []) and all(
        _ours(metadata, field) == set(wanted["metadata"][field])
        and wanted["metadata"][field].items() <= metadata.get(field, {}).items()
        for field in ("labels", "annotations")
    )


def _ours(metadata: Manifest, field: str) -> set[str]:
    """The keys of a Node's labels or annotations that the twin has applied."""
    return {
        key.removeprefix("f:")
        for entry in metadata.get("managedFields", [])
        if entry["manager"] == FIELD_MANAGER and entry["operation"] == "Apply" and not entry.get("subresource")
        for key in entry["fieldsV1"].get("f:metadata", {}).get(f"f:{field}", {})
        if key != "."
    }


def status(node: Node, address: str) -> Manifest:
    """The part of the Node's status that the home's description fixes: hardware, software, addresses."""
    memory = node.memory_bytes
    capacity = {"cpu": str(node.cpus), "memory": _kibibytes(memory), "pods": str(PODS_PER_NODE)}
    allocatable = {**capacity, "memory": _kibibytes(max(memory - RESERVED_MEMORY_BYTES, memory // 2))}
    disk = node.local_storage_bytes
    if disk is not None:
        capacity["ephemeral-storage"] = _kibibytes(disk)
        allocatable["ephemeral-storage"] = _kibibytes(disk * (100 - RESERVED_DISK_PERCENT) // 100)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name},
        "status": {
            "capacity": capacity,
            "allocatable": allocatable,
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": node.name}],
            "nodeInfo": {
                "architecture": node.arch,
                "operatingSystem": "linux",
                "kubeletVersion": node.version,
                "kubeProxyVersion": node.version,
                "osImage": node.system or "unknown",
                # Whoever looks closely shall see that this is no machine.
                "containerRuntimeVersion": "kwok://simulated",
                "kernelVersion": "simulated",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        },
    }


def address(node: Node, index: int) -> str:
    """The address at which the cluster knows the node, the `index`-th of the home.

    Where the home doesn't say, it is one from the range that is reserved for documentation: nobody takes it for real.
    """
    first, second = node.addresses.lan, node.addresses.tailnet
    if node.joined_over == "tailnet":
        first, second = second, first
    return first or second or f"192.0.2.{index + 1}"


def first_conditions(state: NodeState, now: str) -> list[Manifest]:
    """The conditions of a node that was just made: those of a kubelet that answers, or what the controller manager
    writes for one that has been silent for too long. `now` in RFC 3339.
    """
    told = _SILENT if state == "unknown" else _ANSWERING
    return [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, (status, reason, message) in told.items()
    ]


def _kibibytes(count: int) -> str:
    return f"{count // 1024}Ki"
