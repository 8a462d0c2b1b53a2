"""From a workload to objects of the Kubernetes API: pure functions, plain dicts in the API's own camelCase.

Tests and other tools take them without an engine. What every pod is given, whatever it is, is decided here.
"""

from __future__ import annotations

import hashlib
import re

from components import names
from components.manifests import Manifest
from components.workload import (
    Claim,
    Container,
    EveryGpu,
    Exec,
    Files,
    HostPath,
    Http,
    Mount,
    PodField,
    Probe,
    Scratch,
    SecretFiles,
    SecretKey,
    Slices,
    Tcp,
    Volume,
    Workload,
)


def service_account(workload: Workload) -> Manifest:
    """An account of the workload's own. Its token is mounted only where the workload says that it talks to the API
    server."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": _metadata(workload),
        "automountServiceAccountToken": workload.api_token,
    }


def config_maps(workload: Workload) -> list[Manifest]:
    """One ConfigMap for each `Files` volume of the workload."""
    return [_config_map(files, workload) for files in _files(workload)]


def service(workload: Workload) -> Manifest | None:
    """A ClusterIP Service with every port of the pod, or None when it has none or runs on the host's network.

    Nothing in the home is a NodePort or a LoadBalancer: every way in is a door.
    """
    if not workload.ports or workload.host_network:
        return None
    spec: Manifest = {
        "type": "ClusterIP",
        "selector": names.selector(workload.name),
        "ports": [
            {"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in workload.ports.items()
        ],
    }
    metadata = _metadata(workload)
    # Pulumi would watch the endpoints for ten seconds before it took the Service for ready. That there are pods, and
    # that they are ready, it knows from the controller already; that the selector finds them, from how both are made.
    metadata["annotations"] = {names.ANNOTATION_SKIP_AWAIT: "true"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def controller(workload: Workload) -> Manifest:
    """The Deployment, StatefulSet or DaemonSet that keeps the workload's pods running."""
    spec: Manifest = {
        "selector": {"matchLabels": names.selector(workload.name)},
        "template": pod_template(workload),
        "revisionHistoryLimit": 3,
    }
    if workload.kind != "DaemonSet":
        spec["replicas"] = workload.replicas
    if workload.kind == "StatefulSet":
        spec["serviceName"] = workload.name
    if workload.kind == "Deployment" and (not workload.overlap or _writes_to_a_claim(workload)):
        # Two pods at once on one volume would corrupt what they share: SQLite, caches.
        spec["strategy"] = {"type": "Recreate"}
    return {"apiVersion": "apps/v1", "kind": workload.kind, "metadata": _metadata(workload), "spec": spec}


def disruption_budget(workload: Workload) -> Manifest | None:
    """A PodDisruptionBudget that keeps all replicas but one while nodes are drained, or None for a single replica: a
    budget would only keep its node from ever being drained."""
    if workload.kind == "DaemonSet" or workload.replicas < 2:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(workload),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(workload.name)},
            # A pod that isn't ready holds nothing up: its node may be drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def pod_template(workload: Workload) -> Manifest:
    """The pod template: `metadata` and `spec`."""
    annotations = {f"{names.ANNOTATION_DEVIATION}.{one.label}": reason for one, reason in workload.deviations.items()}
    if memory := workload.gpu_memory:
        annotations[names.ANNOTATION_VRAM] = memory.size
        annotations[names.ANNOTATION_GPU_PROCESSES] = str(memory.processes)
    if maps := [_config_map(files, workload) for files in _files(workload) if not files.reread]:
        annotations[names.ANNOTATION_CONFIG] = _digest(maps)
    metadata: Manifest = {"labels": names.labels(workload.name)}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": _pod_spec(workload)}


