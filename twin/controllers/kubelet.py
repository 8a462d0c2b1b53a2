"""Whether a pod that was placed on a node may start there, and why not: the part of a kubelet that kwok leaves out.

kwok would run any pod. Here one waits, like at home, for its ConfigMaps, Secrets and keys, for the driver of its
volumes and for the runtime it names; a device plugin that can't read its config restarts for ever. When nothing is in
the way, the condition PodReadyToStartContainers is set, on which kwok's stage `pod-start` acts.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from twin.api import Api, ApiError, Manifest
from twin.controllers import csi, gpu, pods
from twin.controllers.cache import Objects
from twin.controllers.events import Recorder
from twin.marks import ANSWERING, DEVICES

START = "PodReadyToStartContainers"


@dataclass(frozen=True)
class Obstacle:
    """Why a pod can't start: what its containers wait with, and the Event that says so."""

    waiting: str
    event: str
    message: str


def obstacle(pod: pods.Pod, node: Mapping[str, Any], objects: Objects) -> Obstacle | None:
    """What keeps the pod from starting on the node, if anything; the messages are a kubelet's."""
    return next(_obstacles(pod, node, objects), None)


def reconcile(api: Api, objects: Objects, recorder: Recorder) -> None:
    """Let the pods start that can, say of the others why they can't, and speak up for those that outlived a silence."""
    for pod in objects.all("Pod"):
        if not (_is_to_start(pod) or _was_given_up(pod)):
            continue
        node = objects.get("Node", pods.node_name(pod))
        if node is None or node["metadata"].get("labels", {}).get(ANSWERING[0]) != ANSWERING[1]:
            continue
        try:
            if _is_to_start(pod):
                _decide(api, pod, node, objects, recorder)
            elif pods.is_ready(node):
                conditions = [_condition(kind, "True") for kind in ("Ready", "ContainersReady")]
                api.patch(pod, {"status": {"conditions": conditions}}, "status")
        except ApiError as error:
            # Deleted a moment ago; the others have waited long enough.
            if error.status != 404:
                raise


def _decide(api: Api, pod: Manifest, node: Manifest, objects: Objects, recorder: Recorder) -> None:
    found = obstacle(pod, node, objects)
    if found is not None:
        if pods.condition(pod, START).get("message") != found.message:
            api.patch(pod, {"status": _held(pod, found)}, "status")
            recorder.tell(pod, found.event, found.message)
        return
    if container := gpu.plugin(pod):
        # The plugin reads its config only now: a ConfigMap that changes later changes nothing until the pod is rolled.
        registered = json.dumps(gpu.devices(pod, container, node, objects))
        api.patch(pod, {"metadata": {"annotations": {DEVICES: registered}}})
    api.patch(pod, {"status": {"conditions": [_condition(START, "True")]}}, "status")


def _is_to_start(pod: pods.Pod) -> bool:
    return bool(
        pods.node_name(pod)
        and not pods.is_leaving(pod)
        and not pods.is_finished(pod)
        and not pod.get("status", {}).get("podIP")
        and pods.condition(pod, START).get("status") != "True"
    )


def _was_given_up(pod: pods.Pod) -> bool:
    """Whether the pod runs, but the controller manager called it not ready when its node fell silent."""
    return bool(
        pods.phase(pod) == "Running"
        and not pods.is_leaving(pod)
        and pod["status"].get("podIP")
        and pods.condition(pod, START).get("status") == "True"
        and pods.condition(pod, "Ready").get("status") == "False"
    )


def _obstacles(pod: pods.Pod, node: Mapping[str, Any], objects: Objects) -> Iterator[Obstacle]:
    runtime = pod["spec"].get("runtimeClassName")
    if runtime and not _has_runtime(node, runtime, objects):
        yield Obstacle(
            "ContainerCreating",
            "FailedCreatePodSandBox",
            f'Failed to create pod sandbox: no runtime for "{runtime}" is configured on {node["metadata"]["name"]}',
        )
    for volume in pods.volumes(pod):
        for message in _mount_problems(pod, volume, node, objects):
            yield Obstacle("ContainerCreating", "FailedMount", message)
    for container in pods.containers(pod):
        for message in _environment_problems(pod, container, objects):
            yield Obstacle("CreateContainerConfigError", "Failed", f"Error: {message}")
    if plugin := gpu.plugin(pod):
        try:
            gpu.devices(pod, plugin, node, objects)
        except gpu.PluginError as error:
            yield Obstacle("CrashLoopBackOff", "BackOff", str(error))


def _has_runtime(node: Mapping[str, Any], name: str, objects: Objects) -> bool:
    runtime = objects.get("RuntimeClass", name)
    handler = runtime["handler"] if runtime else name
    # K3s configures the nvidia runtime where it finds NVIDIA's toolkit, which is where there is a card.
    return gpu.cards(node) > 0 if handler.startswith("nvidia") else handler == "runc"


