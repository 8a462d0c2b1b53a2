"""The GPUs of a node as pods can ask for them: what the NVIDIA device plugin that runs there makes of the cards.

Source: k8s-device-plugin, api/config/v1 (config.go, replicas.go, resources.go). A config's own `resources` and `rename`
are ignored there, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from twin.api import Api, Manifest
from twin.controllers import pods
from twin.controllers.cache import Objects
from twin.marks import DEVICES, GPU

RESOURCE = "nvidia.com/gpu"

_IMAGE = "k8s-device-plugin"
# Other programs of the same image.
_OTHER_PROGRAMS = {"config-manager", "gpu-feature-discovery", "mps-control-daemon"}


class PluginError(Exception):
    """The device plugin would end with this message."""


def plugin(pod: pods.Pod) -> Mapping[str, Any] | None:
    """The container of the pod that is the device plugin, if there is one."""
    containers: list[Mapping[str, Any]] = pod["spec"]["containers"]
    for container in containers:
        program = PurePosixPath(str((container.get("command") or [""])[0])).name
        if pods.image_name(container) == _IMAGE and program not in _OTHER_PROGRAMS:
            return container
    return None


def cards(node: Mapping[str, Any]) -> int:
    """How many cards the machine has."""
    annotation = node["metadata"].get("annotations", {}).get(GPU)
    return int(json.loads(annotation)["count"]) if annotation else 0


def devices(pod: pods.Pod, container: Mapping[str, Any], node: Mapping[str, Any], objects: Objects) -> dict[str, int]:
    """What the plugin in `container` registers on `node`, by resource. Raises `PluginError` when it would end."""
    config = config_file(pod, container, objects)
    # Without the nvidia runtime the plugin sees no driver, whatever the machine has.
    if pod["spec"].get("runtimeClassName") != "nvidia" or not cards(node):
        if _fails_without_driver(container):
            raise PluginError(
                "error starting plugins: invalid device discovery strategy: no NVML, runtimeClassName is not nvidia"
            )
        return {}
    return advertised(config, cards(node))


def config_file(pod: pods.Pod, container: Mapping[str, Any], objects: Objects) -> str | None:
    """The config file that the plugin reads, from the ConfigMap that is mounted there; None when it reads none."""
    path = pods.flag(container, "config-file") or pods.variable(container, "CONFIG_FILE")
    if not path:
        return None
    missing = PluginError(f"unable to load config: error opening config file: open {path}: no such file or directory")
    for mount in container.get("volumeMounts") or []:
        where = PurePosixPath(mount["mountPath"])
        if mount.get("subPath") and where == PurePosixPath(path):
            file = mount["subPath"]
        elif PurePosixPath(path).is_relative_to(where):
            file = str(PurePosixPath(path).relative_to(where))
        else:
            continue
        volume = next((each for each in pods.volumes(pod) if each["name"] == mount["name"]), {})
        text = _file(volume.get("configMap") or {}, file, pods.namespace(pod), objects)
        if text is None:
            raise missing
        return text
    raise missing


def _file(source: Mapping[str, Any], path: str, namespace: str, objects: Objects) -> str | None:
    """A file of a ConfigMap volume, by its path in there."""
    items = {item["path"]: item["key"] for item in source.get("items") or []}
    config_map = objects.get("ConfigMap", source.get("name", ""), namespace) or {}
    text: str | None = (config_map.get("data") or {}).get(items.get(path) if items else path)
    return text


def advertised(config: str | None, count: int) -> dict[str, int]:
    """What the plugin offers of `count` cards with this config, by resource. Raises `PluginError` when it would end.

    >>> advertised("version: v1\\nsharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 4}]}}", 1)
    {'nvidia.com/gpu': 4}
    """
    whole = {RESOURCE: count}
    if config is None:
        return whole
    try:
        document = yaml.safe_load(config)
    except yaml.YAMLError as error:
        raise _unreadable(f"error converting YAML to JSON: {error}") from error
    document = _object({} if document is None else document, "the file")
    version = document.get("version") or "v1"
    if version != "v1":
        raise PluginError(f"unable to load config: error parsing config file: unknown version: {version}")
    sharing = _object(document.get("sharing") or {}, "sharing")
    if sharing.get("mps"):
        raise PluginError("error waiting for MPS daemon: the twin knows time-slicing only")
    if sharing.get("timeSlicing") is None:
        return whole
    slicing = _object(sharing["timeSlicing"], "sharing.timeSlicing")
    replicas = _replicas(slicing).get(RESOURCE)
    if replicas is None:
        return whole
    return {f"{RESOURCE}.shared" if slicing.get("renameByDefault") else RESOURCE: count * replicas}


def capacity(node: Mapping[str, Any], plugins: list[pods.Pod]) -> dict[str, str]:
    """What the node is to offer, as a change of its capacity: what Ready plugins registered, and none of the rest."""
    offered: dict[str, int] = {RESOURCE: 0} if cards(node) else {}
    for name in node.get("status", {}).get("capacity", {}):
        if name.startswith(RESOURCE):
            offered[name] = 0
    for pod in plugins:
        annotation = pod["metadata"].get("annotations", {}).get(DEVICES)
        if pods.is_ready(pod) and not pods.is_leaving(pod) and annotation:
            for name, count in json.loads(annotation).items():
                offered[name] = max(offered.get(name, 0), count)
    return {name: str(count) for name, count in offered.items()}


def reconcile(api: Api, objects: Objects) -> None:
    """Make every node that answers offer what its device plugin registered."""
    plugins = [pod for pod in objects.all("Pod") if plugin(pod)]
    for node in objects.all("Node"):
        # Of a node that doesn't answer the cluster keeps what it last said.
        if not pods.is_ready(node):
            continue
        offered = capacity(node, [pod for pod in plugins if pods.node_name(pod) == node["metadata"]["name"]])
        status = node["status"]
        current = {name: status.get("capacity", {}).get(name) for name in offered}
        if current != offered:
            change: Manifest = {"status": {"capacity": offered, "allocatable": offered}}
            api.patch(node, change, "status")


def _replicas(slicing: Mapping[str, Any]) -> dict[str, int]:
    resources = slicing.get("resources")
    if not isinstance(resources, list) or not resources:
        raise _unreadable("no resources specified")
    found: dict[str, int] = {}
    for resource in resources:
        resource = _object(resource, "sharing.timeSlicing.resources")
        name, replicas = resource.get("name"), resource.get("replicas")
        if not isinstance(name, str):
            raise _unreadable("no resource name specified")
        if replicas is None:
            raise _unreadable("no replicas specified")
        if not isinstance(replicas, int) or isinstance(replicas, bool):
            raise _unreadable(f"cannot unmarshal {json.dumps(replicas)} into Go value of type int")
        if replicas < 2:
            raise _unreadable("number of replicas must be >= 2")
        found[name if "/" in name else f"nvidia.com/{name}"] = replicas
    return found


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _unreadable(f"{where} is not a mapping")
    return value


def _unreadable(detail: str) -> PluginError:
    return PluginError(f"unable to load config: error parsing config file: unmarshal error: {detail}")


def _fails_without_driver(container: Mapping[str, Any]) -> bool:
    value = pods.flag(container, "fail-on-init-error") or pods.variable(container, "FAIL_ON_INIT_ERROR") or "true"
    return value.lower() not in ("false", "0", "f")
