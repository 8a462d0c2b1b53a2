"""The home in one answer: what `/api/v1/overview` says and what the home page shows. Imports verdicts alone."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar

from pydantic import Field

from brain.verdict import Record, Verdict

T = TypeVar("T")


class Wanted(Record):
    """A key that a service needs and nobody has set yet.

    what: which key, and where a person makes it, as a sentence. command: what sets it, to be copied.
    """

    what: str
    command: str


class Tile(Record):
    """One service.

    service, title, verdict, reasons, at: as in its `Report`. age: seconds since then, and is_stale whether that is
    longer than it should be. needs: the key that it waits for. link: where people open it; empty where they can't.
    """

    service: str
    title: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    at: datetime
    age: float = Field(default=0.0, ge=0)
    is_stale: bool = False
    needs: Wanted | None = None
    link: str = ""


class Gpu(Record):
    """The GPU of a node: slices of it, and its memory in bytes; None where nobody measures that."""

    node: str
    model: str = ""
    slices_taken: int = Field(ge=0)
    slices_there: int = Field(ge=0)
    vram_used: int | None = Field(default=None, ge=0)
    vram_total: int | None = Field(default=None, ge=0)


class Store(Record):
    """Somewhere data lies, in bytes. what: what lies there, as people say it."""

    name: str
    what: str = ""
    used: int = Field(ge=0)
    total: int = Field(ge=0)


class Alert(Record):
    """An alert that fires. name: as in the runbook. summary: one sentence."""

    name: str
    severity: Literal["critical", "warning", "info"]
    summary: str = ""
    since: datetime


class Playing(Record):
    """Something that somebody watches or hears. how: directly, or made to fit, and by what; empty if unknown."""

    who: str
    title: str
    on: str = ""
    how: str = ""
    is_paused: bool = False


class Count(Record):
    """How many there are of something: `photos`, 48210, `212 in the last 7 days`."""

    what: str
    number: int = Field(ge=0)
    more: str = ""


class Column(Record):
    """A kind of somebody who could reach a thing; meaning explains it in a sentence's middle."""

    key: str
    group: str
    title: str
    meaning: str = ""


class Reach(Record):
    """A thing that can be reached, and the keys of the columns of those who reach it."""

    title: str
    group: str = ""
    open_to: tuple[str, ...] = ()


class ExposureMap(Record):
    """Who reaches what, as the home is described."""

    columns: tuple[Column, ...] = ()
    rows: tuple[Reach, ...] = ()


class Part(Record, Generic[T]):
    """Part of the answer, with what is to be known about it.

    items: empty too where nothing could be learnt; `unknown` then says why, in a sentence, and no item means nothing.
    age: seconds since it was asked; is_stale: whether that is longer than it should be.
    """

    items: tuple[T, ...] = ()
    unknown: str = ""
    age: float = Field(default=0.0, ge=0)
    is_stale: bool = False


class Overview(Record):
    """The home, as whoever asks may see it: what isn't for them is None.

    verdict: the worst of the services'. at: when this was put together.
    """

    home: str
    verdict: Verdict
    services: tuple[Tile, ...] = ()
    gpus: Part[Gpu] | None = None
    storage: Part[Store] | None = None
    alerts: Part[Alert] | None = None
    playing: Part[Playing] | None = None
    counts: Part[Count] | None = None
    exposure: ExposureMap | None = None
    at: datetime
