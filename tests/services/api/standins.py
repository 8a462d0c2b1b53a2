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
from brain.adapters.immich import MemoriesOf, PhotoSearch, RandomPhotos
from brain.adapters.jellyfin import Latest, VideoSearch, authorization
from brain.adapters.service import Nothing, Paged
from brain.upstream import Upstream
from brain.verdict import Report
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
    """An application, and what it was asked. answered: each request with the body of its answer."""

    application: ASGIApp
    requests: list[Request] = field(default_factory=list)
    answered: list[tuple[Request, bytes]] = field(default_factory=list)

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
        request = Request(
            method=scope["method"],
            path=scope["path"],
            parameters=tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            headers={name.decode(): value.decode() for name, value in scope["headers"]},
            body=json.loads(content) if content else None,
        )
        self.requests.append(request)

        async def again() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        body = b""

        async def told(message: Message) -> None:
            nonlocal body
            body += message.get("body", b"")
            await send(message)

        await self.application(scope, again, told)
        self.answered.append((request, body))


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


async def ask_all_of_immich(adapter: Immich) -> Report:
    """All that the adapter can ask, with every argument that it takes; the report of a look."""
    report = await adapter.look()
    full = {"person": "Mali", "city": "Bangkok", "country": "Thailand", "taken_from": "2020-01-01", "favourite": True}
    full |= {"taken_to": "2030-01-01", "kind": "photo"}
    await adapter.search(PhotoSearch.model_validate({**full, "text": "cake"}))
    await adapter.search(PhotoSearch.model_validate(full))
    await adapter.random(RandomPhotos.model_validate(full))
    await adapter.people(Paged())
    await adapter.memories(MemoriesOf())
    await adapter.albums(Paged())
    await adapter.counts(Nothing())
    return report


async def ask_all_of_jellyfin(adapter: Jellyfin) -> Report:
    """The same."""
    report = await adapter.look()
    await adapter.search(VideoSearch(text="seed", kind="episode", year=2023))
    await adapter.search(VideoSearch())
    await adapter.latest(Latest())
    await adapter.counts(Nothing())
    await adapter.playing(Nothing())
    return report
