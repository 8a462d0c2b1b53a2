"""The services that the API of `tests.bench.api` asks: the demo's stand-ins and a cluster, on loopback.

    python -m tests.bench.api_standins

Prints a line of JSON once they listen: their addresses by name. One, `hung`, takes every connection and never answers.
They are a process of their own, so that what they cost isn't the API's. It wants services/api on its path.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

from starlette.types import ASGIApp

from demo.immich import VERSIONS as IMMICH
from demo.immich import Immich
from demo.jellyfin import VERSIONS as JELLYFIN
from demo.jellyfin import Jellyfin
from demo.prometheus import Prometheus
from demo.serving import serving
from tests.services.api import misbehaving
from tests.services.api.clusters import Cluster, claim, deployment, node, pod
from tests.services.api.standins import KEY

PODS = 60
"""As a home of some twenty apps has."""


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def cluster() -> Cluster:
    """Two machines with GPUs, and what runs on them."""
    old = (now() - timedelta(hours=5)).isoformat()
    return Cluster(
        nodes=[node(name, gpus=4, model="GTX-1650") for name in ("k3s-master", "k3s-gpu")],
        pods=[pod(f"app-{number}", created=old) for number in range(PODS)],
        persistentvolumeclaims=[claim(f"data-{number}") for number in range(PODS // 3)],
        deployments=[deployment(f"app-{number}", created=old) for number in range(PODS // 2)],
    )


async def serve() -> None:
    """Until it is ended from outside."""
    applications: dict[str, ASGIApp] = {
        "immich": Immich(IMMICH[-1], KEY, now).application,
        "jellyfin": Jellyfin(JELLYFIN[-1], KEY, now).application,
        "kubernetes": cluster().application,
        "prometheus": Prometheus(now).application,
    }
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(serving(one)) for name, one in applications.items()}
        urls["hung"] = (await stack.enter_async_context(misbehaving.serving(misbehaving.hang))).url
        print(json.dumps(urls), file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
