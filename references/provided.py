"""What rendered objects may refer to without anybody rendering it: what K3s and Kubernetes bring along, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class StorageClass:
    """A storage class that is there already."""

    reason: str
    keeps: bool
    """Whether data outlives its claim."""


@dataclass(frozen=True)
class ProvidedPods:
    """Pods that run already: where, under which labels, and the ports (protocol, number) that they open."""

    namespace: str
    labels: Mapping[str, str]
    ports: frozenset[tuple[str, int]]
    reason: str


@dataclass(frozen=True)
class Provided:
    """What is there, each thing by its name and with the reason to count on it."""

    namespaces: Mapping[str, str] = field(default_factory=dict)
    runtime_classes: Mapping[str, str] = field(default_factory=dict)
    storage_classes: Mapping[str, StorageClass] = field(default_factory=dict)
    provisioners: Mapping[str, str] = field(default_factory=dict)
    priority_classes: Mapping[str, str] = field(default_factory=dict)
    service_accounts: Mapping[str, str] = field(default_factory=dict)
    """Present in every namespace."""
    cluster_roles: Mapping[str, str] = field(default_factory=dict)
    pods: tuple[ProvidedPods, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    """As `namespace/name`. Who may talk to what answers there is nothing that labels of pods say."""

    @property
    def dns(self) -> ProvidedPods | None:
        """The pods that answer names, where there are some."""
        return next((one for one in self.pods if ("UDP", 53) in one.ports), None)


_KUBERNETES = "made by the API server at its first start"
_RBAC = "default role of Kubernetes' RBAC"

K3S: Final = Provided(
    services={"default/kubernetes": _KUBERNETES},
    namespaces=dict.fromkeys(("default", "kube-system", "kube-public", "kube-node-lease"), _KUBERNETES),
    runtime_classes={
        "nvidia": "K3s has a manifest for it and configures containerd when it finds NVIDIA's runtime on a node",
    },
    storage_classes={
        "local-path": StorageClass("packaged with K3s; deletes a volume with its claim", keeps=False),
    },
    provisioners={
        "rancher.io/local-path": "runs with K3s' class local-path, and serves every class that names it",
    },
    priority_classes=dict.fromkeys(("system-cluster-critical", "system-node-critical"), _KUBERNETES),
    service_accounts={"default": "made by the controller manager in every namespace"},
    cluster_roles=dict.fromkeys(("admin", "edit", "view", "cluster-admin", "system:auth-delegator"), _RBAC),
    pods=(
        ProvidedPods(
            namespace="kube-system",
            labels={"k8s-app": "kube-dns"},
            ports=frozenset({("UDP", 53), ("TCP", 53), ("TCP", 9153)}),
            reason="K3s' packaged CoreDNS; its third port has metrics",
        ),
    ),
)
"""A K3s cluster as it comes."""
