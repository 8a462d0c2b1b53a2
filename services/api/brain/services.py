"""The services that the settings name, each with connections of its own, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import httpx
from pydantic import HttpUrl

from brain.adapters import Adapter, Immich, Jellyfin, Kubernetes, Prometheus
from brain.adapters.jellyfin import authorization
from brain.settings import Settings
from brain.upstream import Upstream, connect

MOST_BYTES: Final = 2 * 1024 * 1024
OF_A_CLUSTER: Final = 8 * 1024 * 1024
"""A hundred pods that were changed by many hands."""

Now = Callable[[], datetime]


def watched(
    settings: Settings, now: Now = lambda: datetime.now(UTC)
) -> tuple[tuple[Adapter, ...], tuple[httpx.AsyncClient, ...]]:
    """An adapter for each service that has an address, and the clients to be closed in the end."""
    adapters: list[Adapter] = []
    clients: list[httpx.AsyncClient] = []

    def upstream(name: str, address: HttpUrl, headers: Callable[[], Mapping[str, str]] = dict) -> Upstream:
        clients.append(connect())
        return Upstream(
            name,
            str(address),
            client=clients[-1],
            headers=headers,
            deadline=settings.call_deadline,
            max_bytes=MOST_BYTES,
        )

    if settings.immich_url is not None:
        immich = settings.key("immich")
        adapters.append(
            Immich(
                upstream("Immich", settings.immich_url, lambda: {"x-api-key": immich()} if immich else {}),
                now=now,
                has_key=immich.__bool__,
                set_key=settings.set_key.get("immich", ""),
                search_deadline=settings.search_deadline,
            )
        )
    if settings.jellyfin_url is not None:
        jellyfin = settings.key("jellyfin")
        adapters.append(
            Jellyfin(
                upstream("Jellyfin", settings.jellyfin_url, lambda: authorization(jellyfin())),
                now=now,
                has_key=jellyfin.__bool__,
                set_key=settings.set_key.get("jellyfin", ""),
            )
        )
    if settings.kubernetes_url is not None:
        clients.append(connect(ca_file=settings.kubernetes_ca_file))
        adapters.append(
            Kubernetes(
                api_server(settings, settings.kubernetes_url, clients[-1]),
                now=now,
                remedy="Its service account's token is mounted by Kubernetes; its rights are the role of this service.",
            )
        )
    if settings.prometheus_url is not None:
        adapters.append(Prometheus(upstream("Prometheus", settings.prometheus_url), now=now))
    return tuple(adapters), tuple(clients)


def api_server(settings: Settings, address: HttpUrl, client: httpx.AsyncClient) -> Upstream:
    """Kubernetes, asked as the service account that this is."""
    token = settings.key("kubernetes")
    return Upstream(
        "Kubernetes",
        str(address),
        client=client,
        headers=lambda: {"Authorization": f"Bearer {token()}"} if token else {},
        deadline=settings.call_deadline,
        max_bytes=OF_A_CLUSTER,
    )
