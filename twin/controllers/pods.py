"""What a Pod object says: what it refers to, and how it is. Pure functions on plain objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Pod = Mapping[str, Any]


def containers(pod: Pod) -> Iterator[Mapping[str, Any]]:
    """Every container, those that initialise first."""
    yield from pod["spec"].get("initContainers") or []
    yield from pod["spec"].get("containers") or []


def volumes(pod: Pod) -> list[Mapping[str, Any]]:
    """The volumes of the pod."""
    return pod["spec"].get("volumes") or []


def namespace(pod: Pod) -> str:
    """The namespace of the pod."""
    return str(pod["metadata"]["namespace"])


def node_name(pod: Pod) -> str:
    """The node to which the pod is bound; empty while it is not."""
    return str(pod["spec"].get("nodeName") or "")


def phase(pod: Pod) -> str:
    """Pending, Running, Succeeded, Failed or Unknown."""
    return str(pod.get("status", {}).get("phase") or "Pending")


def is_finished(pod: Pod) -> bool:
    """Whether the pod has ended for good, and so holds nothing of its node any more."""
    return phase(pod) in ("Succeeded", "Failed")


def is_leaving(pod: Pod) -> bool:
    """Whether the pod is being deleted."""
    return "deletionTimestamp" in pod["metadata"]


def condition(thing: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of this kind in the status of a pod or a node; empty when it has none."""
    found = (each for each in thing.get("status", {}).get("conditions") or [] if each["type"] == kind)
    return next(found, {})


def is_ready(thing: Mapping[str, Any]) -> bool:
    """Whether a pod serves, or a node answers."""
    return bool(condition(thing, "Ready").get("status") == "True")


def image_name(container: Mapping[str, Any]) -> str:
    """The last part of the image's repository: `k8s-device-plugin` of `nvcr.io/nvidia/k8s-device-plugin:v0.20.0`."""
    reference = str(container.get("image", "")).partition("@")[0]
    return reference.rpartition("/")[2].partition(":")[0]


def flag(container: Mapping[str, Any], *names: str) -> str | None:
    """The value of a command line flag, in any of the ways Go programs take it: -name=value, --name value."""
    words = [*(container.get("command") or []), *(container.get("args") or [])]
    for index, word in enumerate(words):
        name, equals, value = str(word).lstrip("-").partition("=")
        if str(word).startswith("-") and name in names:
            if equals:
                return value
            return str(words[index + 1]) if index + 1 < len(words) else ""
    return None


def variable(container: Mapping[str, Any], name: str) -> str | None:
    """The value of an environment variable that the pod's spec gives literally."""
    found = (each.get("value", "") for each in container.get("env") or [] if each["name"] == name)
    return next(found, None)
