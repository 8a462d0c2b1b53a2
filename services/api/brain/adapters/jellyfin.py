"""Jellyfin: films and series. Versions 10.11 and 12.

Asked with an API key (Dashboard → API keys) in the one header that version 12 still takes:
`Authorization: MediaBrowser Token="…"` (jellyfin `AuthorizationContext.cs`). Paths and shapes: `@jellyfin/sdk` 0.13.0
for 10.11 and 1.0.0 for 12. A folder that can't be read has a free space of -1 there (`StorageHelper.cs`).

Facts: `version`; `counts` {films, series, episodes, songs}; `playing` [{title, who, device, how, paused, share}];
`storage` [{name, used_bytes, size_bytes}].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime, Field

from brain.adapters.adapter import Call
from brain.adapters.service import (
    EVERYBODY,
    HOUSEHOLD,
    Answer,
    Findings,
    Nothing,
    Page,
    Paged,
    Service,
    by_name,
    plain,
    together,
)
from brain.upstream import Kind as WentWrong
from brain.upstream import Upstream, UpstreamError
from brain.verdict import Record, Verdict

ACTIVE_WITHIN: Final = 120
"""Seconds since a client last said something, after which it no longer plays."""
FULL_FROM: Final = 0.95
TICKS: Final = 10_000_000
"""Of a second."""
SOURCE: Final = "jellyfin"

Kind = Literal["film", "series", "episode", "other"]
_KINDS: Final[Mapping[str, Kind]] = {"Movie": "film", "Series": "series", "Episode": "episode"}


def authorization(key: str) -> Mapping[str, str]:
    """The headers with which Jellyfin is asked."""
    return {"Authorization": f'MediaBrowser Token="{key}"'} if key else {}


class PublicInfo(Answer):
    """`GET /System/Info/Public`."""

    product: str | None = Field(default=None, alias="ProductName")
    version: str = Field(alias="Version", pattern=r"^\d+(\.\d+)+")


class SystemInfo(Answer):
    """`GET /System/Info`. Empty fields are left out by some versions."""

    restart_due: bool = Field(default=False, alias="HasPendingRestart")
    stopping: bool = Field(default=False, alias="IsShuttingDown")


class ItemCounts(Answer):
    """`GET /Items/Counts`."""

    films: int = Field(default=0, ge=0, alias="MovieCount")
    series: int = Field(default=0, ge=0, alias="SeriesCount")
    episodes: int = Field(default=0, ge=0, alias="EpisodeCount")
    songs: int = Field(default=0, ge=0, alias="SongCount")


class ItemAnswer(Answer):
    """A film, a series, an episode."""

    id: str = Field(alias="Id", pattern=r"^[0-9A-Za-z-]{1,64}$")
    name: str = Field(default="", alias="Name")
    kind: str = Field(default="", alias="Type")
    series: str | None = Field(default=None, alias="SeriesName")
    season: int | None = Field(default=None, alias="ParentIndexNumber")
    number: int | None = Field(default=None, alias="IndexNumber")
    year: int | None = Field(default=None, alias="ProductionYear")
    ticks: int | None = Field(default=None, alias="RunTimeTicks")
    overview: str | None = Field(default=None, alias="Overview")
    added: AwareDatetime | None = Field(default=None, alias="DateCreated")


class ItemsAnswer(Answer):
    """`GET /Items`."""

    items: tuple[ItemAnswer, ...] = Field(alias="Items")
    total: int = Field(alias="TotalRecordCount")


class PlayState(Answer):
    """How far a session is."""

    ticks: int | None = Field(default=None, alias="PositionTicks")
    paused: bool = Field(default=False, alias="IsPaused")
    method: str | None = Field(default=None, alias="PlayMethod")


class Transcoding(Answer):
    """What is done to what a session plays."""

    video_direct: bool = Field(default=False, alias="IsVideoDirect")
    hardware: str | None = Field(default=None, alias="HardwareAccelerationType")


class Session(Answer):
    """One of `GET /Sessions`."""

    user: str | None = Field(default=None, alias="UserName")
    device: str | None = Field(default=None, alias="DeviceName")
    client: str | None = Field(default=None, alias="Client")
    item: ItemAnswer | None = Field(default=None, alias="NowPlayingItem")
    state: PlayState | None = Field(default=None, alias="PlayState")
    transcoding: Transcoding | None = Field(default=None, alias="TranscodingInfo")


class Folder(Answer):
    """A folder of a library, and the disk that it is on."""

    path: str = Field(alias="Path")
    free: int = Field(alias="FreeSpace")
    used: int = Field(alias="UsedSpace")
    device: str | None = Field(default=None, alias="DeviceId")


class LibraryFolders(Answer):
    """A library."""

    name: str = Field(alias="Name")
    folders: tuple[Folder, ...] = Field(alias="Folders")


class StorageAnswer(Answer):
    """`GET /System/Info/Storage`."""

    libraries: tuple[LibraryFolders, ...] = Field(alias="Libraries")


class VideoSearch(Paged):
    """Arguments of `video.search`."""

    text: str | None = Field(default=None, min_length=1, max_length=300, description="Words of the title.")
    kind: Literal["film", "series", "episode"] | None = Field(default=None, description="Only these.")
    year: int | None = Field(default=None, ge=1870, le=2200, description="The year it came out.")


class Latest(Paged):
    """Arguments of `video.latest`."""


class Video(Record):
    """A film, a series, or an episode of one. minutes: how long it is."""

    id: str
    kind: Kind
    title: str
    series: str | None = None
    season: int | None = None
    number: int | None = None
    year: int | None = None
    minutes: int | None = None
    about: str | None = None
    added: AwareDatetime | None = None


class VideoCounts(Record):
    """How many there are."""

    films: int
    series: int
    episodes: int
    songs: int
    source: str = SOURCE


class Playing(Record):
    """What somebody watches. how: as it is, made anew for the device, or packed anew. share: of it, from 0 to 1."""

    title: str
    who: str
    device: str
    how: Literal["direct", "transcode", "remux"]
    by_gpu: bool = False
    paused: bool = False
    share: float | None = None


class NowPlaying(Record):
    """What is being watched."""

    playing: tuple[Playing, ...]
    source: str = SOURCE


class Jellyfin(Service):
    """The films and series."""

    name = "jellyfin"
    title = "Films and series"
    roles = EVERYBODY

    def __init__(
        self, upstream: Upstream, *, now: Callable[[], datetime], has_key: Callable[[], bool], set_key: str
    ) -> None:
        """has_key: whether there is a key at all. set_key: the command that sets it, if there is one."""
        super().__init__(upstream, now=now, remedy=f"A good one is set with `{set_key}`." if set_key else "")
        self._has_key = has_key
        self._needs = f"It is up, and needs a key before more can be told{f': `{set_key}`' if set_key else ''}."

    async def inspect(self, findings: Findings) -> None:
        """Whether it is there and its database answers; its version; then, with a key, all the rest at once."""
        health = (await self.upstream.text("/health")).strip()
        # ASP.NET Core's health checks answer with one of three words; `Unhealthy` comes with HTTP 503.
        if health == "Degraded":
            findings.say(Verdict.DEGRADED, "It calls itself degraded: a check of its own fails.")
        elif health != "Healthy":
            findings.say(Verdict.DOWN, "What answers at its address doesn't say that it is healthy, as Jellyfin would.")
            return
        public = await findings.part("its version", self.upstream.get("/System/Info/Public", PublicInfo))
        if public is not None:
            findings.fact("version", public.version)
            if not supported(public.version):
                findings.say(
                    Verdict.UNSUPPORTED, f"It is version {plain(public.version)}; known here are 10.11 and 12."
                )
                return
        if not self._has_key():
            findings.say(Verdict.UNKNOWN, self._needs)
            return
        folders, *others = await together(
            self._storage(findings), self._system(findings), self._counts(findings), self._sessions(findings)
        )
        if folders is None:
            return
        # It asks the folders' file systems, and waits for a network share that is gone; but where nothing else is
        # answered either, that says nothing of the folders.
        if folders.kind is WentWrong.TIMEOUT and any(others):
            findings.say(Verdict.DEGRADED, "It is up, but can't reach its libraries: their folders don't answer.")
        else:
            findings.of_a_part(folders, "its libraries")

    async def _system(self, findings: Findings) -> bool:
        """Whether it answered; so say the others."""
        info = await findings.part("its state", self.upstream.get("/System/Info", SystemInfo))
        if info is None:
            return False
        if info.stopping:
            findings.say(Verdict.DEGRADED, "It is shutting down.")
        elif info.restart_due:
            findings.say(Verdict.DEGRADED, "It wants to be restarted: an update or a plug-in waits for that.")
        return True

    async def _counts(self, findings: Findings) -> bool:
        counts = await findings.part("its numbers", self.upstream.get("/Items/Counts", ItemCounts))
        if counts is not None:
            findings.fact("counts", counts)
        return counts is not None

    async def _sessions(self, findings: Findings) -> bool:
        playing = await findings.part("what is playing", self._playing(self.upstream))
        if playing is not None:
            findings.fact("playing", playing)
        return playing is not None

    async def _storage(self, findings: Findings) -> UpstreamError | None:
        """What went wrong."""
        try:
            storage = await self.upstream.get("/System/Info/Storage", StorageAnswer)
        except UpstreamError as error:
            return error
        away = [plain(one.name) for one in storage.libraries if any(folder.free < 0 for folder in one.folders)]
        for name in away:
            findings.say(
                Verdict.DEGRADED, f"It is up, but can't reach the library {name}: its folder isn't mounted, or is gone."
            )
        # Several libraries may lie on one disk, which is told of once, under the name of the first.
        disks: dict[str, tuple[str, Folder]] = {}
        for library in storage.libraries:
            for folder in library.folders:
                if folder.free >= 0 and folder.used >= 0 and folder.free + folder.used:
                    disks.setdefault(folder.device or folder.path, (plain(library.name), folder))
        findings.fact(
            "storage",
            [{"name": name, "used_bytes": one.used, "size_bytes": one.used + one.free} for name, one in disks.values()],
        )
        for name, one in disks.values():
            share = one.used / (one.used + one.free)
            if share >= FULL_FROM:
                findings.say(Verdict.DEGRADED, f"The disk of the library {name} is {int(100 * share)} % full.")
        return None

    @property
    def calls(self) -> Mapping[str, Call]:
        """Searches and lists; the films themselves stay where they are."""
        return by_name(
            Call(
                "video.search",
                "Films, series and episodes, by title.",
                VideoSearch,
                Page[Video],
                EVERYBODY,
                self.search,
            ),
            Call("video.latest", "The films and episodes that came last.", Latest, Page[Video], EVERYBODY, self.latest),
            Call("video.counts", "How many films, series and episodes.", Nothing, VideoCounts, EVERYBODY, self.counts),
            Call("video.playing", "What is being watched, by whom.", Nothing, NowPlaying, HOUSEHOLD, self.playing),
        )

    async def search(self, asked: VideoSearch) -> Page[Video]:
        """By title, the best match first; without a title, by name."""
        kinds = {name: kind for kind, name in _KINDS.items()}
        params: dict[str, object] = {"includeItemTypes": kinds[asked.kind] if asked.kind else ",".join(_KINDS)}
        if asked.text is not None:
            params["searchTerm"] = asked.text
        else:
            params |= {"sortBy": "SortName", "sortOrder": "Ascending"}
        if asked.year is not None:
            params["years"] = asked.year
        return await self._items(asked, params)

    async def latest(self, asked: Latest) -> Page[Video]:
        """By when they came. Jellyfin's own `/Items/Latest` wants a user, which a key isn't."""
        return await self._items(
            asked, {"includeItemTypes": "Movie,Episode", "sortBy": "DateCreated", "sortOrder": "Descending"}
        )

    async def counts(self, asked: Nothing) -> VideoCounts:
        """Of all libraries."""
        counts = await self.for_calls.get("/Items/Counts", ItemCounts)
        return VideoCounts(films=counts.films, series=counts.series, episodes=counts.episodes, songs=counts.songs)

    async def playing(self, asked: Nothing) -> NowPlaying:
        """Of everybody."""
        return NowPlaying(playing=await self._playing(self.for_calls))

    async def _playing(self, upstream: Upstream) -> tuple[Playing, ...]:
        sessions = await upstream.get("/Sessions", tuple[Session, ...], params={"activeWithinSeconds": ACTIVE_WITHIN})
        return tuple(_playing(one, one.item) for one in sessions if one.item is not None)

    async def _items(self, asked: Paged, params: Mapping[str, object]) -> Page[Video]:
        start = (asked.page - 1) * asked.size
        found = await self.for_calls.get(
            "/Items",
            ItemsAnswer,
            params={
                "recursive": "true",
                "startIndex": start,
                "limit": asked.size,
                "fields": "Overview,DateCreated",
                "enableTotalRecordCount": "true",
                **params,
            },
        )
        return Page[Video](
            items=tuple(map(_video, found.items)),
            page=asked.page,
            next_page=asked.page + 1 if start + len(found.items) < found.total and found.items else None,
            source=SOURCE,
        )


def supported(version: str) -> bool:
    """Whether this version's API is known here: 10.11.x and 12.x."""
    major, minor, *_ = (int(one) for one in version.split(".")[:2])
    return (major, minor) == (10, 11) or major == 12


