"""Who lives in the demo's home, and what they have. Plain data."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

GIB: Final = 1024**3

ADMIN: Final = "Noi"
PEOPLE: Final = ("Noi", "Anong", "Somchai", "Mali", "Grandma Pim")
"""Who is on photos. The first three live there."""


@dataclass(frozen=True)
class Scene:
    """What photos are of. words: what is to be seen. days: how long ago. count: how many there are."""

    words: str
    city: str
    country: str
    days: int
    count: int
    people: tuple[str, ...] = ()
    album: str | None = None
    video: bool = False


SCENES: Final = (
    Scene("beach sea sand children playing sunset", "Hua Hin", "Thailand", 32, 14, ("Mali", "Anong"), "Hua Hin"),
    Scene("beach waves surfing video", "Hua Hin", "Thailand", 31, 3, ("Somchai",), "Hua Hin", video=True),
    Scene("dog puppy garden running", "Bangkok", "Thailand", 4, 9, ()),
    Scene(
        "birthday cake candles family table", "Bangkok", "Thailand", 12, 11, ("Mali", "Grandma Pim", "Noi"), "Birthdays"
    ),
    Scene(
        "birthday cake candles singing video", "Bangkok", "Thailand", 12, 1, ("Mali", "Grandma Pim"), "Birthdays", True
    ),
    Scene("temple lanterns night", "Chiang Mai", "Thailand", 365, 8, ("Anong", "Noi"), "Up north"),
    Scene("mountain fog forest hike", "Chiang Mai", "Thailand", 366, 12, ("Noi",), "Up north"),
    Scene("snow train mountains", "Zermatt", "Switzerland", 2 * 365, 10, ("Noi", "Anong"), "Alps"),
    Scene("river market boats food", "Bangkok", "Thailand", 3 * 365 + 1, 7, ("Grandma Pim",)),
    Scene("cat sofa sleeping", "Bangkok", "Thailand", 1, 5, ()),
    Scene("bicycle park children", "Bangkok", "Thailand", 60, 6, ("Mali",)),
    Scene("receipt document paper", "Bangkok", "Thailand", 20, 4, ()),
)


@dataclass(frozen=True)
class Picture:
    """One photo or video of a scene. taken: the local time. seconds: of a video."""

    id: UUID
    file: str
    taken: datetime
    scene: Scene
    favourite: bool
    seconds: float | None
    bytes: int


@cache
def pictures(now: datetime) -> tuple[Picture, ...]:
    """All of them, the latest first; the same ones for the same day."""
    chance = random.Random(7)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    made: list[Picture] = []
    for scene in SCENES:
        for _ in range(scene.count):
            number = 1000 + len(made)
            file = f"VID_{number}.mp4" if scene.video else f"IMG_{number}.jpg"
            made.append(
                Picture(
                    id=identity(f"picture/{file}"),
                    file=file,
                    taken=day - timedelta(days=scene.days) + timedelta(seconds=chance.randrange(8 * 3600, 20 * 3600)),
                    scene=scene,
                    favourite=chance.random() < 0.2,
                    seconds=round(chance.uniform(4, 90), 2) if scene.video else None,
                    bytes=chance.randrange(40_000_000, 200_000_000)
                    if scene.video
                    else chance.randrange(2_000_000, 9_000_000),
                )
            )
    return tuple(sorted(made, key=lambda one: one.taken, reverse=True))


@dataclass(frozen=True)
class Film:
    """A film, or an episode of a series."""

    title: str
    year: int
    minutes: int
    about: str
    days: int
    series: str | None = None
    season: int | None = None
    number: int | None = None


FILMS: Final = (
    Film("Big Buck Bunny", 2008, 10, "A large rabbit answers three bullies in kind.", 400),
    Film("Sintel", 2010, 15, "A young woman looks for the dragon that she raised.", 380),
    Film("Tears of Steel", 2012, 12, "People and robots, forty years after a break-up on a bridge.", 300),
    Film("Cosmos Laundromat", 2015, 12, "A sheep on an island is offered another life.", 200),
    Film("Spring", 2019, 8, "A shepherd girl and her dog wake the seasons.", 90),
    Film("Agent 327: Operation Barbershop", 2017, 4, "An agent visits a barber who isn't one.", 60),
    Film("Sprite Fright", 2021, 10, "Teenagers in a wood meet mushroom people.", 9),
    Film("Charge", 2022, 5, "An old man breaks into a battery factory.", 3),
    Film("The seed", 2023, 24, "How a garden begins.", 40, "The Garden", 1, 1),
    Film("Rain", 2023, 25, "What falls, and where it goes.", 33, "The Garden", 1, 2),
    Film("Harvest", 2023, 24, "What a year comes to.", 26, "The Garden", 1, 3),
    Film("The seed again", 2024, 26, "The garden a year on.", 2, "The Garden", 2, 1),
)


@dataclass(frozen=True)
class Watching:
    """Somebody who watches a film. how: `DirectPlay` or `Transcode`, as Jellyfin says. share: how far they are."""

    who: str
    device: str
    client: str
    film: str
    how: str
    share: float
    paused: bool = False


WATCHING: Final = (
    Watching("Anong", "Living room", "Jellyfin Android TV", "Sintel", "DirectPlay", 0.42),
    Watching("Somchai", "Phone", "Jellyfin Mobile", "The seed again", "Transcode", 0.1),
)


@dataclass(frozen=True)
class Machine:
    """A machine of the home, in bytes."""

    name: str
    memory: int
    memory_used: int
    disk: int
    disk_used: int
    gpu: str | None = None
    vram: int = 0
    vram_used: int = 0


MACHINES: Final = (
    Machine("k3s-master", 32 * GIB, 19 * GIB, 1770 * GIB, 910 * GIB, "NVIDIA GTX 1650 Mobile", 4 * GIB, 3 * GIB),
    Machine("k3s-gpu", 16 * GIB, 9 * GIB, 460 * GIB, 300 * GIB, "NVIDIA RTX 4060", 8 * GIB, 5 * GIB),
)


@dataclass(frozen=True)
class Alarm:
    """An alert that fires."""

    name: str
    severity: str
    summary: str
    hours: float


ALARMS: Final = (
    Alarm("BackupTooOld", "urgent", "The backup of photos was last made 2d 3h ago.", 14),
    Alarm("DiskFilling", "warning", "At this pace, the disk of k3s-gpu is full within a day.", 3.5),
    Alarm("K3sVersionSkew", "info", "The machines run K3s of different minor versions.", 300),
)

PROBES: Final = (
    ("immich", "cluster", True),
    ("immich", "tailnet", True),
    ("immich", "public", True),
    ("jellyfin", "cluster", True),
    ("jellyfin", "tailnet", True),
    ("nas", "lan", True),
)
"""What is probed: target, door, whether it answers."""


def identity(name: str) -> UUID:
    """The same for the same name, every time."""
    return uuid5(NAMESPACE_URL, f"https://demo.invalid/{name}")
