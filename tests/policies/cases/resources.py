"""Rules on other resources, and on what several make together: ways in, permissions, data, traffic, databases."""

from __future__ import annotations

from typing import Any

from policies.unknown import UNKNOWN
from tests.policies.cases.case import Case, Declared, Json, core, edited, room, running

RBAC = "kubernetes:rbac.authorization.k8s.io/v1"


def service(**spec: Any) -> tuple[Declared, ...]:
    """A Service."""
    return (*room(), core("Service", "app", {"spec": {"selector": {"app": "app"}, **spec}}, namespace="room"))


def role(*rules: Json, kind: str = "ClusterRole") -> tuple[Declared, ...]:
    """A role of these rules."""
    props = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "r"},
        "rules": list(rules),
    }
    return (Declared(f"{RBAC}:{kind}", "reader", props),)


def binding(name: Any, subject: Any, kind: str = "ClusterRoleBinding") -> tuple[Declared, ...]:
    """A binding of a role to somebody."""
    group = "rbac.authorization.k8s.io"
    props = {
        "apiVersion": f"{group}/v1",
        "kind": kind,
        "metadata": {"name": "b"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": subject}],
    }
    return (Declared(f"{RBAC}:{kind}", "bound", props),)


def claim(storage_class: Any = "local-path-retain", protect: bool = True, name: str = "data", **spec: Any) -> Declared:
    """A claim on a storage class."""
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": storage_class, **spec}
    return core("PersistentVolumeClaim", name, {"spec": spec}, protect, "room")


def volume(policy: Any = "Retain", protect: bool = True, **spec: Any) -> Declared:
    """A volume that is declared beforehand."""
    return core("PersistentVolume", "nas-data", {"spec": {"persistentVolumeReclaimPolicy": policy, **spec}}, protect)


def database(source: Json, read_only: bool = False, image: Any = "docker.io/library/postgres:17.5") -> Declared:
    """A database on some volume."""
    mount = {"name": "data", "mountPath": "/var/lib/postgresql/data", "readOnly": read_only}
    return running(
        edited(
            ("spec.containers.0.image", image),
            ("spec.containers.0.volumeMounts", [mount]),
            ("spec.volumes", [{"name": "data", **source}]),
        ),
        kind="StatefulSet",
    )


def closing(namespace: Any = "room", **spec: Any) -> Declared:
    """A NetworkPolicy, by default one that denies everything."""
    spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], **spec}
    return Declared(
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "policy",
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "policy", "namespace": namespace},
            "spec": spec,
        },
    )


CLAIMED = {"persistentVolumeClaim": {"claimName": "data"}}
SMB = {"csi": {"driver": "smb.csi.k8s.io", "volumeHandle": "nas"}}
ON_SHARE = "spec.template.spec.volumes[0] is a network share under a database"
(NAMESPACE, _) = room()

