"""The demo's stand-ins, asked by adapters without a network, with a record of what they were asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from brain.adapters import Immich, Jellyfin, Prometheus
from brain.adapters.jellyfin import authorization
from brain.upstream import Upstream
from demo import immich, jellyfin, prometheus

KEY = "key-of-a-test-0123456789abcdef"
NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
SET_KEY = "set the key"


def now() -> datetime:
    return NOW


@dataclass(frozen=True)
class Request:
    """One request, as it came. parameters: those of the address. body: its JSON."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Any


@dataclass
class Recorded:
    """An application, and what it was asked."""

    application: ASGIApp
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.requests.append(
            Request(
                method=scope["method"],
                path=scope["path"],
                parameters=tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
                headers={name.decode(): value.decode() for name, value in scope["headers"]},
                body=json.loads(content) if content else None,
            )
        )

        async def again() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        await self.application(scope, again, send)


def asking(application: ASGIApp, headers: Callable[[], Mapping[str, str]] = dict, name: str = "It") -> Upstream:
    """An upstream that asks an application in this process, once for each question."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=application))
    return Upstream(name, "http://standin", client=client, headers=headers, attempts=1)


def immich_adapter(application: ASGIApp, key: str = KEY) -> Immich:
    upstream = asking(application, lambda: {"x-api-key": key} if key else {}, "Immich")
    return Immich(upstream, now=now, has_key=lambda: bool(key), set_key=SET_KEY)


def jellyfin_adapter(application: ASGIApp, key: str = KEY) -> Jellyfin:
    upstream = asking(application, lambda: authorization(key), "Jellyfin")
    return Jellyfin(upstream, now=now, has_key=lambda: bool(key), set_key=SET_KEY)


def prometheus_adapter(application: ASGIApp) -> Prometheus:
    return Prometheus(asking(application, name="Prometheus"), now=now)


def an_immich(version: str) -> immich.Immich:
    return immich.Immich(version, KEY, now)


def a_jellyfin(version: str) -> jellyfin.Jellyfin:
    return jellyfin.Jellyfin(version, KEY, now)


def a_prometheus() -> prometheus.Prometheus:
    return prometheus.Prometheus(now)
