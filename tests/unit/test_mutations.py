"""Small wrong edits to what the program renders: each is caught by a check that names the field, not by a snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import references
from policies import exceptions, pod, pod_security
from policies.parameters import DEFAULTS
from policies.resource import Resource
from policies.rules import POD_CHECKS, RULES
from policies.workloads import workloads
from tests.unit.references.rendered import REMOVED, Object, Steps, edited, homelab, label, spelt, steps, texts

SERVER = "Deployment photos/immich-server"
LEARNING = "Deployment photos/immich-machine-learning"
DATABASE = "StatefulSet photos/immich-database"
QUEUE = "StatefulSet photos/immich-queue"
JELLYFIN = "Deployment media/jellyfin"
PLUGIN = "DaemonSet gpu/nvidia-device-plugin-k3s-master"
SMB = "DaemonSet storage/csi-smb-node"
TUNNEL = "Deployment tunnel/cloudflared"
PROXY = "Deployment tailnet/proxy-immich"
CONF = "ConfigMap photos/immich-database-conf"
SHARING = "ConfigMap gpu/nvidia-device-plugin-k3s-master-sharing"
PHOTOS = "PersistentVolume nas-photos-photos"
CONTAINERS = "spec.template.spec.containers"
VOLUMES = "spec.template.spec.volumes"
CONF_FILE = 'data["postgresql.conf"]'
SHARING_FILE = 'data["config.yaml"]'
NAME = '["app.kubernetes.io/name"]'


@dataclass(frozen=True)
class Mutation:
    """One edit: what is at `at` of the resource becomes `to`.

    named: the field that has to be named, where it isn't the edited one; of: the resource of it, likewise. after: what
    a problem's path has on top, inside a file. of_pod: whether `named` begins at the pod, as policies see it.
    """

    what: str
    resource: str
    at: str
    to: Any
    named: str | None = None
    of: str | None = None
    after: str = ""
    of_pod: bool = False

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


def less(text: str, instead: str = "") -> Any:
    """An edit of a text: a part of it gone, or replaced."""

    def shortened(whole: str) -> str:
        assert text in whole
        return whole.replace(text, instead, 1)

    return shortened


def env(container: str, name: str) -> str:
    return f"{CONTAINERS}[{container}].env[{name}]"


def mount(container: str, path: str) -> str:
    return f"{CONTAINERS}[{container}].volumeMounts[{path}]"


PORTS = (
    Mutation("database opens the next port", DATABASE, f"{CONTAINERS}[postgres].ports[postgres].containerPort", 5433),
    Mutation("jellyfin opens the next port", JELLYFIN, f"{CONTAINERS}[jellyfin].ports[http].containerPort", 8097),
    Mutation("a Service offers another port", "Service media/jellyfin", "spec.ports[http].port", 8097),
    Mutation("a Service leads to no port", "Service photos/immich-server", "spec.ports[http].targetPort", "htpp"),
    Mutation("two ports of a Service mixed up", "Service photos/immich-server", "spec.ports[http].targetPort",
             "metrics-api", named="spec.ports[http].port"),
    Mutation("a probe asks a port without a name", JELLYFIN, f"{CONTAINERS}[jellyfin].livenessProbe.tcpSocket.port",
             "web"),
    Mutation("a probe asks the port of the metrics", SERVER, f"{CONTAINERS}[server].readinessProbe.httpGet.port",
             "metrics-api"),
    Mutation("a probe of a driver asks the port beside", SMB, f"{CONTAINERS}[smb].livenessProbe.httpGet.port", 29642),
    Mutation("a health sidecar listens beside", SMB, f"{CONTAINERS}[liveness-probe].args[--http-endpoint]",
             "--http-endpoint=localhost:29642", named=f"{CONTAINERS}[smb].livenessProbe.httpGet.port"),
    Mutation("metrics moved without their port", SERVER, f"{env('server', 'IMMICH_API_METRICS_PORT')}.value", "8083"),
)  # fmt: skip
ENVIRONMENT = (
    Mutation("a typo in a variable", SERVER, f"{env('server', 'REDIS_HOSTNAME')}.name", "REDIS_HOST"),
    Mutation("a needed variable lost", SERVER, env("server", "DB_HOSTNAME"), REMOVED,
             named=f"{CONTAINERS}[server].env"),
    Mutation("a host that is no Service", SERVER, f"{env('server', 'REDIS_HOSTNAME')}.value", "redis"),
    Mutation("the host of another app", SERVER, f"{env('server', 'DB_HOSTNAME')}.value", "immich-queue"),
    Mutation("a URL with the port beside", SERVER, f"{env('server', 'IMMICH_MACHINE_LEARNING_URL')}.value",
             "http://immich-machine-learning:3004"),
    Mutation("a URL without its port", SERVER, f"{env('server', 'IMMICH_MACHINE_LEARNING_URL')}.value",
             "http://immich-machine-learning"),
    Mutation("a URL into another namespace", SERVER, f"{env('server', 'IMMICH_MACHINE_LEARNING_URL')}.value",
             "http://immich-machine-learning.media:3003"),
    Mutation("another database than the one that is made", SERVER, f"{env('server', 'DB_DATABASE_NAME')}.value",
             "imich"),
    Mutation("a password file beside the mount", SERVER, f"{env('server', 'DB_PASSWORD_FILE')}.value",
             "/run/secrets/immich-password/password"),
    Mutation("a password file without its key", DATABASE, f"{env('postgres', 'POSTGRES_PASSWORD_FILE')}.value",
             "/run/secrets/immich-database-password/passwd"),
    Mutation("a value that its variable does not take", SERVER, f"{env('server', 'IMMICH_LOG_FORMAT')}.value", "jsn"),
    Mutation("a time zone that is none", JELLYFIN, f"{env('jellyfin', 'TZ')}.value", "Asia/Bankok"),
    Mutation("models beside the cache", LEARNING, f"{env('machine-learning', 'HF_XET_CACHE')}.value", "/cach/xet"),
    Mutation("PGDATA beside its mount", DATABASE, f"{env('postgres', 'PGDATA')}.value",
             "/var/lib/postgres/data/pgdata"),
    Mutation("PGDATA at the root of its mount", DATABASE, f"{env('postgres', 'PGDATA')}.value",
             "/var/lib/postgresql/data"),
    Mutation("encoding without its capability", JELLYFIN, f"{env('jellyfin', 'NVIDIA_DRIVER_CAPABILITIES')}.value",
             "compute,utility"),
    Mutation("a field that an environment can not have", SMB, f"{env('smb', 'NODE_ID')}.valueFrom.fieldRef.fieldPath",
             "spec.node"),
    Mutation("an argument with another variable", SMB, f"{CONTAINERS}[smb].args[--nodeid]", "--nodeid=$(NODE)"),
    Mutation("every card for a pod with a slice", JELLYFIN, env("jellyfin", "DOTNET_EnableDiagnostics"),
             {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
             named=f"{env('jellyfin', 'DOTNET_EnableDiagnostics')}.name"),
)  # fmt: skip
PROBES = (
    Mutation("a typo in the path of a probe", SERVER, f"{CONTAINERS}[server].livenessProbe.httpGet.path",
             "/api/server-ping"),
    Mutation("the path of another app", JELLYFIN, f"{CONTAINERS}[jellyfin].readinessProbe.httpGet.path", "/healthz"),
    Mutation("a probe as another user", DATABASE, f"{CONTAINERS}[postgres].readinessProbe.exec.command[postgres]",
             "immich"),
    Mutation("a probe that passes too early", DATABASE, f"{CONTAINERS}[postgres].readinessProbe.exec.command",
             lambda command: [command[0], *command[3:]]),
    Mutation("a probe that takes an error for an answer", QUEUE, f"{CONTAINERS}[valkey].readinessProbe.exec.command",
             ["valkey-cli", "ping"], named=f"{CONTAINERS}[valkey].readinessProbe.exec.command[1]"),
    Mutation("a probe with another command", QUEUE, f"{CONTAINERS}[valkey].startupProbe.exec.command[0]", "redis-cli"),
    Mutation("a restart in the middle of a migration", JELLYFIN, f"{CONTAINERS}[jellyfin].livenessProbe",
             {"httpGet": {"path": "/health", "port": "http"}}),
)  # fmt: skip
VOLUMES_AND_MOUNTS = (
    Mutation("the claim of another app", SERVER, f"{VOLUMES}[immich-upload].persistentVolumeClaim.claimName",
             "immich-database"),
    Mutation("a claim that is not there", JELLYFIN, f"{VOLUMES}[jellyfin-cache].persistentVolumeClaim.claimName",
             "jellyfin-cash"),
    Mutation("settings on the volume that may go", JELLYFIN, f"{mount('jellyfin', '/config')}.name", "jellyfin-cache",
             named=f"{VOLUMES}[jellyfin-cache].persistentVolumeClaim.claimName"),
    Mutation("settings on the class that deletes", "PersistentVolumeClaim media/jellyfin-config",
             "spec.storageClassName", "local-path", of=JELLYFIN,
             named=f"{VOLUMES}[jellyfin-config].persistentVolumeClaim.claimName"),
    Mutation("a storage class that is not there", "PersistentVolumeClaim photos/immich-queue", "spec.storageClassName",
             "local-path-retained"),
    Mutation("films that can be written to", JELLYFIN, f"{mount('jellyfin', '/media/media')}.readOnly", REMOVED),
    Mutation("photos that can be written to", SERVER, f"{mount('server', '/mnt/media/photos')}.readOnly", False),
    Mutation("uploads that can not be written", SERVER, f"{mount('server', '/data')}.readOnly", True),
    Mutation("a lost mount at tmp", SERVER, mount("server", "/tmp"), REMOVED,
             named=f"{CONTAINERS}[server].volumeMounts"),
    Mutation("a volume that nobody mounts", QUEUE, mount("valkey", "/tmp"), REMOVED, named=f"{VOLUMES}[tmp].name"),
    Mutation("a mount where the app does not look", LEARNING, f"{mount('machine-learning', '/cache')}.mountPath",
             "/caches"),
    Mutation("shared memory on the disk", DATABASE, f"{VOLUMES}[shm].emptyDir.medium", REMOVED),
    Mutation("too little shared memory", DATABASE, f"{VOLUMES}[shm].emptyDir.sizeLimit", "64Mi"),
    Mutation("a Secret that is not there", DATABASE, f"{VOLUMES}[immich-database-password].secret.secretName",
             "immich-password"),
    Mutation("a ConfigMap that is not there", DATABASE, f"{VOLUMES}[conf].configMap.name", "immich-database-config"),
    Mutation("a Secret without its key", "Secret photos/immich-database-password", "stringData",
             {"passwort": "hidden"}, of=SERVER, named=f"{env('server', 'DB_PASSWORD_FILE')}.value"),
)  # fmt: skip
FILES = (
    Mutation("a dropped preload", CONF, CONF_FILE, less("vchord.so, "), after=": shared_preload_libraries"),
    Mutation("the preload of older databases dropped", CONF, CONF_FILE, less(", vectors.so"),
             after=": shared_preload_libraries"),
    Mutation("a database that nobody reaches", CONF, CONF_FILE, less("'*'", "'localhost'"), after=": listen_addresses"),
    Mutation("a setting that PostgreSQL does not know", CONF, CONF_FILE, less("shared_buffers", "shared_bufers"),
             after=": shared_bufers"),
    Mutation("a config file under another name", DATABASE, f"{CONTAINERS}[postgres].args[config_file]",
             "config_file=/etc/homebrain/postgres.conf"),
    Mutation("the config of the image which nobody filled", DATABASE, f"{CONTAINERS}[postgres].args[config_file]",
             "config_file=/etc/postgresql/postgresql.conf"),
    Mutation("a card cut in one", SHARING, SHARING_FILE, less("replicas: 4", "replicas: 1"),
             after=": sharing.timeSlicing.resources[0].replicas"),
    Mutation("a key that the plugin does not know", SHARING, SHARING_FILE,
             less("failRequestsGreater", "failRequestGreater"),
             after=": sharing.timeSlicing.failRequestGreaterThanOne"),
    Mutation("slices under another name", SHARING, SHARING_FILE, less("Default: false", "Default: true"),
             after=": sharing.timeSlicing.renameByDefault"),
)  # fmt: skip
ARGUMENTS = (
    Mutation("jobs in memory only", QUEUE, f"{CONTAINERS}[valkey].args[yes]", "no"),
    Mutation("jobs that are forgotten", QUEUE, f"{CONTAINERS}[valkey].args[noeviction]", "allkeys-lru"),
    Mutation("a typo in an argument", QUEUE, f"{CONTAINERS}[valkey].args[--appendfsync]", "--appendsync"),
)
SELECTORS_AND_CLASSES = (
    Mutation("a Service in front of nobody", "Service photos/immich-database", f"spec.selector{NAME}",
             "immich-databse"),
    Mutation("a Service in front of another app", "Service photos/immich-queue", f"spec.selector{NAME}",
             "immich-database", of=QUEUE, named="spec.serviceName"),
    Mutation("a controller of other pods", LEARNING, f"spec.selector.matchLabels{NAME}", "machine-learning"),
    Mutation("two controllers of the same pods", SERVER, f"spec.template.metadata.labels{NAME}",
             "immich-machine-learning", of=LEARNING, named="spec.selector.matchLabels"),
    Mutation("a set without its Service", DATABASE, "spec.serviceName", "database"),
    Mutation("the account of another app", SERVER, "spec.template.spec.serviceAccountName", "immich-queue",
             of="ServiceAccount photos/immich-server", named="metadata.name"),
    Mutation("an account that is not there", SERVER, "spec.template.spec.serviceAccountName", "immich"),
    Mutation("a priority that is not there", JELLYFIN, "spec.template.spec.priorityClassName", "home-interactiv"),
    Mutation("the wrong runtime", JELLYFIN, "spec.template.spec.runtimeClassName", "nvidia-legacy"),
    Mutation("a GPU without its runtime", LEARNING, "spec.template.spec.runtimeClassName", REMOVED),
    Mutation("a namespace that is not there", "Service media/jellyfin", "metadata.namespace", "medai",
             of="Service medai/jellyfin"),
    Mutation("a role that is not there", "ClusterRoleBinding homebrain-viewer", "roleRef.name", "homebrain-views"),
    Mutation("a role that another binding has", "ClusterRoleBinding homebrain-viewer", "roleRef.name",
             "homebrain-operator", of="ClusterRole homebrain-viewer", named="metadata.name"),
)  # fmt: skip
NETWORK = (
    Mutation("a policy for nobody", "NetworkPolicy photos/immich-queue", f"spec.podSelector.matchLabels{NAME}",
             "immich-redis"),
    Mutation("a way in at the port beside", "NetworkPolicy photos/immich-database", "spec.ingress[0].ports[0].port",
             5433),
    Mutation("a way out at the wrong port", "NetworkPolicy photos/immich-server", "spec.egress[1].ports[0].port", 3003),
    Mutation("a way in for another caller", "NetworkPolicy photos/immich-queue",
             f"spec.ingress[0].from[0].podSelector.matchLabels{NAME}", "immich-machine-learning",
             named="spec.ingress[0].ports[0].port"),
    Mutation("a caller in another namespace", "NetworkPolicy photos/immich-database",
             'spec.ingress[0].from[0].namespaceSelector.matchLabels["kubernetes.io/metadata.name"]', "photo"),
    Mutation("no way to the database", "NetworkPolicy photos/immich-server", "spec.egress[1]", REMOVED, of=SERVER,
             named=f"{env('server', 'DB_HOSTNAME')}.value"),
    Mutation("no way in to the database", "NetworkPolicy photos/immich-database", "spec.ingress", REMOVED,
             of="NetworkPolicy photos/immich-server", named="spec.egress[1].ports[0].port"),
    Mutation("no way to names", "NetworkPolicy photos/immich-machine-learning", "spec.egress[0]", REMOVED,
             named="spec.egress"),
    Mutation("names by UDP only", "NetworkPolicy photos/immich-server", "spec.egress[0].ports[1]", REMOVED,
             named="spec.egress"),
    Mutation("names from nobody", "NetworkPolicy photos/immich-server",
             'spec.egress[0].to[0].podSelector.matchLabels["k8s-app"]', "coredns"),
    Mutation("a way in for everybody", "NetworkPolicy photos/immich-database", "spec.ingress[0].from", []),
    Mutation("rules that do not count", "NetworkPolicy photos/immich-database", "spec.policyTypes", ["Egress"]),
    Mutation("nothing denied", "NetworkPolicy gpu/default-deny", "spec.policyTypes", ["Ingress"], of=PLUGIN,
             named="spec.template.metadata.labels"),
    Mutation("an exception that is no network", "NetworkPolicy media/jellyfin",
             "spec.egress[1].to[0].ipBlock.except[0]", "10.0.0.0/33"),
)  # fmt: skip
SHARES = (
    Mutation("a volume for a claim elsewhere", PHOTOS, "spec.claimRef.namespace", "foto"),
    Mutation("a volume for another claim", PHOTOS, "spec.claimRef.name", "library-photo"),
    Mutation("a claim on another volume", "PersistentVolumeClaim photos/library-photos", "spec.volumeName",
             "nas-media-media"),
    Mutation("more than there is", "PersistentVolumeClaim photos/library-photos", "spec.resources.requests.storage",
             "5Ti"),
    Mutation("another class than that of the volume", "PersistentVolumeClaim photos/library-photos",
             "spec.storageClassName", "local-path"),
    Mutation("the other driver", PHOTOS, "spec.csi.driver", "nfs.csi.k8s.io"),
    Mutation("credentials from the wrong namespace", PHOTOS, "spec.csi.nodeStageSecretRef.namespace", "default"),
    Mutation("credentials under another name", PHOTOS, "spec.csi.nodeStageSecretRef.name", "nas-credential"),
    Mutation("credentials without a user", "Secret storage/nas-credentials", "stringData.username", REMOVED,
             of=PHOTOS, named="spec.csi.nodeStageSecretRef.name"),
    Mutation("two volumes with one handle", "PersistentVolume nas-media-media", "spec.csi.volumeHandle",
             "192.168.0.243#photos#photos"),
    Mutation("a share spelt the other way", PHOTOS, "spec.csi.volumeAttributes.source", "\\\\192.168.0.243\\photos"),
    Mutation("a typo in a mount option", PHOTOS, "spec.mountOptions[rsize]", "rszie=131072"),
    Mutation("a digit less", PHOTOS, "spec.mountOptions[wsize]", "wsize=13107"),
    Mutation("the old protocol", PHOTOS, "spec.mountOptions[vers]", "vers=1.0"),
    Mutation("files that are mixed up", PHOTOS, "spec.mountOptions[noserverino]", REMOVED, named="spec.mountOptions"),
    Mutation("a share mounted for writing", PHOTOS, "spec.mountOptions[ro]", "rw", named="spec.mountOptions"),
    Mutation("a volume for writing", PHOTOS, "spec.csi.readOnly", False),
    Mutation("files of somebody else", PHOTOS, "spec.mountOptions",
             lambda options: [one.replace("id=1000", "id=100") for one in options], named="spec.mountOptions[gid]"),
    Mutation("a driver that waits for an attacher", "CSIDriver smb.csi.k8s.io", "spec.attachRequired", True),
    Mutation("a driver that changes owners", "CSIDriver smb.csi.k8s.io", "spec.fsGroupPolicy", "File"),
    Mutation("a driver announced elsewhere", SMB,
             f"{CONTAINERS}[node-driver-registrar].args[--kubelet-registration-path]",
             "--kubelet-registration-path=/var/lib/kubelet/plugins/smb.csi.k8s.com/csi.sock"),
    Mutation("a socket that nobody opens", SMB, f"{CONTAINERS}[liveness-probe].args[--csi-address]",
             "--csi-address=/csi/smb.sock"),
    Mutation("the socket folder of the other driver", SMB,
             f"{VOLUMES}[host-var-lib-kubelet-plugins-smb-csi-k8s-io].hostPath.path",
             "/var/lib/kubelet/plugins/csi-nfsplugin"),
    Mutation("mounts that nobody else sees", SMB, f"{mount('smb', '/var/lib/kubelet')}.mountPropagation", REMOVED),
    Mutation("a driver without privileges", SMB, f"{CONTAINERS}[smb].securityContext.privileged", False),
    Mutation("a group for every file on a share", SERVER, "spec.template.spec.securityContext", lambda security: {
             **security, "fsGroup": 1000}, named="spec.template.spec.securityContext.fsGroup"),
)  # fmt: skip
USERS = (
    Mutation("a database as nobody", DATABASE, "spec.template.spec.securityContext.runAsUser", 65534),
    Mutation("too little memory for the database", DATABASE, f"{CONTAINERS}[postgres].resources.limits.memory", "1Gi"),
    Mutation(
        "an image from elsewhere", JELLYFIN, f"{CONTAINERS}[jellyfin].image", "docker.io/jelyfin/jellyfin:10.11.11"
    ),
)
POLICIES = (
    Mutation("root after all", JELLYFIN, "spec.template.spec.securityContext.runAsNonRoot", False,
             named="spec.securityContext.runAsNonRoot", of_pod=True),
    Mutation("more rights than at the start", SERVER, f"{CONTAINERS}[server].securityContext.allowPrivilegeEscalation",
             True, named="spec.containers[server].securityContext.allowPrivilegeEscalation", of_pod=True),
    Mutation("a capability kept", QUEUE, f"{CONTAINERS}[valkey].securityContext.capabilities.drop", [],
             named="spec.containers[valkey].securityContext.capabilities.drop", of_pod=True),
    Mutation("no profile of system calls", DATABASE, "spec.template.spec.securityContext.seccompProfile", REMOVED,
             named="spec.containers[postgres].securityContext.seccompProfile", of_pod=True),
    Mutation("an image of any week", JELLYFIN, f"{CONTAINERS}[jellyfin].image", "docker.io/jellyfin/jellyfin:latest",
             named="spec.containers[jellyfin].image", of_pod=True),
    Mutation("memory without end", LEARNING, f"{CONTAINERS}[machine-learning].resources.limits.memory", REMOVED,
             named="spec.containers[machine-learning].resources.limits.memory", of_pod=True),
)  # fmt: skip
DOORS = (
    Mutation("a tunnel that looks for its token beside it", TUNNEL,
             f"{env('cloudflared', 'TUNNEL_TOKEN_FILE')}.value", "/run/secrets/cloudflared-token/tokn"),
    Mutation("a tunnel that listens beside its port", TUNNEL, f"{CONTAINERS}[cloudflared].args[0.0.0.0:2000]",
             "0.0.0.0:2001"),
    Mutation("a tunnel that is restarted while the internet is away", TUNNEL,
             f"{CONTAINERS}[cloudflared].livenessProbe.httpGet.path", "/ready"),
    Mutation("a tunnel that does not run", TUNNEL, f"{CONTAINERS}[cloudflared].args[run]", "list"),
    Mutation("an app that does not let the tunnel in", "NetworkPolicy photos/immich-server",
             f"spec.ingress[0].from[0].podSelector.matchLabels{NAME}", "cloudflare"),
    Mutation("a proxy without its serve config", PROXY, f"{env('tailscale', 'TS_SERVE_CONFIG')}.value",
             "/etc/tailscale-serve/serve.yaml"),
    Mutation("a proxy that looks for its key beside it", PROXY, f"{env('tailscale', 'TS_AUTHKEY')}.value",
             "file:/run/secrets/proxy-immich-key/key"),
    Mutation("a proxy whose state is in no Secret", PROXY, f"{env('tailscale', 'TS_KUBE_SECRET')}.value",
             "proxy-immich-stat"),
    Mutation("a proxy that asks for a device", PROXY, f"{env('tailscale', 'TS_USERSPACE')}.value", "false"),
    Mutation("a proxy without a token for its state", PROXY, "spec.template.spec.automountServiceAccountToken", False),
    Mutation("a proxy whose name is none of the tailnet's", PROXY, f"{env('tailscale', 'TS_HOSTNAME')}.value",
             "photos.example"),
    Mutation("a role for a Secret that is not there", "Role tailnet/proxy-immich", "rules[0].resourceNames[0]",
             "proxy-imich-state"),
    Mutation("a role that nobody has", "RoleBinding tailnet/proxy-immich", "roleRef.name", "proxy-imich"),
)  # fmt: skip
MUTATIONS = (
    *PORTS, *ENVIRONMENT, *PROBES, *VOLUMES_AND_MOUNTS, *FILES, *ARGUMENTS, *SELECTORS_AND_CLASSES, *NETWORK, *SHARES,
    *USERS, *POLICIES, *DOORS,
)  # fmt: skip


def caught(objects: list[Object]) -> Iterator[tuple[str, str]]:
    """Resource and field of everything that a check finds; a policy's field is told from the pod on."""
    for problem in references.problems(objects):
        yield problem.resource, problem.path
    levels: dict[str, Any] = {
        one["metadata"]["name"]: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in objects
        if one["kind"] == "Namespace"
    }
    # Which plugins may be privileged is for the pack's exceptions to say.
    granted = exceptions.load(exceptions.FILE, RULES)
    for one in objects:
        if one["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
            continue
        template, faults = pod.read(one["spec"]["template"])
        level = levels.get(one["metadata"]["namespace"], "restricted")
        faults += [fault for _, fault in pod_security.faults(template, level)]
        resource = Resource("", f"kubernetes:apps/v1:{one['kind']}", one["metadata"]["name"], one)
        (workload,) = workloads(resource)
        checks = [check for check in POD_CHECKS if not any(one.covers(check.rule, resource) for one in granted)]
        judged = [fault for check in checks for fault in check.faults(workload, DEFAULTS)]
        faults += [replace(fault, path=fault.path.removeprefix("spec.template.")) for fault in judged]
        yield from ((label(one), fault.path) for fault in faults)


def test_without_an_edit_nothing_is_caught() -> None:
    assert list(caught(homelab())) == []


def test_there_are_many_edits_and_no_two_alike() -> None:
    assert len(MUTATIONS) >= 30
    assert len({one.what for one in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_wrong_edit_is_caught_where_it_is_wrong(mutation: Mutation) -> None:
    there = {label(one): one for one in homelab()}
    one = there[mutation.resource]
    resource = mutation.of or mutation.resource
    # Where the field is, is looked up before the edit takes it away.
    within = there.get(resource, one)
    path = steps(within["spec"]["template"] if mutation.of_pod else within, mutation.named or mutation.at)
    found = set(caught(edited(mutation.resource, steps(one, mutation.at), mutation.to)))
    assert (resource, spelt(path) + mutation.after) in found, sorted(found)


# Every reference there is.

HOSTS = ("DB_HOSTNAME", "REDIS_HOSTNAME", "IMMICH_MACHINE_LEARNING_URL")
REFERENCES = tuple(
    re.compile(pattern)
    for pattern in (
        r".* metadata\.namespace",
        r".*\.serviceAccountName",
        r".*\.(priorityClassName|runtimeClassName|storageClassName)",
        r".*\.volumes\[\d+\]\.(name|secret\.secretName|configMap\.name|persistentVolumeClaim\.claimName)",
        r".*\.volumeMounts\[\d+\]\.(name|mountPath)",
        r".*\.(secretKeyRef|configMapKeyRef)\.(name|key)",
        r".*\.fieldRef\.fieldPath",
        r".*\.(startupProbe|readinessProbe|livenessProbe)\.(httpGet|tcpSocket)\.(port|path)",
        r".*\.containers\[\d+\]\.(image|ports\[\d+\]\.name)",
        r".*\.env\[\d+\]\.name",
        r"Service .* spec\.(selector\..+|ports\[\d+\]\.targetPort)",
        r"StatefulSet .* spec\.serviceName",
        r".* spec\.selector\.matchLabels\..+",
        r"NetworkPolicy .* spec\..*matchLabels\..+",
        r"PersistentVolume .* spec\.(claimRef\.(name|namespace)|csi\.driver|csi\.nodeStageSecretRef\.(name|namespace))",
        r"PersistentVolumeClaim .* spec\.volumeName",
        r"StorageClass .* provisioner",
        r".* roleRef\.(kind|name)",
    )
)


@dataclass(frozen=True)
class Reference:
    """A text that names something else: where, and what it says."""

    resource: str
    way: tuple[str | int, ...]
    text: str

    @property
    def kind(self) -> str:
        """What sort of field it is, wherever it stands."""
        return ".".join([step for step in self.way if isinstance(step, str)][-2:])


def all_references() -> list[Reference]:
    found = []
    for one in homelab():
        for way, text in texts(one):
            name = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", f"{label(one)} {'.'.join(map(str, way))}")
            if text and (any(pattern.fullmatch(name) for pattern in REFERENCES) or _is_host_or_file(one, way)):
                found.append(Reference(label(one), tuple(way), text))
    return found


def _is_host_or_file(one: Object, way: Steps) -> bool:
    if way[-1] != "value" or way[-3] != "env":
        return False
    entry: Any = one
    for step in way[:-1]:
        entry = entry[step]
    return entry["name"] in HOSTS or entry["name"].endswith("_FILE")


FOUND = all_references()
# Any class of priority is right for a pod, as far as anybody can tell.
NOT_TO_BE_SWAPPED = ("spec.priorityClassName",)


def test_there_are_references_of_every_kind() -> None:
    kinds = {one.kind for one in FOUND}
    assert {"claimRef.name", "nodeStageSecretRef.namespace", "persistentVolumeClaim.claimName", "httpGet.port"} <= kinds
    assert len(FOUND) > 150


def problems(reference: Reference, text: str) -> list[references.Problem]:
    return references.problems(edited(reference.resource, list(reference.way), text))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FOUND), st.from_regex(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True))
def test_a_reference_to_something_else_is_caught(reference: Reference, text: str) -> None:
    if text not in {one.text for one in FOUND}:
        assert problems(reference, text)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_reference_to_the_wrong_one_of_its_kind_is_caught(data: st.DataObject) -> None:
    reference = data.draw(st.sampled_from(FOUND))
    others = sorted({one.text for one in FOUND if one.kind == reference.kind} - {reference.text})
    if others and reference.kind not in NOT_TO_BE_SWAPPED:
        assert problems(reference, data.draw(st.sampled_from(others)))
