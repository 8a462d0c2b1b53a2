"""The application: routes, and the guard in front of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Final

import httpx
from fastapi import APIRouter, FastAPI

from brain.access.bearer import Bearer
from brain.access.cloudflare import Access, Keys
from brain.access.guard import Guard, RefusalPage
from brain.access.identity import Roles
from brain.access.limits import Buckets
from brain.access.proxies import ProxyPods
from brain.access.tailscale import Tailnet
from brain.adapters.adapter import Adapter
from brain.brain import Brain
from brain.page import render
from brain.routes import calls, events, health, home, page
from brain.routes.paths import API, VERSION
from brain.routes.refusals import EVERYWHERE, upstream_failed
from brain.services import api_server
from brain.settings import Settings, of_file, tokens
from brain.upstream import Upstream, UpstreamError, connect

TOLD_EVERY: Final = 60.0
"""Seconds between two lines in the log that the same asker asks too often."""


def create_app(
    settings: Settings,
    adapters: Sequence[Adapter] = (),
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pages: Callable[[Brain], Sequence[APIRouter]] = page.routers,
    refusal_page: RefusalPage | None = render.refused,
    clients: Sequence[httpx.AsyncClient] = (),
) -> FastAPI:
    """The service.

    adapters: the services that are watched. clock: seconds, from any beginning. now: the time. pages: what is served to
    people besides; refusal_page: how they are refused. clients: are closed at the end.
    """
    brain = Brain(settings, adapters, clock=clock, now=now)
    roles = Roles(settings.roles, settings.others)
    own: list[httpx.AsyncClient] = []
    keys = access = pods = None
    if settings.access_team and settings.access_audiences:
        team = str(settings.access_team).rstrip("/")
        own.append(connect())
        keys = Keys(Upstream("Cloudflare", team, client=own[-1], deadline=settings.call_deadline), clock)
        access = Access(team, settings.access_audiences, keys, roles)
    if settings.tailnet_proxy_pods and settings.kubernetes_url:
        namespace, _, name = settings.tailnet_proxy_pods.partition("/")
        own.append(connect(ca_file=settings.kubernetes_ca_file))
        pods = ProxyPods(api_server(settings, settings.kubernetes_url, own[-1]), namespace, name, clock)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(brain.watch.run(settings.look_every))
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            await brain.watch.close()
            for kept in (keys, pods):
                if kept is not None:
                    await kept.close()
            for client in (*own, *clients):
                await client.aclose()

    app = FastAPI(
        title="HomeBrain",
        description="Whether the home is all right, what is in it, and who is using it.",
        version=VERSION,
        openapi_url=f"{API}/openapi.json",
        # They would load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={UpstreamError: upstream_failed},
    )
    app.state.brain = brain
    # They are tried in this order: what is asked most is first.
    for routes in (home.router(brain), calls.router(brain), events.router(brain)):
        app.include_router(routes, responses=EVERYWHERE)
    app.include_router(health.router(brain))
    for routes in pages(brain):
        app.include_router(routes)
    app.add_middleware(
        Guard,
        tailnet=Tailnet(settings.tailnet_proxies, roles, pods),
        access=access,
        bearer=Bearer(of_file(settings.tokens_file, tokens, {})),
        buckets=Buckets(settings.rate_per_second, settings.rate_burst, clock),
        lines=Buckets(1 / TOLD_EVERY, 1, clock),
        ways=settings.ways,
        max_bytes=settings.max_request_bytes,
        answered=brain.metrics.answered,
        page=refusal_page,
    )
    return app
