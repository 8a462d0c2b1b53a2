"""Services of a home that are made up, and an application that asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import Field

from brain.adapters.adapter import Adapter, Call, Role
from brain.app import create_app
from brain.settings import Settings
from brain.upstream import Kind, UpstreamError
from brain.verdict import Record, Report, Verdict

NOW = datetime(2026, 11, 26, 19, 30, tzinfo=UTC)
GIB = 1024**3
EVERYBODY: frozenset[Role] = frozenset({"owner", "family", "guest", "program"})
HOUSEHOLD: frozenset[Role] = frozenset({"owner", "family", "program"})
OPERATORS: frozenset[Role] = frozenset({"owner", "program"})
TOKEN = "a-token-of-the-tests-that-is-long-enough"
PROXY = "100.64.0.7"

Looks = Callable[[], Awaitable[Report]]


class Search(Record):
    text: str | None = Field(default=None, min_length=1, max_length=300)
    page: int = Field(default=1, ge=1, le=100)
    size: int = Field(default=20, ge=1, le=100)


class Nothing(Record):
    pass


class Photo(Record):
    id: str
    kind: str
    file: str
    taken: str
    city: str | None = None
    people: tuple[str, ...] = ()


class Video(Record):
    id: str
    kind: str
    title: str
    year: int | None = None


class Photos(Record):
    items: tuple[Photo, ...]
    next_page: int | None = None


class Videos(Record):
    items: tuple[Video, ...]
    next_page: int | None = None


class Nodes(Record):
    names: tuple[str, ...]


class Fake:
    """An adapter that says what it is told to say."""

    def __init__(
        self,
        name: str,
        title: str,
        roles: frozenset[Role] = HOUSEHOLD,
        *,
        facts: Mapping[str, Any] | None = None,
        calls: Sequence[Call] = (),
    ) -> None:
        self.name, self.title, self.roles = name, title, roles
        self.facts = facts or {}
        self.verdict = Verdict.HEALTHY
        self.reasons: tuple[str, ...] = ()
        self.looked = 0
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None
        self._calls = {one.name: one for one in calls}

    async def look(self) -> Report:
        self.looked += 1
        await self.open.wait()
        if self.error:
            raise self.error
        return Report(
            service=self.name, title=self.title, verdict=self.verdict, reasons=self.reasons, facts=self.facts, at=NOW
        )

    @property
    def calls(self) -> Mapping[str, Call]:
        return self._calls


async def find_photos(asked: Any) -> Photos:
    photo = Photo(id="p1", kind="photo", file="IMG_1.jpg", taken="2024-05-01T10:00:00", city="Bangkok", people=("Ann",))
    return Photos(items=(photo,), next_page=2 if asked.page < 3 else None)


async def find_videos(asked: Any) -> Videos:
    return Videos(items=(Video(id="v1", kind="film", title="The Third Man", year=1949),))


async def fail(asked: Any) -> Nodes:
    raise UpstreamError(Kind.THROTTLED, "Cluster asks to be left alone for 7 s (HTTP 429).", 7)


async def nodes(asked: Any) -> Nodes:
    return Nodes(names=("k3s-master", "k3s-worker"))


def home() -> dict[str, Fake]:
    """The four services of a home, all healthy."""
    photos = Call("photos.search", "Photos by what is on them.", Search, Photos, HOUSEHOLD, find_photos)
    videos = Call("video.search", "Films by title.", Search, Videos, EVERYBODY, find_videos)
    machines = Call("infrastructure.nodes", "The machines.", Nothing, Nodes, OPERATORS, nodes)
    services = (
        Fake(
            "immich",
            "Photos",
            facts={
                "counts": {"photos": 48210, "videos": 3104, "bytes": 5 * GIB},
                "storage": [{"name": "Photos", "used_bytes": 5 * GIB, "size_bytes": 8 * GIB}],
            },
            calls=(photos,),
        ),
        Fake(
            "jellyfin",
            "Films",
            EVERYBODY,
            facts={
                "counts": {"films": 412},
                "playing": [
                    {"title": "The Third Man", "who": "Ann", "device": "tv", "how": "directly", "paused": True}
                ],
            },
            calls=(videos,),
        ),
        Fake(
            "kubernetes",
            "Cluster",
            facts={"gpus": [{"node": "k3s-master", "model": "GTX 1650", "slices": 4, "used": 3, "by": []}]},
            calls=(machines,),
        ),
        Fake(
            "prometheus",
            "Metrics",
            facts={
                "alerts": [{"name": "NodeAway", "severity": "urgent", "summary": "It is away.", "since": str(NOW)}],
                "figures": {
                    "disk": [{"node": "k3s-master", "mount": "/", "used_bytes": 1.5e9, "size_bytes": 4e9}],
                    "gpu_memory": [{"node": "k3s-master", "used_bytes": 1e9, "size_bytes": 4e9}],
                },
            },
        ),
    )
    return {one.name: one for one in services}


def settings(folder: Path, **options: Any) -> Settings:
    """Settings that know one token, the proxy's address and three people."""
    (folder / "tokens.json").write_text(f'{{"prometheus": "{TOKEN}"}}', encoding="utf-8")
    given: dict[str, Any] = {
        "home": "homelab",
        "tokens_file": folder / "tokens.json",
        "tailnet_proxies": (f"{PROXY}/32",),
        "roles": {"ann@example.org": "owner", "ben@example.org": "family", "guest@example.org": "guest"},
        "links": {"immich": "https://photos.example.org/", "jellyfin": "https://films.example.org/"},
        "overview_deadline": 0.2,
        "rate_burst": 1000,
    }
    return Settings(**(given | options))


def application(folder: Path, adapters: Sequence[Adapter] | None = None, **options: Any) -> FastAPI:
    """The service before a home of fakes."""
    return create_app(settings(folder, **options), tuple(home().values()) if adapters is None else adapters)


def client(app: FastAPI, address: str = "10.0.0.9", **headers: str) -> httpx.AsyncClient:
    """Somebody at this address."""
    transport = httpx.ASGITransport(app=app, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://home.example.org", headers=headers)


def as_(who: str, app: FastAPI) -> httpx.AsyncClient:
    """Somebody of the tailnet, by the first part of their address."""
    return client(app, PROXY, **{"Tailscale-User-Login": f"{who}@example.org"})


def program(app: FastAPI) -> httpx.AsyncClient:
    """A program with its token."""
    return client(app, Authorization=f"Bearer {TOKEN}")
