"""The application: routes, and the guard in front of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import httpx
from fastapi import APIRouter, FastAPI

from brain.access.bearer import Bearer
from brain.access.cloudflare import Access, Keys
from brain.access.guard import Guard, RefusalPage
from brain.access.identity import Roles
from brain.access.limits import Buckets
from brain.access.tailscale import Tailnet
from brain.adapters.adapter import Adapter
from brain.brain import Brain
from brain.routes import calls, events, health, home
from brain.routes.paths import API, VERSION
from brain.routes.refusals import EVERYWHERE, upstream_failed
from brain.settings import Settings, of_file, tokens
from brain.upstream import Upstream, UpstreamError, connect


def create_app(
    settings: Settings,
    adapters: Sequence[Adapter] = (),
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pages: Callable[[Brain], Sequence[APIRouter]] = lambda brain: (),
    refusal_page: RefusalPage | None = None,
    clients: Sequence[httpx.AsyncClient] = (),
) -> FastAPI:
    """The service.

    adapters: the services that are watched. clock: seconds, from any beginning. now: the time. pages: what is served to
    people besides; refusal_page: how they are refused. clients: are closed at the end.
    """
    brain = Brain(settings, adapters, clock=clock, now=now)
    roles = Roles(settings.roles, settings.others)
    keys_client = connect()
    keys = access = None
    if settings.access_team and settings.access_audiences:
        team = str(settings.access_team).rstrip("/")
        keys = Keys(Upstream("Cloudflare", team, client=keys_client, deadline=settings.call_deadline), clock)
        access = Access(team, settings.access_audiences, keys, roles)

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
            if keys is not None:
                await keys.close()
            for client in (keys_client, *clients):
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
        tailnet=Tailnet(settings.tailnet_proxies, roles),
        access=access,
        bearer=Bearer(of_file(settings.tokens_file, tokens, {})),
        buckets=Buckets(settings.rate_per_second, settings.rate_burst, clock),
        max_bytes=settings.max_request_bytes,
        answered=brain.metrics.answered,
        page=refusal_page,
    )
    return app