def _pod_spec(workload: Workload) -> Manifest:
    user = workload.user
    security: Manifest = {
        "runAsNonRoot": user.uid != 0,
        "runAsUser": user.uid,
        "runAsGroup": user.gid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if user.fs_group is not None:
        # A volume with many files would keep the pod from starting for minutes if each were touched every time.
        security |= {"fsGroup": user.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    if user.groups:
        security["supplementalGroups"] = list(user.groups)
    spec: Manifest = {
        "serviceAccountName": workload.name,
        "automountServiceAccountToken": workload.api_token,
        # Links would put JELLYFIN_PORT and the like into the environment of apps that read such names as their
        # settings.
        "enableServiceLinks": False,
        "priorityClassName": workload.priority,
        "securityContext": security,
        "terminationGracePeriodSeconds": workload.grace_seconds,
        "containers": [_container(one, workload) for one in workload.containers],
    }
    if workload.init_containers:
        spec["initContainers"] = [_container(one, workload) for one in workload.init_containers]
    if volumes := _volumes(workload):
        spec["volumes"] = [{"name": name, **_volume_source(volume, workload)} for name, volume in volumes.items()]
    if affinity := _node_affinity(workload):
        spec["affinity"] = {"nodeAffinity": affinity}
    if workload.replicas > 1:
        # Preferred, not demanded: with one node in service, all replicas run there.
        spread: Manifest = {
            "maxSkew": 1,
            "topologyKey": names.LABEL_HOSTNAME,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": names.selector(workload.name)},
        }
        if workload.kind == "Deployment":
            # Each generation is spread by itself: pods that are about to go would push their successors together.
            spread["matchLabelKeys"] = ["pod-template-hash"]
        spec["topologySpreadConstraints"] = [spread]
    tolerations = [dict(one) for one in workload.tolerations]
    if any(one.gpu for one in workload.every_container):
        spec["runtimeClassName"] = names.RUNTIME_CLASS_NVIDIA
        # The taint by which owners commonly keep other pods off a machine with a card.
        tolerations.append({"key": names.GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"})
    if tolerations:
        spec["tolerations"] = tolerations
    if workload.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return spec


def _container(container: Container, workload: Workload) -> Manifest:
    manifest: Manifest = {"name": container.name, "image": container.image}
    if container.command:
        manifest["command"] = list(container.command)
    if container.args:
        manifest["args"] = list(container.args)
    if env := _env(container):
        manifest["env"] = [{"name": name, **value} for name, value in env.items()]
    if container.ports:
        manifest["ports"] = [
            {"name": name, "containerPort": port, "protocol": "TCP"} for name, port in container.ports.items()
        ]
    for kind, probe in (
        ("startupProbe", container.startup),
        ("readinessProbe", container.readiness),
        ("livenessProbe", container.liveness),
    ):
        if probe is not None:
            manifest[kind] = _probe(probe)
    manifest["resources"] = _resources(container)
    manifest["securityContext"] = _container_security(container)
    if workload.drain_seconds and container.ports:
        manifest["lifecycle"] = {"preStop": {"sleep": {"seconds": workload.drain_seconds}}}
    if container.mounts:
        manifest["volumeMounts"] = [_volume_mount(mount, workload) for mount in container.mounts]
    return manifest


def _env(container: Container) -> dict[str, Manifest]:
    env = {name: _env_value(value) for name, value in container.env.items()}
    if container.gpu is not None:
        env["NVIDIA_DRIVER_CAPABILITIES"] = {"value": ",".join(container.gpu_capabilities)}
    if isinstance(container.gpu, EveryGpu):
        # Said outright: on the nvidia runtime the image's own default would decide. Where a slice is requested it must
        # not be set, since the kubelet appends the pod's value after the device plugin's.
        env["NVIDIA_VISIBLE_DEVICES"] = {"value": "all"}
    return env


def _env_value(value: str | SecretKey | PodField) -> Manifest:
    match value:
        case SecretKey(secret, key):
            return {"valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        case PodField(path):
            return {"valueFrom": {"fieldRef": {"fieldPath": path}}}
        case str():
            return {"value": value}


def _probe(probe: Probe) -> Manifest:
    match probe.check:
        case Http(path, port, host):
            check: Manifest = {"httpGet": {"path": path, "port": port} | ({"host": host} if host else {})}
        case Tcp(port):
            check = {"tcpSocket": {"port": port}}
        case Exec(command):
            check = {"exec": {"command": list(command)}}
    return check | {"periodSeconds": probe.period, "failureThreshold": probe.failures, "timeoutSeconds": probe.timeout}


def _resources(container: Container) -> Manifest:
    given = container.resources
    requests: Manifest = {"cpu": given.cpu, "memory": given.memory}
    # No CPU limit: it would throttle a pod on an idle machine. Memory can't be throttled, so it has one.
    limits: Manifest = {"memory": given.memory_limit or given.memory} if given.memory_limit != "" else {}
    if isinstance(container.gpu, Slices):
        slices = {names.GPU_RESOURCE: str(container.gpu.count)}
        requests, limits = requests | slices, limits | slices
    return {"requests": requests} | ({"limits": limits} if limits else {})


def _container_security(container: Container) -> Manifest:
    if container.privileged:
        return {"privileged": True, "readOnlyRootFilesystem": not container.writable_root}
    capabilities: Manifest = {"drop": ["ALL"]}
    if container.capabilities:
        capabilities["add"] = list(container.capabilities)
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "readOnlyRootFilesystem": not container.writable_root,
    }


def _volume_mount(mount: Mount, workload: Workload) -> Manifest:
    manifest: Manifest = {"name": _volume_name(mount.volume), "mountPath": mount.path}
    if mount.read_only or isinstance(mount.volume, Files | SecretFiles):
        manifest["readOnly"] = True
    if mount.sub_path is not None:
        manifest["subPath"] = mount.sub_path
    if mount.bidirectional:
        manifest["mountPropagation"] = "Bidirectional"
    elif mount.from_host:
        manifest["mountPropagation"] = "HostToContainer"
    return manifest


def _volumes(workload: Workload) -> dict[str, Volume]:
    """Every volume that a container mounts, once, by its name in the pod."""
    volumes: dict[str, Volume] = {}
    for container in workload.every_container:
        for mount in container.mounts:
            name = _volume_name(mount.volume)
            if volumes.setdefault(name, mount.volume) != mount.volume:
                raise ValueError(f'{workload.name}: two different volumes are named "{name}"')
    return volumes


def _volume_name(volume: Volume) -> str:
    match volume:
        case Claim(claim):
            return claim
        case Scratch(name) | Files(name):
            return name
        case SecretFiles(secret):
            return secret
        case HostPath(path):
            return "host-" + (re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "root")


def _volume_source(volume: Volume, workload: Workload) -> Manifest:
    match volume:
        case Claim(claim):
            return {"persistentVolumeClaim": {"claimName": claim}}
        case Scratch(_, size, in_memory):
            return {"emptyDir": {"sizeLimit": size} | ({"medium": "Memory"} if in_memory else {})}
        case Files(name):
            return {"configMap": {"name": f"{workload.name}-{name}"}}
        case SecretFiles(secret):
            # The files belong to root. All of the pod is one user, who has to read them.
            return {"secret": {"secretName": secret, "defaultMode": 0o444}}
        case HostPath(path, kind):
            return {"hostPath": {"path": path, "type": kind}}


def _node_affinity(workload: Workload) -> Manifest:
    affinity: Manifest = {}
    if workload.nodes:
        hostname = {"key": names.LABEL_HOSTNAME, "operator": "In", "values": list(workload.nodes)}
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {
            "nodeSelectorTerms": [{"matchExpressions": [hostname]}]
        }
    if workload.prefers:
        hostname = {"key": names.LABEL_HOSTNAME, "operator": "In", "values": [workload.prefers]}
        anywhere = {"key": names.LABEL_HOSTNAME, "operator": "Exists"}
        # The scheduler takes the sum of a node's weights as a share of the highest sum. With the preferred node alone,
        # all others would be worth nothing beside it, and replicas would gather there: its weight and that of their
        # spreading are the same. So the others are worth half.
        affinity["preferredDuringSchedulingIgnoredDuringExecution"] = [
            {"weight": 1, "preference": {"matchExpressions": [one]}} for one in (hostname, anywhere)
        ]
    return affinity


def _writes_to_a_claim(workload: Workload) -> bool:
    mounts = (mount for container in workload.every_container for mount in container.mounts)
    return any(isinstance(mount.volume, Claim) and not mount.read_only for mount in mounts)


def _files(workload: Workload) -> list[Files]:
    return [volume for volume in _volumes(workload).values() if isinstance(volume, Files)]


def _config_map(files: Files, workload: Workload) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(workload, f"{workload.name}-{files.name}"),
        "data": dict(files.content),
    }


def _metadata(workload: Workload, name: str | None = None) -> Manifest:
    return {"name": name or workload.name, "namespace": workload.namespace, "labels": names.labels(workload.name)}


def _digest(maps: list[Manifest]) -> str:
    text = repr([(one["metadata"]["name"], sorted(one["data"].items())) for one in maps])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
