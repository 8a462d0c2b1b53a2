"""Pods for the tests of the policies: one that every rule admits, and changes to it."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]

_HARDENED: Json = {
    "metadata": {"name": "web", "annotations": {"homebrain.io/note": "plain"}},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "web",
                "image": "docker.io/library/nginx:1.29.1",
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            }
        ],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
    },
}


def hardened() -> Json:
    """A pod that passes every rule at every level."""
    return copy.deepcopy(_HARDENED)


def changed(path: str, value: Any) -> Json:
    """The hardened pod with another value at `path`, as in `spec.containers.0.image`; keys may hold no dots."""
    pod = hardened()
    put(pod, path, value)
    return pod


def put(whole: Any, path: str, value: Any) -> None:
    """Set the value at `path`; mappings on the way are made."""
    *way, last = path.split(".")
    place = whole
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value


def without(path: str) -> Json:
    """The hardened pod with nothing at `path`."""
    return changed(path, None)
