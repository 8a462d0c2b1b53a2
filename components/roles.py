"""What a workload may ask the API server: a role for the whole cluster, and its binding to the workload's account."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from components import names
from components.manifests import Manifest, arguments

_API = "rbac.authorization.k8s.io"


def cluster_role(name: str, workload: str, rules: Sequence[Manifest]) -> Manifest:
    """The role, labelled as a part of the workload."""
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": names.labels(workload)},
        "rules": list(rules),
    }


def binding(role: Manifest, namespace: str, account: str) -> Manifest:
    """Gives the role to an account."""
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": role["metadata"],
        "roleRef": {"apiGroup": _API, "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }


def granted(role: Manifest, namespace: str, account: str, child: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Register both, as children of what `child` says."""
    name = role["metadata"]["name"]
    declared = kubernetes.rbac.v1.ClusterRole(name, **arguments(role), opts=child)
    bound = kubernetes.rbac.v1.ClusterRoleBinding(
        name,
        **arguments(binding(role, namespace, account)),
        opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[declared])),
    )
    return [declared, bound]