def _mount_problems(
    pod: pods.Pod, volume: Mapping[str, Any], node: Mapping[str, Any], objects: Objects
) -> Iterator[str]:
    sources = [volume, *(volume.get("projected", {}).get("sources") or [])]
    for source in sources:
        for kind, field, name_field in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName")):
            reference = source.get(field)
            if not reference or reference.get("optional"):
                continue
            # A projected Secret is named like a ConfigMap.
            name = reference.get(name_field) or reference.get("name", "")
            stored = objects.get(kind, name, pods.namespace(pod))
            failed = f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
            if stored is None:
                yield f'{failed}{kind.lower()} "{name}" not found'
                continue
            for item in reference.get("items") or []:
                if item["key"] not in _keys(stored):
                    yield f"{failed}references non-existent {kind.lower()} key: {item['key']}"
    yield from _driver_problems(pod, volume, node, objects)


def _driver_problems(
    pod: pods.Pod, volume: Mapping[str, Any], node: Mapping[str, Any], objects: Objects
) -> Iterator[str]:
    source = _csi_source(pod, volume, objects)
    if source is None:
        return
    name = node["metadata"]["name"]
    failed = f'MountVolume.MountDevice failed for volume "{volume["name"]}" : '
    if source["driver"] not in csi.registered(name, objects):
        yield (
            f"{failed}driver name {source['driver']} not found in the list of registered CSI drivers: "
            f"its pod doesn't run on {name}"
        )
    for reference in filter(None, (source.get(field) for field in ("nodeStageSecretRef", "nodePublishSecretRef"))):
        # That of a volume that the pod itself describes lies in the pod's own namespace.
        where = reference.get("namespace", pods.namespace(pod))
        if objects.get("Secret", reference["name"], where) is None:
            yield f"{failed}failed to find the secret {reference['name']} in the namespace {where}"


def _csi_source(pod: pods.Pod, volume: Mapping[str, Any], objects: Objects) -> Mapping[str, Any] | None:
    """What tells a CSI driver how to mount the volume; None for volumes of other kinds."""
    inline: Mapping[str, Any] | None = volume.get("csi")
    if inline:
        return inline
    if "ephemeral" in volume:
        claim_name = f"{pod['metadata']['name']}-{volume['name']}"
    elif "persistentVolumeClaim" in volume:
        claim_name = volume["persistentVolumeClaim"]["claimName"]
    else:
        return None
    claim = objects.get("PersistentVolumeClaim", claim_name, pods.namespace(pod)) or {}
    stored = objects.get("PersistentVolume", claim.get("spec", {}).get("volumeName") or "") or {}
    source: Mapping[str, Any] | None = stored.get("spec", {}).get("csi")
    return source


def _environment_problems(pod: pods.Pod, container: Mapping[str, Any], objects: Objects) -> Iterator[str]:
    namespace = pods.namespace(pod)
    for source in container.get("envFrom") or []:
        for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            reference = source.get(field)
            if reference and not reference.get("optional") and objects.get(kind, reference["name"], namespace) is None:
                yield f'{kind.lower()} "{reference["name"]}" not found'
    for variable in container.get("env") or []:
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            reference = (variable.get("valueFrom") or {}).get(field)
            if not reference or reference.get("optional"):
                continue
            stored = objects.get(kind, reference["name"], namespace)
            if stored is None:
                yield f'{kind.lower()} "{reference["name"]}" not found'
            elif reference["key"] not in _keys(stored):
                yield f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}"


def _keys(stored: Mapping[str, Any]) -> set[str]:
    return {*(stored.get("data") or {}), *(stored.get("binaryData") or {})}


def _held(pod: pods.Pod, found: Obstacle) -> Manifest:
    """The status of a pod whose containers wait. One that crashes has been running, as far as its phase goes."""
    names = " ".join(container["name"] for container in pod["spec"]["containers"])
    unready = f"containers with unready status: [{names}]"
    waiting = {"reason": found.waiting, "message": found.message}
    return {
        "phase": "Running" if found.waiting == "CrashLoopBackOff" else "Pending",
        "conditions": [
            _condition(START, "False", found.event, found.message),
            _condition("Ready", "False", "ContainersNotReady", unready),
            _condition("ContainersReady", "False", "ContainersNotReady", unready),
        ],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container.get("image", ""),
                "imageID": "",
                "ready": False,
                "started": False,
                "restartCount": 0,
                "state": {"waiting": waiting},
            }
            for container in pod["spec"]["containers"]
        ],
    }


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> Manifest:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}