def _video(item: ItemAnswer) -> Video:
    return Video(
        id=item.id,
        kind=_KINDS.get(item.kind, "other"),
        title=plain(item.name),
        series=plain(item.series) if item.series else None,
        season=item.season if item.kind == "Episode" else None,
        number=item.number if item.kind == "Episode" else None,
        year=item.year,
        minutes=item.ticks // TICKS // 60 if item.ticks else None,
        about=plain(item.overview, 500) if item.overview else None,
        added=item.added,
    )


def _playing(session: Session, item: ItemAnswer) -> Playing:
    state, transcoding = session.state or PlayState(), session.transcoding
    how: Literal["direct", "transcode", "remux"] = "direct"
    if transcoding is not None and state.method == "Transcode":
        how = "remux" if transcoding.video_direct else "transcode"
    name = plain(item.name)
    if item.series:
        place = f" {item.season}x{item.number:02}" if item.season is not None and item.number is not None else ""
        name = f"{plain(item.series)}{place}: {name}"
    hardware = (transcoding.hardware or "none") if transcoding is not None else "none"
    return Playing(
        title=name,
        who=plain(session.user or "somebody"),
        device=plain(session.device or session.client or "a device"),
        how=how,
        by_gpu=how == "transcode" and hardware != "none",
        paused=state.paused,
        share=round(min(state.ticks / item.ticks, 1.0), 3) if state.ticks is not None and item.ticks else None,
    )
