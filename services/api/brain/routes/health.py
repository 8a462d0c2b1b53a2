"""`/healthz`, `/readyz`, `/metrics`: for the cluster and for Prometheus. The first two are for anybody."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from brain.access.guard import asker
from brain.access.identity import RefusedError
from brain.brain import Brain


class Health(BaseModel):
    """That it is there."""

    status: str


def router(brain: Brain) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def healthz() -> Health:
        """Whether the service itself answers."""
        return Health(status="ok")

    @routes.get("/readyz", responses={503: {"model": Health, "description": "Not every service was looked at yet."}})
    async def readyz(response: Response) -> Health:
        """Whether it has something to say; it has, in time, whatever the services do."""
        if not brain.is_ready:
            response.status_code = 503
            return Health(status="looking")
        return Health(status="ready")

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics(request: Request) -> Response:
        """What it tells of itself, for programs and the owner."""
        if asker(request).role not in ("program", "owner"):
            raise RefusedError(403, "This is for programs.")
        brain.measure()
        return Response(generate_latest(brain.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes
