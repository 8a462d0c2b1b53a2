"""What a search finds, over all services that can be searched. Imports verdicts' records alone."""

from __future__ import annotations

from pydantic import Field

from brain.verdict import Record


class Hit(Record):
    """One thing that was found.

    title: what it is called. kind: what it is, as people say it: `photo`, `film`. source: the service that has it, by
    title. when: a year or a date, as text. link: where it can be opened.
    """

    title: str
    kind: str
    source: str
    when: str = ""
    more: str = ""
    link: str = ""


class Source(Record):
    """A service that was asked. total: how many it has in all, where it says so. unknown: why it couldn't be asked."""

    title: str
    total: int | None = Field(default=None, ge=0)
    unknown: str = ""


class Found(Record):
    """One page of what was found, best first as each source says; those that had nothing are named as well."""

    query: str
    page: int = Field(default=1, ge=1)
    hits: tuple[Hit, ...] = ()
    sources: tuple[Source, ...] = ()
    has_more: bool = False
