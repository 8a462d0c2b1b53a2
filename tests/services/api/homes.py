"""Homes in every state that the page has to show, made up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from brain.found import Found, Hit, Source
from brain.overview import (
    Alert,
    Column,
    Count,
    ExposureMap,
    Gpu,
    Overview,
    Part,
    Playing,
    Reach,
    Store,
    Tile,
    Wanted,
)
from brain.verdict import Verdict, worst

NOW = datetime(2026, 11, 26, 19, 30, tzinfo=UTC)
GIB = 1024**3
HOUR = 3600.0


def tile(service: str, title: str, verdict: Verdict = Verdict.HEALTHY, *reasons: str, age: float = 8) -> Tile:
    return Tile(
        service=service,
        title=title,
        verdict=verdict,
        reasons=reasons,
        at=NOW - timedelta(seconds=age),
        age=age,
        is_stale=age > 120,
        link=f"https://{service}.home.example/",
    )


HEALTHY_TILES = (
    tile("immich", "Photos"),
    tile("jellyfin", "Films"),
    tile("kubernetes", "Cluster"),
    tile("prometheus", "Metrics"),
)

COLUMNS = (
    Column(key="internet", group="Internet", title="anybody", meaning="anybody on the internet"),
    Column(key="signed-in", group="Internet", title="signed in"),
    Column(key="tailnet-owner", group="Tailnet", title="owner"),
    Column(key="tailnet-family", group="Tailnet", title="family"),
    Column(key="tailnet-guest", group="Tailnet", title="guest"),
    Column(key="tailnet-others", group="Tailnet", title="others"),
    Column(key="lan", group="At home", title="LAN"),
    Column(key="pods", group="At home", title="pods"),
)
EXPOSURE = ExposureMap(
    columns=COLUMNS,
    rows=(
        Reach(title="Immich", group="immich", open_to=("signed-in", "tailnet-owner", "tailnet-family")),
        Reach(
            title="Jellyfin",
            group="jellyfin",
            open_to=("signed-in", "tailnet-owner", "tailnet-family", "tailnet-guest"),
        ),
        Reach(title="Grafana", group="Monitoring", open_to=("tailnet-owner",)),
        Reach(title="k3s-master", group="Machines", open_to=("tailnet-owner", "lan")),
        Reach(title="NAS", group="Storage", open_to=("lan",)),
        Reach(title="Transcode", open_to=("somebody-else",)),
    ),
)
GPUS = Part(
    items=(
        Gpu(
            node="k3s-master",
            model="NVIDIA GTX 1650 Mobile",
            slices_taken=3,
            slices_there=4,
            vram_used=int(3.5 * GIB),
            vram_total=4 * GIB,
        ),
        Gpu(node="k3s-gpu", model="NVIDIA RTX 4060", slices_taken=0, slices_there=1, vram_total=8 * GIB),
    ),
    age=12,
)
STORAGE = Part(
    items=(
        Store(name="NAS", what="photos, films and their backups", used=5800 * GIB, total=7300 * GIB),
        Store(name="k3s-master", what="databases", used=571 * GIB, total=1769 * GIB),
    ),
    age=12,
)
COUNTS = Part(
    items=(
        Count(what="Photos", number=48210, more="212 in the last 7 days"),
        Count(what="Videos", number=3104, more="9 in the last 7 days"),
        Count(what="Films", number=412),
        Count(what="Series", number=57),
        Count(what="Episodes", number=2890),
    ),
    age=30,
)
PLAYING = Part(
    items=(
        Playing(who="Ada", title="The Third Man (1949)", on="the living room", how="directly"),
        Playing(who="Ben", title="Planet Earth, S1 E3", on="a phone", how="made to fit by the GPU", is_paused=True),
    ),
    age=5,
)
ALERTS = Part(
    items=(
        Alert(
            name="NodeAway",
            severity="critical",
            summary="k3s-worker hasn't been heard of.",
            since=NOW - timedelta(minutes=20),
        ),
        Alert(
            name="ShareNearlyFull",
            severity="warning",
            summary="The NAS will be full in 6 days.",
            since=NOW - timedelta(hours=30),
        ),
        Alert(name="BackupOld", severity="info", since=NOW - timedelta(days=3)),
    ),
    age=10,
)


def home(*tiles: Tile, **parts: object) -> Overview:
    """A home with these services, healthy and with something in each part unless said otherwise."""
    shown = {
        "gpus": GPUS,
        "storage": STORAGE,
        "alerts": Part(age=10),
        "playing": PLAYING,
        "counts": COUNTS,
        "exposure": EXPOSURE,
        **parts,
    }
    verdict = worst(one.verdict for one in tiles)
    return Overview.model_validate({"home": "homelab", "verdict": verdict, "services": tiles, "at": NOW, **shown})


NEEDS_A_KEY = tile("immich", "Photos", Verdict.UNKNOWN, "No key is set, so it couldn't be asked.").model_copy(
    update={
        "needs": Wanted(
            what="Immich makes one under Account settings, API keys, with the permissions that docs/api.md lists.",
            command="pulumi config set --secret homebrain:immichApiKey && pulumi up -s homelab",
        )
    }
)
LONG = "Wertheim" * 11
REFUSES = "Prometheus refuses connections."

STATES: Mapping[str, Overview] = {
    "healthy": home(*HEALTHY_TILES),
    "degraded": home(
        tile(
            "immich",
            "Photos",
            Verdict.DEGRADED,
            "1,204 photos wait for their thumbnails.",
            "The library mount is 3 hours old.",
        ),
        *HEALTHY_TILES[1:],
        alerts=ALERTS,
    ),
    "unsupported": home(
        tile("immich", "Photos", Verdict.UNSUPPORTED, "It is version 5.0; known are 2 and 3."), *HEALTHY_TILES[1:]
    ),
    "down": home(
        HEALTHY_TILES[0], tile("jellyfin", "Films", Verdict.DOWN, "It refuses connections."), *HEALTHY_TILES[2:]
    ),
    "needs-a-key": home(NEEDS_A_KEY, *HEALTHY_TILES[1:], counts=Part(unknown="Photos needs a key.")),
    "stale": home(
        tile("immich", "Photos", age=25 * 60),
        *HEALTHY_TILES[1:],
        gpus=GPUS.model_copy(update={"age": 40 * 60.0, "is_stale": True}),
        storage=STORAGE.model_copy(update={"age": 2 * HOUR, "is_stale": True}),
        alerts=ALERTS.model_copy(update={"age": 3 * HOUR, "is_stale": True}),
        playing=PLAYING.model_copy(update={"age": 50 * HOUR, "is_stale": True}),
        counts=COUNTS.model_copy(update={"age": 100.0, "is_stale": True}),
    ),
    "nothing-known": home(
        *HEALTHY_TILES[:3],
        tile("prometheus", "Metrics", Verdict.DOWN, REFUSES),
        gpus=Part(unknown=REFUSES),
        storage=Part(unknown=REFUSES),
        alerts=Part(unknown=REFUSES),
        playing=Part(unknown="Jellyfin didn't answer in time."),
        counts=Part(unknown="Immich didn't answer in time."),
        exposure=ExposureMap(),
    ),
    "empty": home(gpus=Part(), storage=Part(), alerts=Part(), playing=Part(), counts=Part(), exposure=ExposureMap()),
    "for-a-guest": home(*HEALTHY_TILES[:2], gpus=None, storage=None, alerts=None, playing=None, exposure=None),
    "full": home(
        *HEALTHY_TILES,
        gpus=Part(
            items=(
                Gpu(node="k3s-gpu", slices_taken=24, slices_there=24, vram_used=9 * GIB, vram_total=8 * GIB),
                Gpu(node="k3s-away", slices_taken=0, slices_there=0),
            )
        ),
        storage=Part(
            items=(
                Store(name="NAS", used=97, total=100),
                Store(name="USB", used=0, total=0),
                Store(name="old", used=88, total=100),
                Store(name="new", used=1, total=10**15),
            )
        ),
    ),
    "longest-names": home(
        tile("immich", LONG, Verdict.DEGRADED, LONG * 3).model_copy(
            update={"needs": Wanted(what=LONG, command=LONG * 2)}
        ),
        *HEALTHY_TILES,
        gpus=Part(items=(Gpu(node=LONG, model=LONG, slices_taken=1, slices_there=16),)),
        storage=Part(items=(Store(name=LONG, what=LONG, used=999 * GIB, total=1000 * GIB),)),
        alerts=Part(items=(Alert(name=LONG, severity="critical", summary=LONG, since=NOW),)),
        playing=Part(items=(Playing(who=LONG, title=LONG, on=LONG, how=LONG, is_paused=True),)),
        counts=Part(items=(Count(what=LONG, number=10**15, more=LONG),)),
        exposure=ExposureMap(columns=COLUMNS, rows=(Reach(title=LONG, group=LONG, open_to=("lan",)),)),
    ),
}

FOUND = Found(
    query="lake",
    page=2,
    hits=(
        Hit(title="The Lake House", kind="film", source="Films", when="2006", link="https://jellyfin.home.example/1"),
        Hit(title="IMG_2041.jpg", kind="photo", source="Photos", when="14 August 2025", more="Ada, Ben"),
    ),
    sources=(
        Source(title="Photos", total=1204),
        Source(title="Films", total=1),
        Source(title="Series", unknown="It didn't answer in time."),
    ),
    has_more=True,
)
NOTHING_FOUND = Found(query=LONG, sources=(Source(title="Photos", total=0),))
