"""The stand-ins answer, and the adapters ask and read, in the shapes that the official clients know.

The shapes are recorded (`shapes/`), so this takes none of the clients; `test_official_clients.py` has them judge
themselves, and says when what is recorded is no longer what they say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import pytest
from pydantic import BaseModel, TypeAdapter

from brain.upstream import Upstream
from brain.verdict import Verdict
from demo.immich import Immich
from demo.jellyfin import Jellyfin
from tests.services.api.shapes import ENDPOINTS, Shapes, recorded
from tests.services.api.standins import (
    KEY,
    Recorded,
    ask_all_of_immich,
    ask_all_of_jellyfin,
    immich_adapter,
    jellyfin_adapter,
    now,
)

pytestmark = pytest.mark.anyio

VERSIONS: Final = {"immich2": "2.7.5", "immich3": "3.2.4", "jellyfin10": "10.11.11", "jellyfin12": "12.1.0"}
# What the clients don't ask, being for load balancers: https://jellyfin.org/docs/general/post-install/networking
BEYOND_THE_CLIENTS: Final = {"GET /health"}
# This client's type for the reasons has no values at all; the server's own document has a list of names.
NO_VALUES: Final = {"jellyfin10": ".TranscodingInfo.TranscodeReasons"}

Models = dict[str, Any]


async def asked(client: str) -> tuple[Recorded, Models]:
    """All that the adapter asks of its stand-in, and the model that it reads each answer with."""
    models: Models = {}
    if client.startswith("immich"):
        standin = Recorded(Immich(VERSIONS[client], KEY, now).application)
        adapter = immich_adapter(standin)
        noting(adapter, models)
        report = await ask_all_of_immich(adapter)
    else:
        standin = Recorded(Jellyfin(VERSIONS[client], KEY, now).application)
        films = jellyfin_adapter(standin)
        noting(films, models)
        report = await ask_all_of_jellyfin(films)
    assert report.verdict is Verdict.HEALTHY, report.reasons
    return standin, models


def noting(adapter: object, models: Models) -> None:
    """Notes in `models` what an adapter reads answers with, by method and path, whichever upstream it asks by."""
    for one in vars(adapter).values():
        if isinstance(one, Upstream):
            _noting(one, models)


def _noting(upstream: Upstream, models: Models) -> None:
    plain: Mapping[str, Any] = {"GET": upstream.get, "POST": upstream.post}

    async def note(method: str, path: str, model: Any, **options: Any) -> Any:
        models[f"{method} {path}"] = model
        return await plain[method](path, model, **options)

    upstream.get = partial(note, "GET")  # type: ignore[method-assign]
    upstream.post = partial(note, "POST")  # type: ignore[method-assign]


@pytest.mark.parametrize("client", ENDPOINTS)
async def test_every_answer_of_the_standin_and_every_question_of_the_adapter_is_of_the_recorded_shape(
    client: str,
) -> None:
    standin, _ = await asked(client)
    shapes, ends = recorded(client), ENDPOINTS[client]
    seen: set[str] = set()
    for request, body in standin.answered:
        endpoint = f"{request.method} {request.path}"
        seen.add(endpoint)
        if endpoint in BEYOND_THE_CLIENTS:
            continue
        faults = shapes.faults(ends[endpoint].answer, json.loads(body))
        assert [one for one in faults if NO_VALUES.get(client, "nothing") not in one] == [], endpoint
        if request.body is not None:
            assert shapes.faults(ends[endpoint].body, request.body) == [], endpoint
    assert seen - BEYOND_THE_CLIENTS == set(ends), "all that is recorded is asked for, and nothing else"


@pytest.mark.parametrize(("older", "newer"), [("immich2", "immich3"), ("jellyfin10", "jellyfin12")])
async def test_a_shape_of_another_version_is_told_from_it(older: str, newer: str) -> None:
    """So the two records aren't one."""
    assert recorded(older).package == recorded(newer).package
    assert recorded(older).version.split(".")[0] < recorded(newer).version.split(".")[0]
    if older == "immich2":
        standin, _ = await asked(older)
        of_both = [
            (end, body) for one, body in standin.answered if (end := f"{one.method} {one.path}") in ENDPOINTS[newer]
        ]
        strange = {
            end for end, body in of_both if recorded(newer).faults(ENDPOINTS[newer][end].answer, json.loads(body))
        }
        assert "POST /api/search/smart" in strange


