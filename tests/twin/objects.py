"""Objects that tests put into a cluster by hand, and waiting for what becomes of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import yaml

from twin.api import Api, Manifest

DEADLINE = 40.0
T = TypeVar("T")


def eventually(look: Callable[[], T], expected: object = True, seconds: float = DEADLINE) -> T:
    """What `look` gives once it is as expected; fails when that never is.

    Expected is a value, or a function that says whether what was seen will do; by default, anything true.
    """
    end, pause = time.monotonic() + seconds, threading.Event()
    while not _is_as(seen := look(), expected):
        assert time.monotonic() < end, f"after {seconds:.0f} s still {seen!r}"
        pause.wait(0.05)
    return seen


def says(fragment: str) -> Callable[[str], bool]:
    """For `eventually`: a text in which this occurs."""
    return lambda text: fragment in text


def _is_as(seen: object, expected: object) -> bool:
    if callable(expected):
        return bool(expected(seen))
    return bool(seen) if expected is True else seen == expected


def namespace(name: str, level: str = "privileged") -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def pod(name: str, where: str, **spec: Any) -> Manifest:
    """A pod of one container `app`, with these fields of its spec; `container` adds to the container."""
    container = {"name": "app", "image": "example.org/app:1", **spec.pop("container", {})}
    spec = {"containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": where}, "spec": spec}


def gpu_pod(name: str, where: str) -> Manifest:
    return pod(name, where, runtimeClassName="nvidia", container={"resources": {"limits": {"nvidia.com/gpu": "1"}}})


def claim(name: str, where: str, storage_class: str, mode: str = "ReadWriteOnce") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": where},
        "spec": {
            "accessModes": [mode],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }


def storage_class(name: str, provisioner: str = "rancher.io/local-path", **fields: Any) -> Manifest:
    metadata = {"name": name}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": metadata,
        "provisioner": provisioner,
        **fields,
    }


def mounting(claim_name: str) -> list[Manifest]:
    return [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]


def workload(kind: str, name: str, where: str, spec: Manifest, **fields: Any) -> Manifest:
    """A Deployment, DaemonSet or other maker of pods with this pod spec."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": spec}
    metadata = {"name": name, "namespace": where}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": labels}, "template": template, **fields},
    }


def sharing(replicas: int | None) -> str:
    """A device plugin's config file."""
    config: Manifest = {"version": "v1"}
    if replicas is not None:
        config["sharing"] = {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": replicas}]}}
    return yaml.safe_dump(config)


def config_map(name: str, where: str, data: dict[str, str]) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": where}, "data": data}


def plugin_pod(config: str, runtime: str | None = "nvidia") -> Manifest:
    """The pod spec of a device plugin on k3s-master that reads the ConfigMap `config`."""
    spec: Manifest = {
        "nodeSelector": {"kubernetes.io/hostname": "k3s-master"},
        "containers": [
            {
                "name": "plugin",
                "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0",
                "env": [{"name": "CONFIG_FILE", "value": "/config/config.yaml"}],
                "volumeMounts": [{"name": "config", "mountPath": "/config"}],
            }
        ],
        "volumes": [{"name": "config", "configMap": {"name": config}}],
    }
    if runtime:
        spec["runtimeClassName"] = runtime
    return spec


def phase(api: Api, name: str, where: str) -> str:
    found = api.get("Pod", name, where)
    return found["status"].get("phase", "") if found else "gone"


def volume_of(api: Api, name: str, where: str) -> str | None:
    """The name of the volume that a claim is bound to, once it is."""
    found = api.get("PersistentVolumeClaim", name, where)
    return found["spec"].get("volumeName") if found and found["status"].get("phase") == "Bound" else None
