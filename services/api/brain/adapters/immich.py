"""Immich: the photos. Versions 2 and 3.

Asked with a key of its own (`x-api-key`), that needs these permissions and no more: `server.storage`,
`server.statistics`, `asset.read`, `asset.statistics`, `album.read`, `memory.read`, `person.read`, `library.read`,
`queue.read` (3) or `job.read` (2), and, if the files' integrity shall be seen, `maintenance`. Statistics, libraries and
queues are for administrators, so the key has to be one's. Source of paths, shapes and permissions: `@immich/sdk` 2.7.5
and 3.2.2; of what a library without its folder does: immich `server/src/services/library.service.ts`.

Facts: `version`; `counts` {photos, videos, bytes}; `storage` [{name, used_bytes, size_bytes}]; `queues` {waiting,
active, failed, paused: [names]}; `libraries` [{name, items, read_at}]; `integrity` {missing, changed} (3, with
`maintenance`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AwareDatetime, Field

from brain.adapters.adapter import Call
from brain.adapters.service import (
    HOUSEHOLD,
    Answer,
    Findings,
    Nothing,
    Page,
    Paged,
    Service,
    by_name,
    page_of,
    plain,
    several,
    span,
    together,
)
from brain.upstream import Kind, Upstream, UpstreamError
from brain.verdict import Record, Verdict

SUPPORTED: Final = (2, 3)
"""The major versions whose API is known here."""
FULL_FROM: Final = 0.95
"""The share of its disk from which it is nearly full."""
STUCK_FROM: Final = 100
"""So many jobs waiting while none runs are no coincidence."""
READ_WITHIN: Final = timedelta(hours=36)
"""A library is read every night unless one asks otherwise; one whose folder is away is passed over, and gets older."""
SOURCE: Final = "immich"

T = TypeVar("T")

Identity = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,64}$")]
"""A UUID; at any rate nothing that changes an address that it becomes a part of."""


class Ping(Answer):
    """`GET /server/ping`."""

    res: Literal["pong"]


class Version(Answer):
    """`GET /server/version`."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


class Statistics(Answer):
    """`GET /server/statistics`."""

    photos: int = Field(ge=0)
    videos: int = Field(ge=0)
    usage: int = Field(ge=0)


class Storage(Answer):
    """`GET /server/storage`."""

    size: int = Field(alias="diskSizeRaw", ge=0)
    used: int = Field(alias="diskUseRaw", ge=0)
    available: int = Field(alias="diskAvailableRaw", ge=0)


class JobCounts(Answer):
    """How many jobs of a queue are in which state."""

    active: int = Field(ge=0)
    waiting: int = Field(ge=0)
    failed: int = Field(ge=0)
    paused: int = Field(default=0, ge=0)


class Queue(Answer):
    """One of `GET /queues`, from version 3."""

    name: str
    paused: bool = Field(alias="isPaused")
    jobs: JobCounts = Field(alias="statistics")


class LegacyStatus(Answer):
    """Whether a queue of version 2 is paused."""

    paused: bool = Field(alias="isPaused")


class LegacyQueue(Answer):
    """One of `GET /jobs`, in version 2."""

    jobs: JobCounts = Field(alias="jobCounts")
    status: LegacyStatus = Field(alias="queueStatus")


class Library(Answer):
    """One of `GET /libraries`: folders that Immich reads and doesn't own."""

    name: str
    items: int = Field(alias="assetCount", ge=0)
    folders: tuple[str, ...] = Field(alias="importPaths")
    read_at: AwareDatetime | None = Field(alias="refreshedAt")


class Integrity(Answer):
    """`GET /admin/integrity/summary`, from version 3."""

    missing: int = Field(alias="missing_file", ge=0)
    changed: int = Field(alias="checksum_mismatch", ge=0)


class Named(Answer):
    """Somebody, as an asset names them."""

    id: Identity
    name: str


class Exif(Answer):
    """Where a photo was taken."""

    city: str | None = None
    country: str | None = None


