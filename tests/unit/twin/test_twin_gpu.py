"""What a device plugin offers, by its config: the plugin's own rules."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.api import Manifest
from twin.controllers import gpu, kubelet


class Cluster:
    """Objects at hand, by kind, namespace and name."""

    def __init__(self, *objects: Manifest) -> None:
        self._objects = objects

    def all(self, kind: str) -> Sequence[Manifest]:
        return [each for each in self._objects if each["kind"] == kind]

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        named = (each for each in self.all(kind) if each["metadata"]["name"] == name)
        return next((each for each in named if each["metadata"].get("namespace", "") == namespace), None)


def slicing(*resources: Any, **fields: Any) -> str:
    return json.dumps({"version": "v1", "sharing": {"timeSlicing": {"resources": list(resources), **fields}}})


def four(**fields: Any) -> dict[str, Any]:
    return {"name": "nvidia.com/gpu", "replicas": 4, **fields}


@pytest.mark.parametrize(
    ("config", "cards", "offered"),
    [
        (None, 1, {"nvidia.com/gpu": 1}),
        ("", 2, {"nvidia.com/gpu": 2}),
        ("version: v1", 1, {"nvidia.com/gpu": 1}),
        ("flags: {migStrategy: none}", 1, {"nvidia.com/gpu": 1}),
        ("sharing: {}", 1, {"nvidia.com/gpu": 1}),
        (slicing(four()), 1, {"nvidia.com/gpu": 4}),
        (slicing(four()), 2, {"nvidia.com/gpu": 8}),
        (slicing({"name": "gpu", "replicas": 4}), 1, {"nvidia.com/gpu": 4}),
        (slicing(four(), renameByDefault=True), 1, {"nvidia.com/gpu.shared": 4}),
        (slicing(four(rename="nvidia.com/mine")), 1, {"nvidia.com/gpu": 4}),
        (slicing(four(), failRequestsGreaterThanOne=True), 1, {"nvidia.com/gpu": 4}),
        (slicing({"name": "nvidia.com/mig-1g.5gb", "replicas": 4}), 1, {"nvidia.com/gpu": 1}),
    ],
)
def test_a_config_makes_slices_of_the_cards(config: str | None, cards: int, offered: dict[str, int]) -> None:
    assert gpu.advertised(config, cards) == offered


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("version: v2", "unknown version: v2"),
        ("sharing: [", "error converting YAML to JSON"),
        ("- a list", "the file is not a mapping"),
        (slicing(), "no resources specified"),
        ("sharing: {timeSlicing: {renameByDefault: true}}", "no resources specified"),
        (slicing({"replicas": 4}), "no resource name specified"),
        (slicing({"name": "nvidia.com/gpu"}), "no replicas specified"),
        (slicing({"name": "nvidia.com/gpu", "replicas": 1}), "number of replicas must be >= 2"),
        (slicing({"name": "nvidia.com/gpu", "replicas": 0}), "number of replicas must be >= 2"),
        (slicing({"name": "nvidia.com/gpu", "replicas": -4}), "number of replicas must be >= 2"),
        (slicing({"name": "nvidia.com/gpu", "replicas": "4"}), 'cannot unmarshal "4" into Go value of type int'),
        (slicing({"name": "nvidia.com/gpu", "replicas": True}), "cannot unmarshal true"),
        ("sharing: {mps: {resources: [{name: nvidia.com/gpu, replicas: 2}]}}", "MPS"),
    ],
)
def test_a_config_that_the_plugin_refuses_ends_it(config: str, message: str) -> None:
    with pytest.raises(gpu.PluginError, match=message.replace("[", r"\[")):
        gpu.advertised(config, 1)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)).map(json.dumps))
def test_no_config_file_surprises_the_twin(config: str) -> None:
    with contextlib.suppress(gpu.PluginError):
        assert all(count > 0 for count in gpu.advertised(config, 1).values())


def node(cards: int = 1, **capacity: str) -> Manifest:
    annotations = {"twin.homebrain.io/gpu": json.dumps({"model": "GTX", "count": cards})} if cards else {}
    ready = [{"type": "Ready", "status": "True"}]
    return {
        "kind": "Node",
        "metadata": {"name": "n", "annotations": annotations},
        "status": {"capacity": capacity, "conditions": ready},
    }


def plugin(config: str = "/config/config.yaml", runtime: str = "nvidia", **container: Any) -> Manifest:
    container = {
        "name": "plugin",
        "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0@sha256:abc",
        "args": ["--config-file", config],
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
        **container,
    }
    volumes = [{"name": "config", "configMap": {"name": "sharing"}}]
    spec = {"runtimeClassName": runtime, "containers": [container], "volumes": volumes, "nodeName": "n"}
    return {"kind": "Pod", "metadata": {"name": "plugin", "namespace": "gpu"}, "spec": spec}


def sharing(data: dict[str, str]) -> Manifest:
    return {"kind": "ConfigMap", "metadata": {"name": "sharing", "namespace": "gpu"}, "data": data}


RUNTIME: Manifest = {"kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"}


def registered(pod: Manifest, *objects: Manifest, on: Manifest | None = None) -> dict[str, int]:
    container = gpu.plugin(pod)
    assert container is not None
    return gpu.devices(pod, container, on or node(), Cluster(*objects))


@pytest.mark.parametrize(
    ("pod", "data"),
    [
        (plugin(), {"config.yaml": slicing(four())}),
        (plugin(args=["--config-file=/config/config.yaml"]), {"config.yaml": slicing(four())}),
        (
            plugin(args=[], env=[{"name": "CONFIG_FILE", "value": "/config/config.yaml"}]),
            {"config.yaml": slicing(four())},
        ),
        (
            plugin(volumeMounts=[{"name": "config", "mountPath": "/config/config.yaml", "subPath": "slices"}]),
            {"slices": slicing(four())},
        ),
    ],
)
def test_the_plugin_reads_the_config_that_is_mounted_where_it_looks(pod: Manifest, data: dict[str, str]) -> None:
    assert registered(pod, sharing(data)) == {"nvidia.com/gpu": 4}


def test_the_plugin_reads_a_key_that_is_mounted_under_another_name() -> None:
    pod = plugin()
    pod["spec"]["volumes"][0]["configMap"]["items"] = [{"key": "slices", "path": "config.yaml"}]
    assert registered(pod, sharing({"slices": slicing(four()), "config.yaml": "version: v2"})) == {"nvidia.com/gpu": 4}


def test_a_config_file_that_is_not_there_ends_the_plugin() -> None:
    for pod, data in ((plugin("/elsewhere/config.yaml"), {}), (plugin(), {"other": "x"})):
        with pytest.raises(gpu.PluginError, match="no such file"):
            registered(pod, sharing(data))


def test_without_the_nvidia_runtime_the_plugin_ends_or_offers_nothing_as_it_was_told() -> None:
    config = sharing({"config.yaml": slicing(four())})
    with pytest.raises(gpu.PluginError, match="no NVML"):
        registered(plugin(runtime="runc"), config)
    patient = plugin(runtime="runc", env=[{"name": "FAIL_ON_INIT_ERROR", "value": "false"}])
    assert registered(patient, config) == {}


def test_other_programs_of_the_same_image_are_no_device_plugins() -> None:
    assert gpu.plugin(plugin(command=["/usr/bin/gpu-feature-discovery"])) is None
    assert gpu.plugin(plugin(image="docker.io/jellyfin/jellyfin:1")) is None


def running(devices: dict[str, int], ready: bool = True) -> Manifest:
    pod = plugin()
    pod["metadata"]["annotations"] = {"twin.homebrain.io/devices": json.dumps(devices)}
    pod["status"] = {"conditions": [{"type": "Ready", "status": str(ready)}]}
    return pod


@pytest.mark.parametrize(
    ("on", "pods", "offered"),
    [
        (node(), [], {"nvidia.com/gpu": "0"}),
        (node(cards=0), [], {}),
        (node(), [running({"nvidia.com/gpu": 4})], {"nvidia.com/gpu": "4"}),
        (node(), [running({"nvidia.com/gpu": 4}, ready=False)], {"nvidia.com/gpu": "0"}),
        (
            node(**{"nvidia.com/gpu": "4"}),
            [running({"nvidia.com/gpu.shared": 4})],
            {"nvidia.com/gpu": "0", "nvidia.com/gpu.shared": "4"},
        ),
        (node(cards=0, **{"nvidia.com/gpu": "4"}), [], {"nvidia.com/gpu": "0"}),
    ],
)
def test_a_node_offers_what_the_plugin_on_it_registered(
    on: Manifest, pods: list[Manifest], offered: dict[str, str]
) -> None:
    assert gpu.capacity(on, pods) == offered


def test_a_plugin_that_would_end_is_shown_as_crashing_with_its_own_words() -> None:
    broken = sharing({"config.yaml": slicing({"name": "nvidia.com/gpu", "replicas": 1})})
    found = kubelet.obstacle(plugin(), node(), Cluster(broken, RUNTIME))
    assert found is not None
    assert found.waiting == "CrashLoopBackOff"
    assert found.message.endswith("number of replicas must be >= 2")
