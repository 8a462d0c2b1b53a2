"""What Immich and Jellyfin answer, as their official clients' own types say: JSON Schemas, recorded.

A file for each client that is asked for here, of two major versions each: `package` and `version`, as npm has them, and
the `definitions` of what the endpoints below answer and are sent. The engine tier derives them anew and compares.

    python -m tests.services.api.shapes    writes the files anew; wants Node.js and npm
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema

from tests.services.api.clients import HERE as CLIENTS
from tests.services.api.clients import Clients

HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Endpoint:
    """The client's type for an answer, a list of it in brackets; and for the body of a question, if it has one."""

    answer: str
    body: str = ""


IMMICH: Final[Mapping[str, Endpoint]] = {
    "GET /api/server/ping": Endpoint("ServerPingResponse"),
    "GET /api/server/version": Endpoint("ServerVersionResponseDto"),
    "GET /api/server/storage": Endpoint("ServerStorageResponseDto"),
    "GET /api/server/statistics": Endpoint("ServerStatsResponseDto"),
    "POST /api/search/smart": Endpoint("SearchResponseDto", "SmartSearchDto"),
    "POST /api/search/metadata": Endpoint("SearchResponseDto", "MetadataSearchDto"),
    "POST /api/search/random": Endpoint("[AssetResponseDto]", "RandomSearchDto"),
    "GET /api/search/person": Endpoint("[PersonResponseDto]"),
    "GET /api/people": Endpoint("PeopleResponseDto"),
    "GET /api/memories": Endpoint("[MemoryResponseDto]"),
    "GET /api/albums": Endpoint("[AlbumResponseDto]"),
    "GET /api/libraries": Endpoint("[LibraryResponseDto]"),
}
JELLYFIN: Final[Mapping[str, Endpoint]] = {
    "GET /System/Info/Public": Endpoint("PublicSystemInfo"),
    "GET /System/Info": Endpoint("SystemInfo"),
    "GET /System/Info/Storage": Endpoint("SystemStorageDto"),
    "GET /Items/Counts": Endpoint("ItemCounts"),
    "GET /Sessions": Endpoint("[SessionInfoDto]"),
    "GET /Items": Endpoint("BaseItemDtoQueryResult"),
}
ENDPOINTS: Final[Mapping[str, Mapping[str, Endpoint]]] = {
    # This client tells a ping's answer apart from what can be sent.
    "immich2": {
        **IMMICH,
        "GET /api/server/ping": Endpoint("ServerPingResponseRead"),
        "GET /api/jobs": Endpoint("QueuesResponseLegacyDto"),
    },
    "immich3": {
        **IMMICH,
        "GET /api/queues": Endpoint("[QueueResponseDto]"),
        "GET /api/admin/integrity/summary": Endpoint("IntegrityReportSummaryResponseDto"),
    },
    "jellyfin10": JELLYFIN,
    "jellyfin12": JELLYFIN,
}
"""What the adapters ask of each version, by the name of its client in `clients/package.json`."""

DEPTH: Final = {"immich2": 2, "immich3": 2, "jellyfin10": 1, "jellyfin12": 1}
"""How many references deep the types are recorded. What lies deeper may be anything, unless it is a choice of words."""


@dataclass(frozen=True)
class Shapes:
    """The recorded types of one client."""

    package: str
    version: str
    definitions: Mapping[str, Any]

    def schema(self, wanted: str) -> dict[str, Any]:
        """That of a type, or of a list of it."""
        one = {"$ref": f"#/definitions/{wanted.strip('[]')}"}
        asked: dict[str, Any] = {"type": "array", "items": one} if wanted.startswith("[") else one
        return {**asked, "definitions": self.definitions}

    def faults(self, wanted: str, told: Any) -> list[str]:
        """Where something isn't of this type."""
        found = jsonschema.Draft7Validator(self.schema(wanted)).iter_errors(told)
        return [f"{one.json_path}: {one.message[:200]}" for one in found]


@cache
def recorded(client: str) -> Shapes:
    """As the file has them."""
    return Shapes(**json.loads(path(client).read_text(encoding="utf-8")))


def path(client: str) -> Path:
    """Of the file."""
    return HERE / f"{client}.json"


async def derived(clients: Clients, client: str) -> Shapes:
    """As the installed client has them."""
    wanted = {one.strip("[]") for end in ENDPOINTS[client].values() for one in (end.answer, end.body) if one}
    schemas = await clients.shapes(client, sorted(wanted))
    definitions: dict[str, Any] = {}
    for schema in schemas.values():
        definitions |= _plain(schema["definitions"])
    package = json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))["dependencies"][client]
    name, _, version = package.removeprefix("npm:").rpartition("@")
    return Shapes(name, version, _sparing(definitions, wanted, DEPTH[client]))


def written(shapes: Shapes) -> str:
    """A file's text: a definition a line."""
    lines = [f"    {json.dumps(name)}: {json.dumps(one)}" for name, one in sorted(shapes.definitions.items())]
    head = f'{{\n  "package": {json.dumps(shapes.package)},\n  "version": {json.dumps(shapes.version)},\n'
    return head + '  "definitions": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def _plain(schema: Any) -> Any:
    """Without what is said for people."""
    if isinstance(schema, dict):
        return {name: _plain(one) for name, one in schema.items() if name != "description" or not isinstance(one, str)}
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema


def _sparing(definitions: Mapping[str, Any], wanted: set[str], most: int) -> dict[str, Any]:
    """Those that are wanted, and those that these refer to, up to so many times over."""
    kept: dict[str, Any] = {}
    level = wanted
    for depth in range(most + 1):
        kept |= {name: definitions[name] for name in level if name not in kept}
        level = {other for name in level for other in _references(definitions[name])} - kept.keys()
        if depth == most:
            kept |= {name: definitions[name] if "enum" in definitions[name] else {} for name in level}
    return kept


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/definitions/")
        for one in schema.values():
            yield from _references(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from _references(one)