class Asset(Answer):
    """A photo or a video. `duration` is `H:MM:SS.ffffff` in version 2, milliseconds in 3."""

    id: Identity
    kind: str = Field(alias="type")
    file: str = Field(alias="originalFileName")
    taken: str = Field(alias="localDateTime")
    favourite: bool = Field(alias="isFavorite")
    duration: str | float | None = None
    exif: Exif | None = Field(default=None, alias="exifInfo")
    people: tuple[Named, ...] = ()


class FoundAssets(Answer):
    """The assets of a search."""

    items: tuple[Asset, ...]
    next_page: str | None = Field(alias="nextPage")


class Found(Answer):
    """`POST /search/smart`, `POST /search/metadata`."""

    assets: FoundAssets


class PersonAnswer(Named):
    """One of `GET /people`, `GET /search/person`."""

    born: str | None = Field(default=None, alias="birthDate")


class PeopleAnswer(Answer):
    """`GET /people`."""

    people: tuple[PersonAnswer, ...]
    has_next: bool = Field(default=False, alias="hasNextPage")


class MemoryData(Answer):
    """The year that a memory is of."""

    year: int


class MemoryAnswer(Answer):
    """One of `GET /memories`."""

    id: Identity
    data: MemoryData
    assets: tuple[Asset, ...]


class AlbumAnswer(Answer):
    """One of `GET /albums`."""

    id: Identity
    name: str = Field(alias="albumName")
    items: int = Field(alias="assetCount", ge=0)
    shared: bool
    begins: str | None = Field(default=None, alias="startDate")
    ends: str | None = Field(default=None, alias="endDate")


class PhotoFilter(Record):
    """What every search for photos may ask for."""

    person: str | None = Field(default=None, min_length=1, max_length=80, description="The name of somebody on them.")
    city: str | None = Field(default=None, min_length=1, max_length=80, description="The city where they were taken.")
    country: str | None = Field(default=None, min_length=1, max_length=80, description="The country.")
    taken_from: date | None = Field(default=None, description="The first day.")
    taken_to: date | None = Field(default=None, description="The last day.")
    kind: Literal["photo", "video"] | None = Field(default=None, description="Only photos, or only videos.")
    favourite: bool | None = Field(default=None, description="Only favourites, or all but those.")


class PhotoSearch(PhotoFilter, Paged):
    """Arguments of `photos.search`."""

    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description="What is to be seen on them, in words: a dog at the beach.",
    )


class RandomPhotos(PhotoFilter):
    """Arguments of `photos.random`."""

    size: int = Field(default=10, ge=1, le=100, description="How many.")


class MemoriesOf(Record):
    """Arguments of `photos.memories`."""

    day: date | None = Field(default=None, description="The day; today without it.")


class Photo(Record):
    """A photo or a video. taken: the local time at its place. seconds: a video's length."""

    id: str
    kind: Literal["photo", "video", "other"]
    file: str
    taken: str
    favourite: bool
    seconds: float | None = None
    city: str | None = None
    country: str | None = None
    people: tuple[str, ...] = ()


class Person(Record):
    """Somebody whose face is known. born: a date, if it was entered."""

    id: str
    name: str
    born: str | None = None


class Memory(Record):
    """What happened on this day of another year."""

    year: int
    photos: tuple[Photo, ...]


class Memories(Record):
    """The memories of a day, the latest year first."""

    day: date
    memories: tuple[Memory, ...]
    source: str = SOURCE


class Album(Record):
    """An album. begins, ends: the times of its first and its last photo."""

    id: str
    name: str
    items: int
    shared: bool
    begins: str | None = None
    ends: str | None = None


class PhotoCounts(Record):
    """How many photos and videos there are, and what they take."""

    photos: int
    videos: int
    bytes: int
    source: str = SOURCE


