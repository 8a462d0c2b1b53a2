"""A stand-in for Immich 2 and 3: the demo home's photos in its words.

Shapes and paths: `@immich/sdk` 2.7.5 and 3.2.2; errors and permissions: immich `server/src/services/auth.service.ts`.
Unlike the real one, it finds by the words that a scene is described with, where that looks at the pictures.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.home import ADMIN, GIB, PEOPLE, Picture, Scene, identity, pictures

VERSIONS: Final = ("2.7.5", "3.2.4")
PERMISSIONS: Final = frozenset(
    {
        "server.storage",
        "server.statistics",
        "asset.read",
        "asset.statistics",
        "album.read",
        "memory.read",
        "person.read",
        "library.read",
        "queue.read",
        "job.read",
        "maintenance",
    }
)
_QUEUES: Final = (
    "thumbnailGeneration",
    "metadataExtraction",
    "videoConversion",
    "faceDetection",
    "facialRecognition",
    "smartSearch",
    "duplicateDetection",
    "backgroundTask",
    "storageTemplateMigration",
    "migration",
    "search",
    "sidecar",
    "library",
    "notifications",
    "backupDatabase",
    "ocr",
    "workflow",
    "editor",
)
_SIZE: Final = 3600 * GIB
_FREE: Final = 1500 * GIB


class Immich:
    """One Immich. What a test or a demo may change about it are its attributes.

    version: what it claims to be, which also decides its shapes. key: the one that it takes. permissions: of the key.
    storage_mounted: whether its own folder is there. library_read: how long ago the external library was read. waiting:
    jobs in its queues, by name. paused: the queues that are paused. missing_files: as its integrity check counts them.
    """

    def __init__(self, version: str, key: str, now: Callable[[], datetime]) -> None:
        self.version = version
        self.key = key
        self.now = now
        self.permissions = set(PERMISSIONS)
        self.storage_mounted = True
        self.library_read: timedelta | None = timedelta(hours=7)
        self.waiting: dict[str, int] = {"smartSearch": 12}
        self.paused: set[str] = set()
        self.missing_files = 0

    @property
    def major(self) -> int:
        """Of its version."""
        return int(self.version.split(".")[0])

    @property
    def application(self) -> Starlette:
        """It, to be served."""
        get, post = ["GET"], ["POST"]
        routes = [
            Route("/api/server/ping", self._ping, methods=get),
            Route("/api/server/version", self._version, methods=get),
            self._route("/api/server/storage", self._storage, "server.storage"),
            self._route("/api/server/statistics", self._statistics, "server.statistics"),
            self._route("/api/search/smart", self._smart, "asset.read", post),
            self._route("/api/search/metadata", self._metadata, "asset.read", post),
            self._route("/api/search/random", self._random, "asset.read", post),
            self._route("/api/search/person", self._person, "person.read"),
            self._route("/api/people", self._people, "person.read"),
            self._route("/api/memories", self._memories, "memory.read"),
            self._route("/api/albums", self._albums, "album.read"),
            self._route("/api/libraries", self._libraries, "library.read"),
            self._route("/api/jobs", self._jobs, "job.read"),
            self._route("/api/queues", self._queues, "queue.read"),
        ]
        if self.major >= 3:
            routes.append(self._route("/api/admin/integrity/summary", self._integrity, "maintenance"))
        return Starlette(routes=routes, exception_handlers={404: _not_found})

    def _route(
        self,
        path: str,
        answer: Callable[[Request, Mapping[str, Any]], Any],
        permission: str,
        methods: list[str] | None = None,
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            given = request.headers.get("x-api-key")
            if given is None:
                return _error(401, "Authentication required", "Unauthorized")
            if given != self.key:
                return _error(401, "Invalid API key", "Unauthorized")
            if permission not in self.permissions:
                return _error(403, f"Missing required permission: {permission}", "Forbidden")
            body = await request.body()
            said = answer(request, json.loads(body) if body else {})
            return said if isinstance(said, Response) else JSONResponse(said)

        return Route(path, endpoint, methods=methods or ["GET"])

    async def _ping(self, _: Request) -> Response:
        return JSONResponse({"res": "pong"})

    async def _version(self, _: Request) -> Response:
        major, minor, patch = map(int, self.version.split("."))
        newer = {"prerelease": None} if self.major >= 3 else {}
        return JSONResponse({"major": major, "minor": minor, "patch": patch, **newer})

    def _storage(self, _: Request, __: object) -> Any:
        if not self.storage_mounted:
            # What statfs on a folder that isn't there comes to.
            return _error(500, "Internal server error", None)
        used = _SIZE - _FREE
        return {
            "diskSize": _human(_SIZE),
            "diskUse": _human(used),
            "diskAvailable": _human(_FREE),
            "diskSizeRaw": _SIZE,
            "diskUseRaw": used,
            "diskAvailableRaw": _FREE,
            "diskUsagePercentage": round(100 * used / _SIZE, 2),
        }

    def _statistics(self, _: Request, __: object) -> Any:
        photos = [one for one in self._pictures() if one.seconds is None]
        videos = [one for one in self._pictures() if one.seconds is not None]
        usage = {
            "photos": len(photos),
            "videos": len(videos),
            "usage": _bytes(photos) + _bytes(videos),
            "usagePhotos": _bytes(photos),
            "usageVideos": _bytes(videos),
        }
        owner = {"userId": str(identity(f"user/{ADMIN}")), "userName": ADMIN, "quotaSizeInBytes": None}
        return {**usage, "usageByUser": [{**owner, **usage}]}

    def _smart(self, _: Request, body: Mapping[str, Any]) -> Any:
        words = set(str(body.get("query", "")).casefold().split())
        found = sorted(
            (one for one in self._found(body) if words & set(one.scene.words.split())),
            key=lambda one: -len(words & set(one.scene.words.split())),
        )
        return self._searched(found, body)

    def _metadata(self, _: Request, body: Mapping[str, Any]) -> Any:
        found = list(self._found(body))
        return self._searched(found[::-1] if body.get("order") == "asc" else found, body)

    def _random(self, _: Request, body: Mapping[str, Any]) -> Any:
        found = list(self._found(body))
        random.shuffle(found)
        return [self._asset(one, body) for one in found[: int(body.get("size", 250))]]

    def _searched(self, found: list[Picture], body: Mapping[str, Any]) -> Any:
        page, size = int(body.get("page", 1)), int(body.get("size", 250))
        items = found[(page - 1) * size : page * size]
        following = str(page + 1) if len(found) > page * size else None
        newer = {"nextCursor": None} if self.major >= 3 else {}
        # `total` counts the page, in both versions.
        assets = {
            "total": len(items),
            "count": len(items),
            "items": [self._asset(one, body) for one in items],
            "facets": [],
            "nextPage": following,
            **newer,
        }
        return {"albums": {"total": 0, "count": 0, "items": [], "facets": []}, "assets": assets}

    def _found(self, body: Mapping[str, Any]) -> Iterable[Picture]:
        wanted = set(body.get("personIds", []))
        for one in self._pictures():
            scene = one.scene
            if (
                wanted <= {str(identity(f"person/{name}")) for name in scene.people}
                and body.get("city", scene.city) == scene.city
                and body.get("country", scene.country) == scene.country
                and body.get("type", _kind(one)) == _kind(one)
                and body.get("isFavorite", one.favourite) == one.favourite
                and body.get("takenAfter", "") <= _moment(one) <= body.get("takenBefore", "~")
            ):
                yield one

    def _person(self, request: Request, _: object) -> Any:
        name = request.query_params["name"].casefold()
        return [
            self._somebody(one)
            for one in PEOPLE
            if any(part.startswith(name) for part in (one.casefold(), *one.casefold().split()))
        ]

    def _people(self, request: Request, _: object) -> Any:
        page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("size", 500))
        return {
            "people": [self._somebody(one) for one in PEOPLE[(page - 1) * size : page * size]],
            "hasNextPage": len(PEOPLE) > page * size,
            "total": len(PEOPLE),
            "hidden": 0,
        }

    def _somebody(self, name: str) -> Any:
        return {
            "id": str(identity(f"person/{name}")),
            "name": name,
            "birthDate": "2019-05-04" if name == "Mali" else None,
            "thumbnailPath": f"/data/thumbs/{identity(f'person/{name}')}.jpeg",
            "isHidden": False,
            "isFavorite": False,
            "updatedAt": _time(self.now()),
        }

    def _memories(self, request: Request, _: object) -> Any:
        day = datetime.fromisoformat(request.query_params["for"]).date()
        memories = []
        for year in sorted({one.taken.year for one in self._pictures()}):
            then = [one for one in self._pictures() if one.taken.date() == day.replace(year=year) and year < day.year]
            if not then:
                continue
            at = _time(then[0].taken)
            memories.append(
                {
                    "id": str(identity(f"memory/{year}")),
                    "ownerId": str(identity(f"user/{ADMIN}")),
                    "type": "on_this_day",
                    "data": {"year": year},
                    "isSaved": False,
                    "memoryAt": at,
                    "showAt": at,
                    "createdAt": at,
                    "updatedAt": at,
                    "assets": [self._asset(one, {}) for one in then],
                }
            )
        return memories

    def _albums(self, _: Request, __: object) -> Any:
        albums: dict[str, list[Picture]] = {}
        for one in self._pictures():
            if one.scene.album:
                albums.setdefault(one.scene.album, []).append(one)
        return [self._album(name, held) for name, held in albums.items()]

    def _album(self, name: str, held: list[Picture]) -> Any:
        begins, ends = held[-1].taken, held[0].taken
        owner = self._owner()
        shared = name == "Birthdays"
        sharing = (
            [{"role": "viewer", "user": {**owner, "id": str(identity("user/Anong")), "name": "Anong"}}]
            if shared
            else []
        )
        older: dict[str, Any] = {"owner": owner, "ownerId": owner["id"], "assets": []}
        newer: dict[str, Any] = {"albumUsers": [{"role": "owner", "user": owner}, *sharing]}
        return {
            "id": str(identity(f"album/{name}")),
            "albumName": name,
            "description": "",
            "albumThumbnailAssetId": str(held[0].id),
            "albumUsers": sharing,
            "assetCount": len(held),
            "createdAt": _time(ends),
            "updatedAt": _time(ends),
            "startDate": _time(begins),
            "endDate": _time(ends),
            "hasSharedLink": False,
            "isActivityEnabled": True,
            "order": "desc",
            "shared": shared,
            **(newer if self.major >= 3 else older),
        }

    def _libraries(self, _: Request, __: object) -> Any:
        read = _time(self.now() - self.library_read) if self.library_read is not None else None
        return [
            {
                "id": str(identity("library/nas")),
                "name": "NAS",
                "ownerId": str(identity(f"user/{ADMIN}")),
                "assetCount": len(self._pictures()),
                "importPaths": ["/nas/photos"],
                "exclusionPatterns": ["**/@eaDir/**"],
                "createdAt": "2025-01-05T10:00:00.000Z",
                "updatedAt": "2025-01-05T10:00:00.000Z",
                "refreshedAt": read,
            }
        ]

    def _counted(self, name: str) -> dict[str, int]:
        waiting = self.waiting.get(name, 0)
        paused = name in self.paused
        return {
            "active": 1 if waiting and not paused else 0,
            "completed": 0,
            "failed": 0,
            "delayed": 0,
            "waiting": 0 if paused else waiting,
            "paused": waiting if paused else 0,
        }

    @property
    def _queue_names(self) -> tuple[str, ...]:
        return (*_QUEUES, "integrityCheck") if self.major >= 3 else _QUEUES

    def _queues(self, _: Request, __: object) -> Any:
        return [
            {"name": one, "isPaused": one in self.paused, "statistics": self._counted(one)} for one in self._queue_names
        ]

    def _jobs(self, _: Request, __: object) -> Any:
        return {
            one: {
                "jobCounts": self._counted(one),
                "queueStatus": {"isActive": bool(self._counted(one)["active"]), "isPaused": one in self.paused},
            }
            for one in self._queue_names
        }

    def _integrity(self, _: Request, __: object) -> Any:
        return {"missing_file": self.missing_files, "checksum_mismatch": 0, "untracked_file": 2}

    def _pictures(self) -> tuple[Picture, ...]:
        return pictures(self.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None))

    def _owner(self) -> dict[str, Any]:
        return {
            "id": str(identity(f"user/{ADMIN}")),
            "name": ADMIN,
            "email": "noi@demo.invalid",
            "avatarColor": "primary",
            "profileImagePath": "",
            "profileChangedAt": "2025-01-05T10:00:00.000Z",
        }

    def _asset(self, one: Picture, body: Mapping[str, Any]) -> dict[str, Any]:
        taken = _time(one.taken)
        asset: dict[str, Any] = {
            "id": str(one.id),
            "ownerId": str(identity(f"user/{ADMIN}")),
            "libraryId": str(identity("library/nas")),
            "type": _kind(one),
            "originalPath": f"/nas/photos/{one.file}",
            "originalFileName": one.file,
            "originalMimeType": "video/mp4" if one.seconds is not None else "image/jpeg",
            "thumbhash": None,
            "createdAt": taken,
            "fileCreatedAt": _moment(one),
            "fileModifiedAt": taken,
            "localDateTime": taken,
            "updatedAt": taken,
            "isFavorite": one.favourite,
            "isArchived": False,
            "isTrashed": False,
            "isOffline": False,
            "isEdited": False,
            "hasMetadata": True,
            "visibility": "timeline",
            "checksum": base64.b64encode(hashlib.sha1(one.file.encode(), usedforsecurity=False).digest()).decode(),
            "width": 4032,
            "height": 3024,
        }
        if self.major >= 3:
            asset["duration"] = None if one.seconds is None else round(one.seconds * 1000)
        else:
            asset |= {
                "deviceAssetId": one.file,
                "deviceId": "Library Import",
                "duration": _length(one.seconds or 0.0),
            }
        if body.get("withExif"):
            asset["exifInfo"] = _exif(one.scene, one)
        if body.get("withPeople"):
            faces: dict[str, Any] = {} if self.major >= 3 else {"faces": []}
            asset["people"] = [{**self._somebody(name), **faces} for name in one.scene.people]
        return asset


def _exif(scene: Scene, one: Picture) -> dict[str, Any]:
    return {
        "city": scene.city,
        "state": None,
        "country": scene.country,
        "dateTimeOriginal": _time(one.taken),
        "description": "",
        "make": "Google",
        "model": "Pixel 9",
        "fileSizeInByte": one.bytes,
    }


def _kind(one: Picture) -> str:
    return "VIDEO" if one.seconds is not None else "IMAGE"


def _moment(one: Picture) -> str:
    """When it was taken: its local time is of the home's zone, which is that of this process."""
    return _time(one.taken.astimezone(UTC))


def _bytes(some: list[Picture]) -> int:
    return sum(one.bytes for one in some)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _length(seconds: float) -> str:
    return f"{int(seconds // 3600)}:{int(seconds // 60) % 60:02}:{seconds % 60:08.5f}"


def _human(size: int) -> str:
    return f"{size / 1024**4:.1f} TiB"


def _error(status: int, message: str, error: str | None) -> JSONResponse:
    told = {"error": error} if error else {}
    return JSONResponse({"message": message, **told, "statusCode": status}, status_code=status)


async def _not_found(request: Request, _: Exception) -> Response:
    return _error(404, f"Cannot {request.method} {request.url.path}", "Not Found")
