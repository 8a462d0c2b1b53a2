"""Reads plain data into a record and words every mistake for the person who wrote it.

Knows no home: `home.loading` reads the home with it, `home.versions` the list of images. Raises nothing.

So that mistakes of form don't hide mistakes of meaning, what could not be read is *mended*: a wrong optional value is
left out, a wrong required one replaced by an example. The caller may go on with the mended record as long as it drops
whatever it concludes from a mended place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from home import places
from home.places import JsonSchema, Place
from home.problems import Problem
from home.record import Record
from home.sentences import sentence
from home.wording import meant, shown

_DEEPEST = 20  # a home is eight levels deep

NO_VALUE = "has no value; write one ({} where the defaults will do), or leave the key out"

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Reading(Generic[R]):
    """What became of some data: the record (mended when `mended` is not empty), and every mistake of form."""

    record: R | None
    problems: tuple[Problem, ...]
    mended: tuple[str, ...]


def read(model: type[R], data: Mapping[Any, Any], beside: Sequence[str] = ()) -> Reading[R]:
    """Reads `data`, keys as in the file, into `model`. `beside` names top-level keys that belong to somebody else."""
    problems: list[Problem] = []
    plain = _plain({key: value for key, value in data.items() if key not in beside}, (), problems)
    mended = [problem.path for problem in problems]
    try:
        return Reading(_validated(model, plain), tuple(problems), tuple(mended))
    except ValidationError as error:
        details = error.errors(include_url=False)
    found = [(detail, _place(detail, plain)) for detail in details if not _counts_the_wrong(detail)]
    schema = schema_of(model)
    schema = {**schema, "properties": {**schema["properties"], **{key: {} for key in beside}}}
    # Unknown keys first: the key that one was meant to be is not missing.
    for detail, place in sorted(found, key=lambda one: one[0]["type"] != "extra_forbidden"):
        path = places.text(place)
        if path not in mended:
            problems.append(Problem(path, sentence(detail, place, schema)))
        mended += [path, *_taken_for(detail, place, schema)]
        _mend(plain, place, schema)
    try:
        return Reading(_validated(model, plain), tuple(problems), tuple(mended))
    except ValidationError:
        return Reading(None, tuple(problems), tuple(mended))


def _place(detail: ErrorDetails, plain: Any) -> Place:
    """Where the mistake is. Pydantic adds `[key]` when a mapping's key is wrong rather than its value."""
    *way, last = detail["loc"]
    return tuple(way) if last == "[key]" and not isinstance(_at(plain, way), dict) else detail["loc"]


def _at(plain: Any, way: Sequence[str | int]) -> Any:
    for step in way:
        plain = plain[step]
    return plain


def _counts_the_wrong(detail: ErrorDetails) -> bool:
    """Whether a list is only called too short because the entries that it has are wrong."""
    return detail["type"] == "too_short" and len(detail["input"]) > 0


def _validated(model: type[R], plain: Any) -> R:
    # Only the file's own spelling counts there; Python's, which constructors take, would be a second way to write it.
    return model.model_validate(plain, by_alias=True, by_name=False)


@cache
def schema_of(model: type[Record]) -> JsonSchema:
    """The JSON Schema of a record as it stands in a file."""
    return model.model_json_schema(by_alias=True, schema_generator=_FileSchema)


class _FileSchema(GenerateJsonSchema):
    """Says what may be written: a key is left out rather than null, and its name needs no title beside it."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def nullable_schema(self, schema: NullableSchema) -> JsonSchema:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchema:
        found = super().default_schema(schema)
        return {key: value for key, value in found.items() if key != "default" or value is not None}


def _plain(value: Any, place: Place, problems: list[Problem], around: tuple[int, ...] = ()) -> Any:
    """A copy of `value` that has an end, without empty values and keys other than text; `around` is what holds it."""
    if isinstance(value, (bytes, bytearray)):
        problems.append(Problem(places.text(place), "is binary data, of which a home has none; write it as text"))
        return None
    if not isinstance(value, (Mapping, list, tuple)):
        return value
    if id(value) in around or len(around) > _DEEPEST:
        how = "contains itself" if id(value) in around else "is nested too deeply"
        problems.append(Problem(places.text(place), f"{how}; write out what is meant"))
        return None
    inside = (*around, id(value))
    if not isinstance(value, Mapping):
        return [_plain(below, (*place, index), problems, inside) for index, below in enumerate(value)]
    copy: dict[str, Any] = {}
    for key, below in value.items():
        if not isinstance(key, str):
            problems.append(Problem(places.text(place), f"the key {shown(key)} is not text; put it in quotes"))
        elif below is None:
            problems.append(Problem(places.text((*place, key)), NO_VALUE))
        else:
            copy[key] = _plain(below, (*place, key), problems, inside)
    return copy


def _mend(plain: Any, place: Place, schema: JsonSchema) -> None:
    """Puts something readable in the place of a mistake, so that the rest can be read."""
    holder, last = _at(plain, place[:-1]), place[-1]
    if isinstance(last, int) or last in places.schema_at(schema, place[:-1]).get("required", ()):
        holder[last] = places.example(schema, places.schema_at(schema, place))
    else:
        holder.pop(last, None)


def _taken_for(detail: ErrorDetails, place: Place, schema: JsonSchema) -> Iterator[str]:
    """The key that an unknown one was probably meant to be: what it would have said is unknown, not absent."""
    if detail["type"] == "extra_forbidden":
        key = meant(place[-1], places.keys_at(schema, place[:-1]))
        if key:
            yield places.text((*place[:-1], key))
