"""A stand-in for Jellyfin 10.11 and 12: the demo home's films in its words.

Shapes and paths: `@jellyfin/sdk` 0.13.0 and 1.0.0. Fields that are empty are left out, as Jellyfin does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo.home import FILMS, GIB, WATCHING, Film, Watching, identity

VERSIONS: Final = ("10.11.11", "12.1.0")
_TICKS: Final = 10_000_000
_TOKEN: Final = re.compile(r'\bToken="([^"]*)"')


class Jellyfin:
    """One Jellyfin. What a test or a demo may change about it are its attributes.

    version: what it claims to be. key: the one that it takes. media_mounted: whether the films' folder is there.
    health: what its health checks say. restart_due: whether it waits to be restarted.
    """

    def __init__(self, version: str, key: str, now: Callable[[], datetime]) -> None:
        self.version = version
        self.key = key
        self.now = now
        self.media_mounted = True
        self.health = "Healthy"
        self.restart_due = False

    @property
    def application(self) -> Starlette:
        """It, to be served."""
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/System/Info/Public", self._public),
                self._route("/System/Info", self._info),
                self._route("/System/Info/Storage", self._storage),
                self._route("/Items/Counts", self._counts),
                self._route("/Items", self._items),
                self._route("/Sessions", self._sessions),
            ]
        )

    def _route(self, path: str, answer: Callable[[dict[str, list[str]]], Any]) -> Route:
        async def endpoint(request: Request) -> Response:
            if not self._signed_in(request):
                return Response(status_code=401)
            # ASP.NET Core takes parameters in any case, and lists repeated or with commas.
            asked: dict[str, list[str]] = {}
            for name, value in request.query_params.multi_items():
                asked.setdefault(name.lower().removesuffix("[]"), []).extend(value.split(","))
            return JSONResponse(answer(asked))

        return Route(path, endpoint)

    def _signed_in(self, request: Request) -> bool:
        header = request.headers.get("authorization", "")
        scheme, _, rest = header.partition(" ")
        token = _TOKEN.search(rest)
        if scheme == "MediaBrowser" and token:
            return unquote(token[1]) == self.key
        # What older clients send, which 12 doesn't take any more.
        return self.version.startswith("10.") and request.headers.get("x-emby-token") == self.key

    async def _health(self, _: Request) -> Response:
        return PlainTextResponse(self.health, status_code=503 if self.health == "Unhealthy" else 200)

    async def _public(self, _: Request) -> Response:
        return JSONResponse(self._told())

    def _told(self) -> dict[str, Any]:
        return {
            "LocalAddress": "http://10.42.0.17:8096",
            "ServerName": "Home",
            "Version": self.version,
            "ProductName": "Jellyfin Server",
            "OperatingSystem": "",
            "Id": identity("jellyfin").hex,
            "StartupWizardCompleted": True,
        }

    def _info(self, _: object) -> Any:
        return {
            **self._told(),
            "OperatingSystemDisplayName": "",
            "HasPendingRestart": self.restart_due,
            "IsShuttingDown": False,
            "SupportsLibraryMonitor": True,
            "WebSocketPortNumber": 8096,
            "CompletedInstallations": [],
            "CanSelfRestart": True,
            "CanLaunchWebBrowser": False,
            "ProgramDataPath": "/config/data",
            "WebPath": "/jellyfin/jellyfin-web",
            "ItemsByNamePath": "/config/data/metadata",
            "CachePath": "/cache",
            "LogPath": "/config/log",
            "InternalMetadataPath": "/config/data/metadata",
            "TranscodingTempPath": "/cache/transcodes",
            "CastReceiverApplications": [],
            "HasUpdateAvailable": False,
            "EncoderLocation": "System",
            "SystemArchitecture": "X64",
        }

    def _storage(self, _: object) -> Any:
        config = {"FreeSpace": 60 * GIB, "UsedSpace": 400 * GIB, "StorageType": "Fixed", "DeviceId": "/"}
        media: dict[str, Any] = {"FreeSpace": 5100 * GIB, "UsedSpace": 5900 * GIB, "StorageType": "Network"}
        if not self.media_mounted:
            media = {"FreeSpace": -1, "UsedSpace": -1}
        folders = {
            "ProgramDataFolder": "/config/data",
            "WebFolder": "/jellyfin/jellyfin-web",
            "ImageCacheFolder": "/cache/images",
            "CacheFolder": "/cache",
            "LogFolder": "/config/log",
            "InternalMetadataFolder": "/config/data/metadata",
            "TranscodingTempFolder": "/cache/transcodes",
        }
        mount = {"DeviceId": "/media"} if self.media_mounted else {}
        return {
            **{name: {"Path": path, **config} for name, path in folders.items()},
            "Libraries": [
                {
                    "Id": str(identity(f"library/{name}")),
                    "Name": name,
                    "Folders": [{"Path": f"/media/{name.lower()}", **media, **mount}],
                }
                for name in ("Films", "Series")
            ],
        }

    def _counts(self, _: object) -> Any:
        films = sum(one.series is None for one in FILMS)
        series = len({one.series for one in FILMS if one.series})
        return {
            "MovieCount": films,
            "SeriesCount": series,
            "EpisodeCount": len(FILMS) - films,
            "ArtistCount": 0,
            "ProgramCount": 0,
            "TrailerCount": 0,
            "SongCount": 0,
            "AlbumCount": 0,
            "MusicVideoCount": 0,
            "BoxSetCount": 0,
            "BookCount": 0,
            "ItemCount": len(FILMS) + series,
        }

    def _items(self, asked: dict[str, list[str]]) -> Any:
        def first(name: str, otherwise: str) -> str:
            return asked.get(name, [otherwise])[0]

        kinds, years = set(asked.get("includeitemtypes", [])), set(asked.get("years", []))
        words = first("searchterm", "").casefold()
        found = [
            one
            for one in self._all()
            if (not kinds or one["Type"] in kinds)
            and words in one["Name"].casefold()
            and (not years or str(one.get("ProductionYear")) in years)
        ]
        by = "DateCreated" if first("sortby", "SortName") == "DateCreated" else "Name"
        found.sort(key=lambda one: str(one[by]), reverse=first("sortorder", "Ascending") == "Descending")
        start, limit = int(first("startindex", "0")), int(first("limit", str(len(found))))
        fields = set(asked.get("fields", []))
        items = [
            {name: value for name, value in one.items() if name not in ("Overview", "DateCreated") or name in fields}
            for one in found[start : start + limit]
        ]
        return {"Items": items, "TotalRecordCount": len(found), "StartIndex": start}

    def _all(self) -> list[dict[str, Any]]:
        series = sorted({one.series for one in FILMS if one.series})
        shows = [self._item(Film(name, 2023, 0, "A series in seasons.", 26), "Series") for name in series]
        return [*(self._item(one, "Episode" if one.series else "Movie") for one in FILMS), *shows]

    def _item(self, film: Film, kind: str) -> dict[str, Any]:
        item: dict[str, Any] = {
            "Name": film.title,
            "ServerId": identity("jellyfin").hex,
            "Id": str(identity(f"{kind}/{film.title}")),
            "DateCreated": _time(self.now() - timedelta(days=film.days)),
            "Overview": film.about,
            "ProductionYear": film.year,
            "IsFolder": kind == "Series",
            "Type": kind,
            "LocationType": "FileSystem",
            "MediaType": "Unknown" if kind == "Series" else "Video",
        }
        if film.minutes:
            item["RunTimeTicks"] = film.minutes * 60 * _TICKS
        if film.series:
            item |= {
                "SeriesName": film.series,
                "SeriesId": str(identity(f"Series/{film.series}")),
                "SeasonName": f"Season {film.season}",
                "ParentIndexNumber": film.season,
                "IndexNumber": film.number,
            }
        return item

    def _sessions(self, _: object) -> Any:
        idle = self._session("Mali", "Tablet", "Jellyfin Web")
        return [*map(self._watching, WATCHING), idle]

    def _session(self, who: str, device: str, client: str) -> dict[str, Any]:
        return {
            "PlayState": {"CanSeek": False, "IsPaused": False, "IsMuted": False, "RepeatMode": "RepeatNone"},
            "AdditionalUsers": [],
            "RemoteEndPoint": "192.168.0.31",
            "PlayableMediaTypes": ["Audio", "Video"],
            "Id": identity(f"session/{device}").hex,
            "UserId": str(identity(f"user/{who}")),
            "UserName": who,
            "Client": client,
            "DeviceName": device,
            "DeviceId": identity(f"device/{device}").hex,
            "ApplicationVersion": "2.1.0",
            "LastActivityDate": _time(self.now()),
            "LastPlaybackCheckIn": _time(self.now()),
            "IsActive": True,
            "SupportsMediaControl": True,
            "SupportsRemoteControl": True,
            "HasCustomDeviceName": False,
            "ServerId": identity("jellyfin").hex,
            "SupportedCommands": [],
        }

    def _watching(self, watching: Watching) -> dict[str, Any]:
        film = next(one for one in FILMS if one.title == watching.film)
        session = self._session(watching.who, watching.device, watching.client)
        session["NowPlayingItem"] = self._item(film, "Episode" if film.series else "Movie")
        session["PlayState"] |= {
            "PositionTicks": int(film.minutes * 60 * _TICKS * watching.share),
            "CanSeek": True,
            "IsPaused": watching.paused,
            "PlayMethod": watching.how,
        }
        if watching.how == "Transcode":
            session["TranscodingInfo"] = {
                "AudioCodec": "aac",
                "VideoCodec": "h264",
                "Container": "ts",
                "IsVideoDirect": False,
                "IsAudioDirect": False,
                "Bitrate": 4_000_000,
                "Framerate": 24.0,
                "CompletionPercentage": 18.5,
                "Width": 1280,
                "Height": 720,
                "AudioChannels": 2,
                "HardwareAccelerationType": "nvenc",
                "TranscodeReasons": ["VideoCodecNotSupported"],
            }
        return session


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond:06}0Z"