WAYS_IN = [
    Case("service-cluster-ip", "inside the cluster", service(type="ClusterIP", ports=[{"port": 80}])),
    Case("service-cluster-ip", "without a type", service(ports=[{"port": 80, "nodePort": 0}])),
    Case("service-cluster-ip", "a port of every node", service(type="NodePort"), ("spec.type is `NodePort`",)),
    Case("service-cluster-ip", "a balancer", service(type="LoadBalancer"), ("spec.type is `LoadBalancer`",)),
    Case("service-cluster-ip", "outer addresses", service(externalIPs=["192.168.0.9"]), ("spec.externalIPs is set",)),
    Case(
        "service-cluster-ip",
        "a port of every node beside no type",
        service(ports=[{"port": 80, "nodePort": 30080}]),
        ("spec.ports[0].nodePort is a port of every node",),
    ),
    Case("service-cluster-ip", "a type unknown", service(type=UNKNOWN), ("type is not known yet",), undecided=True),
    Case("no-ingress", "a Service", service()),
    *[
        Case(
            "no-ingress",
            token,
            (*room(), Declared(token, "app", {"metadata": {"name": "app", "namespace": "room"}})),
            (f"all of it is of kind {token.rpartition(':')[2]}, allowed is no ingress at all",),
        )
        for token in (
            "kubernetes:networking.k8s.io/v1:Ingress",
            "kubernetes:extensions/v1beta1:Ingress",
            "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute",
            "kubernetes:traefik.io/v1alpha1:IngressRoute",
        )
    ],
]
READ = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
PERMISSIONS = [
    Case("rbac-no-wildcards", "each named", role(READ)),
    Case("rbac-no-wildcards", "no rules", role()),
    Case("rbac-no-wildcards", "every verb", role({**READ, "verbs": ["*"]}), ("rules[0].verbs[0] is `*`, or",)),
    Case("rbac-no-wildcards", "every group", role(READ, {**READ, "apiGroups": ["*"]}), ("rules[1].apiGroups[0] is",)),
    Case(
        "rbac-no-wildcards",
        "in a Role",
        role({**READ, "resources": ["pods/*"]}, kind="Role"),
        ("rules[0].resources[0]",),
    ),
    Case(
        "rbac-no-wildcards",
        "a resource unknown",
        role({**READ, "resources": [UNKNOWN]}),
        ("rules[0].resources[0] is not known yet",),
        undecided=True,
    ),
    Case("rbac-no-cluster-admin", "a role of its own", binding("homebrain-viewer", "homebrain:viewers")),
    Case(
        "rbac-no-cluster-admin",
        "cluster-admin",
        binding("cluster-admin", "homebrain:viewers"),
        ("roleRef.name is `cluster-admin`",),
    ),
    Case(
        "rbac-no-cluster-admin",
        "in a RoleBinding",
        binding("cluster-admin", "homebrain:viewers", kind="RoleBinding"),
        ("roleRef.name is `cluster-admin`",),
    ),
    Case(
        "rbac-no-cluster-admin",
        "the masters",
        binding("viewer", "system:masters"),
        ("subjects[0].name is `system:masters`",),
    ),
    Case(
        "rbac-no-cluster-admin",
        "a role unknown",
        binding(UNKNOWN, "v"),
        ("name is not known yet",),
        undecided=True,
    ),
]
PROTECT = "its option `protect` is false, allowed is true"
DATA = [
    Case("data-protected", "protected", (*room(), claim(), volume())),
    Case("data-protected", "a claim that may go", (*room(), claim("local-path", protect=False))),
    Case("data-protected", "a claim that may not", (*room(), claim(protect=False)), (PROTECT,)),
    Case("data-protected", "a claim on no class", (*room(), claim(None, protect=False)), (PROTECT,)),
    Case("data-protected", "a volume", (volume(protect=False),), (PROTECT,)),
    Case(
        "data-protected", "a volume that goes", (volume("Delete"),), ("spec.persistentVolumeReclaimPolicy is `Delete`",)
    ),
    Case(
        "data-protected",
        "a namespace",
        (Declared(NAMESPACE.token, NAMESPACE.name, NAMESPACE.props), room()[1]),
        (PROTECT,),
    ),
    Case(
        "data-protected",
        "claims of a template",
        (
            *room(),
            running(
                edited(),
                kind="StatefulSet",
                volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": {"storageClassName": "local-path-retain"}}],
            ),
        ),
        ("spec.volumeClaimTemplates[0] is a claim that can't be protected",),
    ),
    Case(
        "data-protected",
        "claims of a template that may go",
        (
            *room(),
            running(
                edited(),
                kind="StatefulSet",
                volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": {"storageClassName": "local-path"}}],
            ),
        ),
    ),
    Case(
        "data-protected",
        "a class unknown",
        (*room(), claim(UNKNOWN, protect=False)),
        ("spec.storageClassName is not known yet",),
        undecided=True,
    ),
]
OPEN = "its traffic is denied by no NetworkPolicy"
TRAFFIC = [
    Case("default-deny", "closed", room()),
    Case("default-deny", "open", (NAMESPACE,), (OPEN,)),
    Case("default-deny", "one way", (NAMESPACE, closing(policyTypes=["Ingress"])), (OPEN,)),
    Case("default-deny", "for some", (NAMESPACE, closing(podSelector={"matchLabels": {"a": "b"}})), (OPEN,)),
    Case("default-deny", "but for a rule", (NAMESPACE, closing(ingress=[{}])), (OPEN,)),
    Case("default-deny", "closed elsewhere", (NAMESPACE, closing("other")), (OPEN,)),
    Case(
        "default-deny",
        "a policy somewhere",
        (NAMESPACE, closing(UNKNOWN)),
        ("metadata.namespace of NetworkPolicy policy is not known yet",),
        undecided=True,
    ),
    Case(
        "default-deny",
        "a policy for somebody",
        (NAMESPACE, closing(podSelector=UNKNOWN)),
        ("spec.podSelector of NetworkPolicy policy is not known yet",),
        undecided=True,
    ),
]
DATABASES = [
    Case("database-on-local-disk", "on local disk", (*room(), claim(), database(CLAIMED))),
    Case("database-on-local-disk", "on a claim of others", (*room(), database(CLAIMED))),
    Case(
        "database-on-local-disk",
        "that only reads a share",
        (*room(), claim("", volumeName="nas-data"), volume(**SMB), database(CLAIMED, read_only=True)),
    ),
    Case(
        "database-on-local-disk",
        "another app on a share",
        (*room(), claim("", volumeName="nas-data"), volume(**SMB), database(CLAIMED, image="ghcr.io/a/viewer:1")),
    ),
    Case(
        "database-on-local-disk",
        "on a share",
        (*room(), claim("", volumeName="nas-data"), volume(**SMB), database(CLAIMED)),
        (ON_SHARE,),
    ),
    Case(
        "database-on-local-disk",
        "on NFS, declared before its volume",
        (
            *room(),
            database(CLAIMED, image="ghcr.io/immich-app/postgres:14"),
            claim("", volumeName="nas-data"),
            volume(nfs={"server": "nas", "path": "/"}),
        ),
        (ON_SHARE,),
    ),
    Case(
        "database-on-local-disk",
        "on a class of shares",
        (
            *room(),
            claim("nas"),
            Declared(
                "kubernetes:storage.k8s.io/v1:StorageClass",
                "nas",
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "StorageClass",
                    "metadata": {"name": "nas"},
                    "provisioner": "nfs.csi.k8s.io",
                },
            ),
            database(CLAIMED),
        ),
        (ON_SHARE,),
    ),
    Case(
        "database-on-local-disk",
        "on a volume unknown",
        (*room(), claim("", volumeName=UNKNOWN), volume(**SMB), database(CLAIMED)),
        ("spec.volumeName of its claim is not known yet",),
        undecided=True,
    ),
]

CASES: tuple[Case, ...] = (*WAYS_IN, *PERMISSIONS, *DATA, *TRAFFIC, *DATABASES)