class Immich(Service):
    """The photos."""

    name = "immich"
    title = "Photos"

    def __init__(
        self,
        upstream: Upstream,
        *,
        now: Callable[[], datetime],
        has_key: Callable[[], bool],
        set_key: str,
        search_deadline: float | None = None,
    ) -> None:
        """has_key: whether there is a key at all. set_key: the command that sets it, if there is one.

        search_deadline: seconds for a search by what is to be seen, if not those of any call. The model that it goes
        by is loaded when somebody searches, and put away after some minutes in which nobody did
        (https://docs.immich.app/install/environment-variables, `MACHINE_LEARNING_MODEL_TTL`).
        """
        super().__init__(upstream, now=now, remedy=f"A good one is set with `{set_key}`." if set_key else "")
        self._for_smart_search = upstream.apart(deadline=search_deadline)
        self._has_key = has_key
        self._needs = f"It is up, and needs a key before more can be told{f': `{set_key}`' if set_key else ''}."

    async def inspect(self, findings: Findings) -> None:
        """Whether it is there; its version; then, with a key, all the rest at once."""
        await self.upstream.get("/api/server/ping", Ping)
        version = await findings.part("its version", self.upstream.get("/api/server/version", Version))
        if version is not None:
            findings.fact("version", str(version))
            if version.major not in SUPPORTED:
                known = " and ".join(map(str, SUPPORTED))
                findings.say(Verdict.UNSUPPORTED, f"It is version {version}; known here are {known}.")
                return
        if not self._has_key():
            findings.say(Verdict.UNKNOWN, self._needs)
            return
        major = SUPPORTED[-1] if version is None else version.major
        disk, *others = await together(
            self._storage(findings),
            self._counts(findings),
            self._queues(findings, major),
            self._libraries(findings),
            *([self._integrity(findings)] if major >= 3 else []),
        )
        if disk is None:
            return
        # It asks the folder's file system. One that isn't there is an error, a network share that is gone a wait; but
        # where nothing else is answered either, it says nothing of the folder.
        if disk.kind in (Kind.FAILED, Kind.TIMEOUT) and any(others):
            findings.say(
                Verdict.DEGRADED,
                "It is up, but can't reach its library: the photos' folder isn't mounted, or doesn't answer.",
            )
        else:
            findings.of_a_part(disk, "its storage")

    async def _counts(self, findings: Findings) -> bool:
        """Whether it answered; so say the others."""
        counts = await findings.part("its numbers", self.upstream.get("/api/server/statistics", Statistics))
        if counts is not None:
            findings.fact("counts", {"photos": counts.photos, "videos": counts.videos, "bytes": counts.usage})
        return counts is not None

    async def _storage(self, findings: Findings) -> UpstreamError | None:
        """What went wrong."""
        try:
            disk = await self.upstream.get("/api/server/storage", Storage)
        except UpstreamError as error:
            return error
        if not disk.size:
            findings.say(Verdict.DEGRADED, "It is up, but can't reach its library: the photos' folder isn't mounted.")
            return None
        findings.fact("storage", [{"name": "Photos", "used_bytes": disk.used, "size_bytes": disk.size}])
        if (disk.size - disk.available) / disk.size >= FULL_FROM:
            share = int(100 * (disk.size - disk.available) / disk.size)
            findings.say(Verdict.DEGRADED, f"Its disk is {share} % full.")
        return None

    async def _queues(self, findings: Findings, major: int) -> bool:
        queues = await findings.part("its queues", self._asked_queues(major))
        if queues is None:
            return False
        findings.fact(
            "queues",
            {
                "waiting": sum(one.jobs.waiting + one.jobs.paused for one in queues),
                "active": sum(one.jobs.active for one in queues),
                "failed": sum(one.jobs.failed for one in queues),
                "paused": [plain(one.name) for one in queues if one.paused],
            },
        )
        for one in queues:
            left = one.jobs.waiting + one.jobs.paused
            if one.paused and left:
                findings.say(
                    Verdict.DEGRADED,
                    f"{several(left, 'job waits', 'jobs wait')} in {plain(one.name)}, which is paused.",
                )
            elif left >= STUCK_FROM and not one.jobs.active:
                findings.say(
                    Verdict.DEGRADED,
                    f"{several(left, 'job waits', 'jobs wait')} in {plain(one.name)}, and none is worked on.",
                )
        return True

    async def _asked_queues(self, major: int) -> tuple[Queue, ...]:
        if major >= 3:
            return await self.upstream.get("/api/queues", tuple[Queue, ...])
        legacy = await self.upstream.get("/api/jobs", dict[str, LegacyQueue])
        return tuple(
            Queue.model_construct(name=name, paused=one.status.paused, jobs=one.jobs) for name, one in legacy.items()
        )

    async def _libraries(self, findings: Findings) -> bool:
        answered = await findings.part("its libraries", self.upstream.get("/api/libraries", tuple[Library, ...]))
        if answered is None:
            return False
        libraries = [one for one in answered if one.folders]
        findings.fact(
            "libraries", [{"name": plain(one.name), "items": one.items, "read_at": one.read_at} for one in libraries]
        )
        findings.ahead(one.read_at for one in libraries)
        for one in libraries:
            name = plain(one.name)
            if one.read_at is None:
                findings.say(Verdict.DEGRADED, f"The library {name} was never read: is its folder mounted?")
            elif findings.at - one.read_at > READ_WITHIN:
                ago = span(findings.at - one.read_at)
                findings.say(
                    Verdict.DEGRADED, f"The library {name} was last read {ago} ago: its folder may not be reachable."
                )
            elif not one.items:
                findings.say(Verdict.DEGRADED, f"The library {name} is empty: what is mounted may not be its folder.")
        return True

    async def _integrity(self, findings: Findings) -> bool:
        found = await findings.extra(self.upstream.get("/api/admin/integrity/summary", Integrity))
        if found is None:
            return False
        findings.fact("integrity", {"missing": found.missing, "changed": found.changed})
        if found.missing:
            findings.say(
                Verdict.DEGRADED, f"{several(found.missing, 'file')} that it knows of can't be found any more."
            )
        if found.changed:
            findings.say(
                Verdict.DEGRADED, f"{several(found.changed, 'file')} changed since they came in: are they broken?"
            )
        return True

    @property
    def calls(self) -> Mapping[str, Call]:
        """Searches and lists; the photos themselves stay where they are."""
        return by_name(
            Call(
                "photos.search",
                "Photos and videos, by what is to be seen on them, by who is, by place and time.",
                PhotoSearch,
                Page[Photo],
                HOUSEHOLD,
                self.search,
            ),
            Call("photos.random", "Some photos, by chance.", RandomPhotos, Page[Photo], HOUSEHOLD, self.random),
            Call("photos.people", "Whose faces are known.", Paged, Page[Person], HOUSEHOLD, self.people),
            Call(
                "photos.memories",
                "What was photographed on this day of other years.",
                MemoriesOf,
                Memories,
                HOUSEHOLD,
                self.memories,
            ),
            Call("photos.albums", "The albums.", Paged, Page[Album], HOUSEHOLD, self.albums),
            Call("photos.counts", "How many photos and videos.", Nothing, PhotoCounts, HOUSEHOLD, self.counts),
        )

    async def search(self, asked: PhotoSearch) -> Page[Photo]:
        """By what is to be seen if `text` is given, else by facts alone, the latest first."""
        body = await self._filter(asked)
        if body is None:
            return Page[Photo](items=(), page=asked.page, source=SOURCE)
        body |= {"page": asked.page, "size": asked.size, "withExif": True}
        if asked.text is not None:
            found = await self._post("/api/search/smart", Found, body | {"query": asked.text}, self._for_smart_search)
        else:
            found = await self._post("/api/search/metadata", Found, body | {"order": "desc", "withPeople": True})
        return Page[Photo](
            items=tuple(map(_photo, found.assets.items)),
            page=asked.page,
            next_page=asked.page + 1 if found.assets.next_page is not None else None,
            source=SOURCE,
        )

    async def random(self, asked: RandomPhotos) -> Page[Photo]:
        """Other ones each time."""
        body = await self._filter(asked)
        if body is None:
            return Page[Photo](items=(), source=SOURCE)
        found = await self._post(
            "/api/search/random", tuple[Asset, ...], body | {"size": asked.size, "withExif": True, "withPeople": True}
        )
        return Page[Photo](items=tuple(map(_photo, found)), source=SOURCE)

    async def people(self, asked: Paged) -> Page[Person]:
        """Those that aren't hidden and have a name."""
        found = await self.for_calls.get(
            "/api/people", PeopleAnswer, params={"page": asked.page, "size": asked.size, "withHidden": "false"}
        )
        return Page[Person](
            items=tuple(
                Person(id=one.id, name=plain(one.name), born=one.born) for one in found.people if one.name.strip()
            ),
            page=asked.page,
            next_page=asked.page + 1 if found.has_next else None,
            source=SOURCE,
        )

    async def memories(self, asked: MemoriesOf) -> Memories:
        """Of one day."""
        day = asked.day or self.now().astimezone().date()
        found = await self.for_calls.get(
            "/api/memories", tuple[MemoryAnswer, ...], params={"for": _at(day, time(12)), "type": "on_this_day"}
        )
        memories = (Memory(year=one.data.year, photos=tuple(map(_photo, one.assets))) for one in found)
        return Memories(day=day, memories=tuple(sorted(memories, key=lambda one: -one.year)))

    async def albums(self, asked: Paged) -> Page[Album]:
        """By name. Immich gives all of them at once; the pages are ours."""
        found = await self.for_calls.get("/api/albums", tuple[AlbumAnswer, ...])
        albums = (
            Album(id=one.id, name=plain(one.name), items=one.items, shared=one.shared, begins=one.begins, ends=one.ends)
            for one in found
        )
        return page_of(Page[Album], sorted(albums, key=lambda one: (one.name.casefold(), one.id)), asked, SOURCE)

    async def counts(self, asked: Nothing) -> PhotoCounts:
        """Of everybody together."""
        counts = await self.for_calls.get("/api/server/statistics", Statistics)
        return PhotoCounts(photos=counts.photos, videos=counts.videos, bytes=counts.usage)

    async def _filter(self, asked: PhotoFilter) -> dict[str, object] | None:
        """A search's body; none when nobody has the name, so nothing can be found."""
        body: dict[str, object] = {}
        if asked.person is not None:
            person = await self._person(asked.person)
            if person is None:
                return None
            body["personIds"] = [person]
        if asked.city is not None:
            body["city"] = asked.city
        if asked.country is not None:
            body["country"] = asked.country
        if asked.taken_from is not None:
            body["takenAfter"] = _at(asked.taken_from, time.min)
        if asked.taken_to is not None:
            body["takenBefore"] = _at(asked.taken_to, time.max)
        if asked.kind is not None:
            body["type"] = "IMAGE" if asked.kind == "photo" else "VIDEO"
        if asked.favourite is not None:
            body["isFavorite"] = asked.favourite
        return body

    async def _person(self, name: str) -> str | None:
        found = await self.for_calls.get(
            "/api/search/person", tuple[PersonAnswer, ...], params={"name": name, "withHidden": "false"}
        )
        exact = [one for one in found if one.name.casefold() == name.casefold()]
        return next((one.id for one in [*exact, *found]), None)

    async def _post(self, path: str, model: type[T], body: Mapping[str, object], upstream: Upstream | None = None) -> T:
        # Searches change nothing, so they may be asked again.
        return await (upstream or self.for_calls).post(path, model, json=dict(body), idempotent=True)


def _at(day: date, hour: time) -> str:
    """A moment of a day of the home, whose time zone is that of this process. Immich compares moments, not days."""
    moment = datetime.combine(day, hour).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _photo(asset: Asset) -> Photo:
    exif = asset.exif or Exif()
    kinds: Mapping[str, Literal["photo", "video"]] = {"IMAGE": "photo", "VIDEO": "video"}
    return Photo(
        id=asset.id,
        kind=kinds.get(asset.kind, "other"),
        file=plain(asset.file),
        taken=plain(asset.taken, 40),
        favourite=asset.favourite,
        seconds=_seconds(asset.duration),
        city=plain(exif.city) if exif.city else None,
        country=plain(exif.country) if exif.country else None,
        people=tuple(plain(one.name) for one in asset.people if one.name.strip()),
    )


def _seconds(duration: str | float | None) -> float | None:
    if duration is None:
        return None
    if isinstance(duration, str):
        try:
            hours, minutes, seconds = duration.split(":")
            length = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        except ValueError:
            return None
        # Version 2 gives photos a length of nothing.
        return length or None
    return duration / 1000
