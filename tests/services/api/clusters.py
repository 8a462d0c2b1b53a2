"""A stand-in for Kubernetes' API server, and the objects that it has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from brain.adapters import Kubernetes
from tests.services.api.standins import NOW, asking, now

OLD = (NOW - timedelta(hours=5)).isoformat()
YOUNG = (NOW - timedelta(seconds=20)).isoformat()


def node(name: str, *, ready: str = "True", gpus: int = 0, model: str = "", **conditions: str) -> dict[str, Any]:
    allocatable = {"cpu": "12", "memory": "32Gi", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "metadata": {"name": name, "labels": {"nvidia.com/gpu.product": model} if model else {}},
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": kind, "status": value} for kind, value in {"Ready": ready, **conditions}.items()],
            "nodeInfo": {"kubeletVersion": "v1.33.6+k3s1", "osImage": "Ubuntu 24.04"},
        },
    }


def pod(
    name: str, *, phase: str = "Running", on: str | None = "one", gpus: int = 0, created: str = OLD, **status: Any
) -> dict[str, Any]:
    limits = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    return {
        "metadata": {"name": name, "namespace": "apps", "creationTimestamp": created},
        "spec": {"nodeName": on, "containers": [{"name": "main", "resources": limits}]},
        "status": {"phase": phase, "containerStatuses": [{"name": "main", "ready": phase == "Running"}], **status},
    }


def waiting(reason: str) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "main", "ready": False, "state": {"waiting": {"reason": reason}}}]}


def claim(name: str, phase: str = "Bound") -> dict[str, Any]:
    capacity = {"capacity": {"storage": "10Gi"}} if phase == "Bound" else {}
    return {"metadata": {"name": name, "namespace": "apps"}, "status": {"phase": phase, **capacity}}


def deployment(name: str, *, wanted: int = 1, ready: int | None = 1, created: str = OLD) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "apps", "creationTimestamp": created},
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready} if ready is not None else {},
    }


class Cluster:
    """An API server with these objects. It gives lists in parts of `at_once`, as a real one does when asked to."""

    def __init__(self, **objects: list[dict[str, Any]]) -> None:
        self.objects = {"nodes": [node("one")], "pods": [], "persistentvolumeclaims": [], "deployments": [], **objects}
        self.version = "v1.33.6+k3s1"
        self.at_once = 10**6
        self.never_ends = False

    @property
    def application(self) -> Starlette:
        paths = {name: f"/api/v1/{name}" for name in self.objects} | {"deployments": "/apis/apps/v1/deployments"}
        return Starlette(
            routes=[Route("/version", self._version), *(Route(paths[name], self._list(name)) for name in self.objects)]
        )

    async def _version(self, _: Request) -> Response:
        return JSONResponse({"major": "1", "minor": "33", "gitVersion": self.version})

    def _list(self, name: str) -> Any:
        async def endpoint(request: Request) -> Response:
            start = int(request.query_params.get("continue") or 0)
            end = start + min(self.at_once, int(request.query_params["limit"]))
            more = {"continue": str(end)} if self.never_ends or end < len(self.objects[name]) else {}
            return JSONResponse(
                {"kind": "List", "metadata": {"resourceVersion": "7", **more}, "items": self.objects[name][start:end]}
            )

        return endpoint

    @property
    def adapter(self) -> Kubernetes:
        return Kubernetes(asking(self.application, name="Kubernetes"), now=now)