# What strings hold, where a type says no more than that they are some.
TEXTS: Final[Mapping[str, str]] = {
    "res": "pong",
    "id": "0b7c3a52-7a63-4d0b-9a43-0d8f2c5b6e11",
    "Id": "0b7c3a527a634d0b9a430d8f2c5b6e11",
    "Version": "12.1.0",
    "refreshedAt": "2026-11-25T23:00:00.000Z",
    "DateCreated": "2026-11-25T23:00:00.0000000Z",
}
# Jellyfin's document lets every text be none; these it always has.
NEVER_NONE: Final = frozenset({"Id", "Version", "Items", "Libraries", "Folders", "Path"})


class Samples:
    """Answers of a recorded shape. emptied: whether all that may be none is; and if so, whether it is left out."""

    def __init__(self, shapes: Shapes, *, emptied: bool = False, left_out: bool = False) -> None:
        self._shapes, self._emptied, self._left_out = shapes, emptied, left_out
        self._within: list[str] = []

    def of(self, schema: Any, name: str = "") -> Any:
        """One."""
        if "$ref" in schema:
            return self._named(schema["$ref"].removeprefix("#/definitions/"), name)
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            kinds = [one for one in schema["anyOf"] if one != {"type": "null"}]
            if len(kinds) < len(schema["anyOf"]) and self._empty(name):
                return None
            return self.of(kinds[0], name)
        kind = schema.get("type")
        if isinstance(kind, list):
            if "null" in kind and self._empty(name):
                return None
            kind = next(one for one in kind if one != "null")
        if "enum" in schema:
            return next(one for one in schema["enum"] if one is not None)
        match kind:
            case "object":
                return self._object(schema)
            case "array":
                return [one for one in [self.of(schema.get("items", {}), name)] if one is not None]
            case "string":
                return TEXTS.get(name, "some text")
            case "boolean":
                return True
            case "number" | "integer":
                return 1
        return None

    def _named(self, definition: str, name: str) -> Any:
        """None where it would hold itself."""
        if definition in self._within:
            return None
        self._within.append(definition)
        try:
            return self.of(self._shapes.definitions[definition], name)
        finally:
            self._within.pop()

    def _object(self, schema: Any) -> Any:
        required = schema.get("required", [])
        found = {}
        for name, one in schema.get("properties", {}).items():
            if self._emptied and not self._left_out and name not in required:
                continue
            value = self.of(one, name)
            if value is not None or name in required or (self._emptied and not self._left_out):
                found[name] = value
        return found

    def _empty(self, name: str) -> bool:
        return self._emptied and name not in NEVER_NONE


def unread(value: Any) -> list[str]:
    """Fields of the models in a value that nothing was read into."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        own = [
            f"{type(value).__name__}.{fields[name].alias or name}" for name in fields.keys() - value.model_fields_set
        ]
        return own + [one for name in fields for one in unread(getattr(value, name))]
    if isinstance(value, Mapping):
        value = tuple(value.values())
    return [found for one in value for found in unread(one)] if isinstance(value, tuple) else []


@pytest.mark.parametrize("client", ENDPOINTS)
async def test_the_adapter_reads_what_the_recorded_shape_has(client: str) -> None:
    _, models = await asked(client)
    shapes = recorded(client)
    assert set(models) == set(ENDPOINTS[client])
    for endpoint, model in models.items():
        schema = shapes.schema(ENDPOINTS[client][endpoint].answer)
        full = Samples(shapes).of(schema)
        assert shapes.faults(ENDPOINTS[client][endpoint].answer, full) == [], f"{endpoint}: a sample isn't of its shape"
        assert unread(TypeAdapter(model).validate_json(json.dumps(full))) == [], endpoint


@pytest.mark.parametrize("client", ENDPOINTS)
async def test_the_adapter_wants_nothing_that_the_recorded_shape_may_lack(client: str) -> None:
    """Immich may leave out what its types call optional, and send none else; Jellyfin leaves out what is none."""
    _, models = await asked(client)
    shapes = recorded(client)
    samples = Samples(shapes, emptied=True, left_out=client.startswith("jellyfin"))
    for endpoint, model in models.items():
        wanted = ENDPOINTS[client][endpoint].answer
        least = samples.of(shapes.schema(wanted))
        assert shapes.faults(wanted, least) == [], f"{endpoint}: a sample isn't of its shape"
        TypeAdapter(model).validate_json(json.dumps(least))
