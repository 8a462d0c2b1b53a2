"""The cluster base: what every room stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_kubernetes as kubernetes

from components import names
from components.manifests import Manifest, arguments
from components.network import default_deny, network_policies
from components.workload import PodSecurityLevel, Workload, pod_security_level
from home import Node

# Higher goes first when memory runs short; batch work never pushes anything else out.
PRIORITIES: Final[Mapping[str, tuple[int, str, str]]] = {
    names.PRIORITY_DATA: (100_000, "PreemptLowerPriority", "Databases and queues: what other apps stand on"),
    names.PRIORITY_INTERACTIVE: (50_000, "PreemptLowerPriority", "Apps that somebody is looking at"),
    names.PRIORITY_BATCH: (1_000, "Never", "Work that can wait: transcoding, indexing, backups"),
}

# Objects that say what runs and how it is, without what is in a Secret.
READABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "": (
        "nodes", "namespaces", "pods", "pods/log", "services", "endpoints", "events", "configmaps",
        "persistentvolumes", "persistentvolumeclaims", "serviceaccounts", "resourcequotas",
    ),
    "apps": ("deployments", "statefulsets", "daemonsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
    "networking.k8s.io": ("networkpolicies",),
    "storage.k8s.io": ("storageclasses", "csidrivers", "csinodes", "volumeattachments"),
    "scheduling.k8s.io": ("priorityclasses",),
    "node.k8s.io": ("runtimeclasses",),
}  # fmt: skip


@dataclass(frozen=True)
class ClusterArgs:
    """workloads: everything that the home runs, room by room; from it follow the namespaces, their levels and who talks
    to whom. nodes: the machines of the cluster, which the policies judge it by."""

    workloads: Mapping[str, tuple[Workload, ...]]
    nodes: tuple[Node, ...] = ()


class Cluster(pulumi.ComponentResource):
    """What every room stands on.

    Creates a namespace for each room, at the strictest Pod Security level that its workloads allow, in which all
    traffic is denied but for the flows that workloads declare; priority classes; a storage class that keeps what is
    deleted; read-only and operating roles for the groups `homebrain:viewers` and `homebrain:operators`.
    """

    namespaces: Mapping[str, pulumi.Output[str]]
    """The handle of each namespace by its name."""
    storage_class: pulumi.Output[str]
    """The handle of the storage class for data that must outlive its claim."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the base; `args` is plain data, so nothing waits."""
        super().__init__("homebrain:cluster:Cluster", name, {"nodes": machines(args.nodes)}, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Deleting a namespace deletes every claim in it.
        protected = pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True)

        self.namespaces = {
            room: kubernetes.core.v1.Namespace(
                room, **arguments(namespace(room, pod_security_level(workloads))), opts=protected
            ).metadata["name"]
            for room, workloads in args.workloads.items()
        }
        for room, handle in self.namespaces.items():
            kubernetes.networking.v1.NetworkPolicy(
                f"{room}-default-deny", **arguments(default_deny(room), handle), opts=child
            )
            # Pods bring accounts of their own; the one that Kubernetes makes must not hand out tokens.
            kubernetes.core.v1.ServiceAccountPatch(
                f"{room}-default", **arguments(tokenless_default_account(room), handle), opts=child
            )
        for policy in network_policies(one for workloads in args.workloads.values() for one in workloads):
            room, subject = policy["metadata"]["namespace"], policy["metadata"]["name"]
            kubernetes.networking.v1.NetworkPolicy(
                f"{room}-{subject}", **arguments(policy, self.namespaces[room]), opts=child
            )

        for manifest in priority_classes():
            kubernetes.scheduling.v1.PriorityClass(manifest["metadata"]["name"], **arguments(manifest), opts=child)

        self.storage_class = kubernetes.storage.v1.StorageClass(
            names.STORAGE_CLASS_RETAINING, **arguments(retaining_storage_class()), opts=child
        ).metadata["name"]

        for role, subjects in ((viewer_role(), "homebrain:viewers"), (operator_role(), "homebrain:operators")):
            role_name = role["metadata"]["name"]
            declared = kubernetes.rbac.v1.ClusterRole(role_name, **arguments(role), opts=child)
            kubernetes.rbac.v1.ClusterRoleBinding(
                role_name,
                metadata={"name": role_name, "labels": names.labels(role_name)},
                role_ref={
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": declared.metadata["name"],
                },
                subjects=[{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": subjects}],
                opts=child,
            )

        self.register_outputs({"namespaces": dict(self.namespaces), "storageClass": self.storage_class})


def machines(nodes: tuple[Node, ...]) -> list[dict[str, Any]]:
    """What the component says of its machines in its own inputs, where policies can read it."""
    return [
        {"name": node.name, "role": node.role, "version": node.version}
        | (
            {"gpu": {"count": node.gpu.count, "memory": node.gpu.vram, "contextOverhead": node.gpu.context_overhead}}
            if node.gpu
            else {}
        )
        for node in nodes
    ]


def namespace(name: str, level: PodSecurityLevel) -> Manifest:
    """A namespace whose pods must meet `level`; a workload whose pods won't is warned of already when it is
    declared."""
    security = {f"{names.LABEL_POD_SECURITY}/enforce": level, f"{names.LABEL_POD_SECURITY}/warn": level}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": names.labels(name) | security},
    }


def tokenless_default_account(name: str) -> Manifest:
    """The namespace's default ServiceAccount, which Kubernetes itself makes, without a token."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": name},
        "automountServiceAccountToken": False,
    }


def priority_classes() -> list[Manifest]:
    """The home's priority classes."""
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name, "labels": names.labels(name)},
            "value": value,
            "preemptionPolicy": preemption,
            "description": description,
            "globalDefault": False,
        }
        for name, (value, preemption, description) in PRIORITIES.items()
    ]


def retaining_storage_class() -> Manifest:
    """K3s' local disk, but a deleted claim leaves its data: K3s' own class would delete it."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": names.STORAGE_CLASS_RETAINING, "labels": names.labels(names.STORAGE_CLASS_RETAINING)},
        "provisioner": "rancher.io/local-path",
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def viewer_role() -> Manifest:
    """May look at everything but Secrets."""
    rules = [
        {"apiGroups": [group], "resources": list(resources), "verbs": ["get", "list", "watch"]}
        for group, resources in READABLE.items()
    ]
    return _cluster_role("homebrain-viewer", rules)


def operator_role() -> Manifest:
    """May look, restart and scale; may neither read Secrets nor run commands in pods.

    Whoever may patch a workload can make it show its own Secrets: this keeps from accidents, not from an attacker.
    """
    rules: list[Manifest] = [
        *viewer_role()["rules"],
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
        {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets", "daemonsets"], "verbs": ["patch"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale", "statefulsets/scale"], "verbs": ["patch", "update"]},
    ]
    return _cluster_role("homebrain-operator", rules)


def _cluster_role(name: str, rules: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": names.labels(name)},
        "rules": rules,
    }
