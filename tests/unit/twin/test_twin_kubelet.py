"""What keeps a pod from starting on a node, and what doesn't."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from twin.api import Manifest
from twin.controllers import csi, kubelet


class Cluster:
    """Objects at hand, by kind, namespace and name."""

    def __init__(self, *objects: Manifest) -> None:
        self._objects = objects

    def all(self, kind: str) -> Sequence[Manifest]:
        return [each for each in self._objects if each["kind"] == kind]

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        named = (each for each in self.all(kind) if each["metadata"]["name"] == name)
        return next((each for each in named if each["metadata"].get("namespace", "") == namespace), None)


def stored(kind: str, name: str, namespace: str = "", **fields: Any) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"kind": kind, "metadata": metadata, **fields}


def pod(*volumes: Manifest, runtime: str | None = None, **container: Any) -> Manifest:
    containers = [{"name": "app", "image": "app:1", **container}]
    spec = {"nodeName": "n", "runtimeClassName": runtime, "containers": containers, "volumes": list(volumes)}
    return {"kind": "Pod", "metadata": {"name": "p", "namespace": "room"}, "spec": spec}


NODE = stored("Node", "n")
GPU_NODE = stored("Node", "n")
GPU_NODE["metadata"]["annotations"] = {"twin.homebrain.io/gpu": json.dumps({"model": "GTX", "count": 1})}
SETTINGS = stored("ConfigMap", "settings", "room", data={"a": "1"}, binaryData={"b": "AA=="})
PASSWORD = stored("Secret", "password", "room", data={"value": "eA=="})
NVIDIA = stored("RuntimeClass", "nvidia", handler="nvidia")
SHARE = stored("PersistentVolumeClaim", "share", "room", spec={"volumeName": "nas"})
NAS = stored(
    "PersistentVolume",
    "nas",
    spec={
        "csi": {"driver": "smb.csi.k8s.io", "nodeStageSecretRef": {"name": "nas-credentials", "namespace": "storage"}}
    },
)
CREDENTIALS = stored("Secret", "nas-credentials", "storage", data={})
MOUNTED = {"name": "data", "persistentVolumeClaim": {"claimName": "share"}}
REGISTERED = stored("CSINode", "n", spec={"drivers": [{"name": "smb.csi.k8s.io"}]})


def value_from(source: str, name: str, key: str, **fields: Any) -> list[Manifest]:
    return [{"name": "X", "valueFrom": {source: {"name": name, "key": key, **fields}}}]


@pytest.mark.parametrize(
    ("wanted", "objects"),
    [
        (pod(), ()),
        (pod({"name": "v", "emptyDir": {}}, {"name": "w", "hostPath": {"path": "/"}}), ()),
        (pod({"name": "v", "configMap": {"name": "settings", "items": [{"key": "b", "path": "x"}]}}), (SETTINGS,)),
        (pod({"name": "v", "configMap": {"name": "settings", "optional": True}}), ()),
        (pod({"name": "v", "secret": {"secretName": "password"}}), (PASSWORD,)),
        (pod({"name": "v", "projected": {"sources": [{"secret": {"name": "password"}}]}}), (PASSWORD,)),
        (pod({"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}), ()),
        (pod(env=value_from("secretKeyRef", "password", "value")), (PASSWORD,)),
        (pod(env=value_from("secretKeyRef", "password", "other", optional=True)), (PASSWORD,)),
        (pod(env=[{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]), ()),
        (pod(envFrom=[{"configMapRef": {"name": "settings"}}]), (SETTINGS,)),
        (pod(MOUNTED), (SHARE, NAS, CREDENTIALS, REGISTERED)),
        (pod(MOUNTED), (SHARE, stored("PersistentVolume", "nas", spec={"local": {"path": "/x"}}))),
    ],
)
def test_a_pod_starts_when_all_it_names_is_there(wanted: Manifest, objects: tuple[Manifest, ...]) -> None:
    assert kubelet.obstacle(wanted, NODE, Cluster(*objects)) is None


@pytest.mark.parametrize(
    ("wanted", "objects", "waiting", "message"),
    [
        (
            pod({"name": "v", "configMap": {"name": "settings"}}),
            (),
            "ContainerCreating",
            'MountVolume.SetUp failed for volume "v" : configmap "settings" not found',
        ),
        (
            pod({"name": "v", "configMap": {"name": "settings", "items": [{"key": "c", "path": "x"}]}}),
            (SETTINGS,),
            "ContainerCreating",
            'MountVolume.SetUp failed for volume "v" : references non-existent configmap key: c',
        ),
        (
            pod({"name": "v", "projected": {"sources": [{"secret": {"name": "password"}}]}}),
            (),
            "ContainerCreating",
            'MountVolume.SetUp failed for volume "v" : secret "password" not found',
        ),
        (
            pod(env=value_from("secretKeyRef", "password", "other")),
            (PASSWORD,),
            "CreateContainerConfigError",
            "Error: couldn't find key other in Secret room/password",
        ),
        (
            pod(env=value_from("configMapKeyRef", "settings", "a")),
            (),
            "CreateContainerConfigError",
            'Error: configmap "settings" not found',
        ),
        (
            pod(envFrom=[{"secretRef": {"name": "password"}}]),
            (),
            "CreateContainerConfigError",
            'Error: secret "password" not found',
        ),
        (
            pod(MOUNTED),
            (SHARE, NAS, CREDENTIALS),
            "ContainerCreating",
            'MountVolume.MountDevice failed for volume "data" : driver name smb.csi.k8s.io not found in the list of '
            "registered CSI drivers: its pod doesn't run on n",
        ),
        (
            pod(MOUNTED),
            (SHARE, NAS, REGISTERED),
            "ContainerCreating",
            'MountVolume.MountDevice failed for volume "data" : failed to find the secret nas-credentials in the '
            "namespace storage",
        ),
        (
            pod(runtime="nvidia"),
            (NVIDIA,),
            "ContainerCreating",
            'Failed to create pod sandbox: no runtime for "nvidia" is configured on n',
        ),
        (
            pod(runtime="kata"),
            (stored("RuntimeClass", "kata", handler="kata"),),
            "ContainerCreating",
            'Failed to create pod sandbox: no runtime for "kata" is configured on n',
        ),
    ],
)
def test_a_pod_waits_for_what_is_missing_in_a_kubelets_words(
    wanted: Manifest, objects: tuple[Manifest, ...], waiting: str, message: str
) -> None:
    found = kubelet.obstacle(wanted, NODE, Cluster(*objects))
    assert found is not None
    assert (found.waiting, found.message) == (waiting, message)


def test_the_nvidia_runtime_is_there_where_a_card_is() -> None:
    assert kubelet.obstacle(pod(runtime="nvidia"), GPU_NODE, Cluster(NVIDIA)) is None


REGISTRAR = {"name": "registrar", "image": "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.17.0"}


@pytest.mark.parametrize(
    ("containers", "driver"),
    [
        ([{"name": "smb", "image": "registry.k8s.io/sig-storage/smbplugin:v1.20.3"}, REGISTRAR], "smb.csi.k8s.io"),
        ([REGISTRAR, {"name": "nfs", "image": "registry.k8s.io/sig-storage/nfsplugin:v4"}], "nfs.csi.k8s.io"),
        ([{"name": "d", "image": "x", "args": ["--drivername=a.example.org"]}, REGISTRAR], "a.example.org"),
        (
            [{**REGISTRAR, "args": ["--kubelet-registration-path=/var/lib/kubelet/plugins/b.example.org/csi.sock"]}],
            "b.example.org",
        ),
        ([{"name": "smb", "image": "registry.k8s.io/sig-storage/smbplugin:v1.20.3"}], None),
        ([REGISTRAR], None),
    ],
)
def test_a_pod_with_a_registrar_serves_a_driver(containers: list[Manifest], driver: str | None) -> None:
    assert csi.driver({"spec": {"containers": containers}}) == driver


def test_only_ready_pods_on_a_node_serve_their_driver_there() -> None:
    def plugin(node: str, ready: str) -> Manifest:
        containers = [{"name": "smb", "image": "smbplugin"}, REGISTRAR]
        status = {"conditions": [{"type": "Ready", "status": ready}]}
        return {"metadata": {"name": "p"}, "spec": {"nodeName": node, "containers": containers}, "status": status}

    pods = [plugin("a", "True"), plugin("b", "False")]
    assert csi.drivers("a", pods) == ["smb.csi.k8s.io"]
    assert csi.drivers("b", pods) == csi.drivers("c", pods) == []
