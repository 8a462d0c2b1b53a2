"""What every adapter does alike: looking in steps, none of which can take the others down with it.

An adapter of a new service is a subclass in a module of its own. It says in `inspect` what to ask and what the answers
mean, and in `calls` what else can be asked.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from brain.adapters.adapter import Call, Role
from brain.adapters.faults import at_the_door, of_a_part
from brain.upstream import Upstream, UpstreamError, hearing
from brain.verdict import Record, Report, Verdict, worst

log = logging.getLogger(__name__)

T = TypeVar("T")
Item = TypeVar("Item")

EVERYBODY: Final[frozenset[Role]] = frozenset({"owner", "family", "guest", "program"})
HOUSEHOLD: Final[frozenset[Role]] = frozenset({"owner", "family", "program"})
OPERATORS: Final[frozenset[Role]] = frozenset({"owner", "program"})

LONGEST_TEXT: Final = 240
CLOCK_TOLERANCE: Final = timedelta(minutes=2)
"""How far another's clock may be from ours. Answers take seconds, and clocks that are kept right differ by less."""


class Answer(BaseModel):
    """What a service answers, as far as it is read here; what it says besides is let pass."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Paged(Record):
    """Arguments of a call that answers in pages."""

    page: int = Field(default=1, ge=1, le=10_000, description="Which page, from 1.")
    size: int = Field(default=20, ge=1, le=100, description="How many a page.")


class Page(Record, Generic[Item]):
    """One page of an answer. next_page: the number of the following one; none on the last. source: who says so."""

    items: tuple[Item, ...]
    page: int = 1
    next_page: int | None = None
    source: str


class Nothing(Record):
    """Arguments of a call that takes none."""


def page_of(page: type[Page[Item]], items: Sequence[Item], asked: Paged, source: str) -> Page[Item]:
    """The asked-for page, of this type, of what is there as a whole."""
    start = (asked.page - 1) * asked.size
    more = len(items) > start + asked.size
    return page(
        items=tuple(items[start : start + asked.size]),
        page=asked.page,
        next_page=asked.page + 1 if more else None,
        source=source,
    )


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Another's words made fit for a sentence of ours: one line, no control characters, not endless."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text[: longest * 4]).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def several(count: int, one: str, more: str | None = None) -> str:
    """`1 pod`, `2 pods`."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def span(length: timedelta) -> str:
    """A length of time in the unit that fits: `3 days`."""
    seconds = int(abs(length).total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * size:
            return several(seconds // size, unit)
    return several(seconds, "second")


class Findings:
    """What one look brings together, step by step, and the report that it makes."""

    def __init__(
        self, service: str, title: str, at: datetime, remedy: str = "", *, key_at_the_door: bool = False
    ) -> None:
        """remedy: a sentence on what makes the key good. key_at_the_door: whether the first question takes it too."""
        self.at = at
        self._door_remedy = remedy if key_at_the_door else ""
        self._service, self._title, self._remedy = service, title, remedy
        self._verdicts: list[Verdict] = []
        self._reasons: list[str] = []
        self._facts: dict[str, Any] = {}
        self._ahead = timedelta()
        self._clock: timedelta | None = None

    def say(self, verdict: Verdict, words: str) -> None:
        """Something isn't as it should be. The same words are kept once."""
        self._verdicts.append(verdict)
        if words not in self._reasons:
            self._reasons.append(words)

    def fact(self, name: str, value: object) -> None:
        """A figure for the page; models become plain data."""
        self._facts[name] = TypeAdapter(Any).dump_python(value, mode="json")

    def at_the_door(self, error: UpstreamError) -> None:
        """The first question went wrong."""
        self.say(*at_the_door(error, self._door_remedy))

    def of_a_part(self, error: UpstreamError, part: str) -> None:
        """A later question went wrong. part: what was asked for, as in "its storage"."""
        self.say(*of_a_part(error, part, self._remedy))

    async def part(self, part: str, asked: Awaitable[T]) -> T | None:
        """The answer to a later question; none when it went wrong, which is then among the reasons."""
        try:
            return await asked
        except UpstreamError as error:
            self.of_a_part(error, part)
            return None

    async def extra(self, asked: Awaitable[T]) -> T | None:
        """The answer to a question that nothing hangs on; none, and no word of it, when it went wrong."""
        try:
            return await asked
        except UpstreamError:
            return None

    def ahead(self, times: Iterable[datetime | None]) -> None:
        """Notes times that the service tells of. Such as are yet to come are of a clock that disagrees with ours."""
        latest = max((one for one in times if one is not None), default=None)
        if latest is not None:
            self._ahead = max(self._ahead, latest - self.at)

    def clock(self, difference: timedelta) -> None:
        """Notes how far the service's clock is ahead of ours, by one of its answers.

        An old answer may come from a cache that doesn't say so, so the newest one counts.
        """
        self._clock = difference if self._clock is None else max(self._clock, difference)

    def _tell_clock(self) -> None:
        difference = self._clock or timedelta()
        # Only what its answers are dated by tells that it is behind; what it tells of is rightly in the past.
        if abs(difference) <= CLOCK_TOLERANCE:
            difference = self._ahead
        if difference > CLOCK_TOLERANCE:
            self.say(Verdict.DEGRADED, f"Its clock is {span(difference)} ahead of this one, or this one is behind.")
        elif difference < -CLOCK_TOLERANCE:
            self.say(Verdict.DEGRADED, f"Its clock is {span(difference)} behind this one, or this one is ahead.")

    def report(self) -> Report:
        """All of it. Healthy if nothing was said."""
        self._tell_clock()
        verdict = worst(self._verdicts) if self._verdicts else Verdict.HEALTHY
        return Report(
            service=self._service,
            title=self._title,
            verdict=verdict,
            reasons=tuple(self._reasons),
            facts=self._facts,
            at=self.at,
        )


class Service(ABC):
    """An `Adapter` that lacks only what is particular to its service."""

    name: str
    title: str
    roles: frozenset[Role] = HOUSEHOLD
    key_at_the_door: ClassVar[bool] = False
    """Whether even the first question takes a key."""

    def __init__(self, upstream: Upstream, *, now: Callable[[], datetime], remedy: str = "") -> None:
        """upstream: where it is asked. now: the time, with its zone. remedy: a sentence on what makes its key good.

        A look goes by `upstream`, a call by `for_calls`: whatever people ask, and however often, the look isn't in
        their way, nor they in its.
        """
        self.upstream = upstream
        self.for_calls = upstream.apart()
        self.now = now
        self.remedy = remedy

    async def look(self) -> Report:
        """How it is, now. Never raises: what goes wrong is the report."""
        findings = Findings(self.name, self.title, self.now(), self.remedy, key_at_the_door=self.key_at_the_door)
        try:
            with hearing(lambda shown: findings.clock(shown - self.now())):
                await self.inspect(findings)
        except UpstreamError as error:
            findings.at_the_door(error)
        except Exception as error:
            # An error of ours. Its text may hold anything that the service said, so neither log nor report has it.
            log.error("looking at %s failed: %s", self.name, type(error).__name__)
            findings.say(
                Verdict.UNKNOWN, f"Looking at it failed here ({type(error).__name__}): an error of this program."
            )
        return findings.report()

    @abstractmethod
    async def inspect(self, findings: Findings) -> None:
        """Ask, and tell the findings. An `UpstreamError` that it lets out is one of the first question."""

    @property
    @abstractmethod
    def calls(self) -> Mapping[str, Call]:
        """What it can be asked, by name."""


def by_name(*calls: Call) -> Mapping[str, Call]:
    """Calls as `Service.calls` gives them."""
    return {one.name: one for one in calls}


async def together(*asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers to questions asked at once. If one raises, the others end first, so that none is left behind."""
    questions = [asyncio.create_task(one) for one in asked]
    try:
        await asyncio.wait(questions)
    finally:
        for one in questions:
            one.cancel()
    for problem in [one.exception() for one in questions]:
        if problem is not None:
            raise problem
    return [one.result() for one in questions]
