"""The last answer, asked anew when it is old."""

from __future__ import annotations

import asyncio
import time

import pytest

from brain.upstream import Aged, Fresh

pytestmark = pytest.mark.anyio


class Source:
    """What is asked: counts, and answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.cancelled = False
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.error:
            raise self.error
        return number


class Kept:
    """A source and its Fresh, under a clock that only tests move."""

    def __init__(self, deadline: float = 5.0) -> None:
        self.now = 0.0
        self.source = Source()
        self.fresh = Fresh(self.source, fresh_for=10, stale_for=60, deadline=deadline, clock=lambda: self.now)

    async def settled(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_an_answer_is_asked_for_once_while_it_is_fresh() -> None:
    kept = Kept()
    assert await kept.fresh.get() == Aged(1, 0.0, False)
    kept.now = 10.0
    assert await kept.fresh.get() == Aged(1, 10.0, False)
    assert kept.source.asked == 1


async def test_all_who_ask_together_ask_once() -> None:
    kept = Kept()
    answers = await asyncio.gather(*(kept.fresh.get() for _ in range(100)))
    assert {one.value for one in answers} == {1}
    assert kept.source.asked == 1


async def test_an_old_answer_is_handed_out_at_once_and_asked_anew_behind_it() -> None:
    kept = Kept()
    await kept.fresh.get()
    kept.now = 11.0
    kept.source.open.clear()
    assert await kept.fresh.get() == Aged(1, 11.0, True)
    assert await kept.fresh.get() == Aged(1, 11.0, True)
    kept.source.open.set()
    await kept.settled()
    assert await kept.fresh.get() == Aged(2, 0.0, False)
    assert kept.source.asked == 2


async def test_a_very_old_answer_is_handed_out_when_the_new_one_does_not_come_in_time() -> None:
    kept = Kept(deadline=0.05)
    await kept.fresh.get()
    kept.now = 1000.0
    kept.source.open.clear()
    began = time.monotonic()
    assert await kept.fresh.get() == Aged(1, 1000.0, True)
    assert 0.05 <= time.monotonic() - began < 1
    kept.source.open.set()
    await kept.settled()
    assert (await kept.fresh.get()).value == 2


async def test_a_very_old_answer_gives_way_to_the_new_one() -> None:
    kept = Kept()
    await kept.fresh.get()
    kept.now = 1000.0
    assert await kept.fresh.get() == Aged(2, 0.0, False)


async def test_without_any_answer_the_wait_ends_at_the_deadline() -> None:
    kept = Kept(deadline=0.05)
    kept.source.open.clear()
    with pytest.raises(TimeoutError):
        await kept.fresh.get()
    kept.source.open.set()
    assert (await kept.fresh.get()).value == 1


async def test_what_asking_raised_is_raised_while_there_is_no_answer_and_asked_again() -> None:
    kept = Kept()
    kept.source.error = ValueError("no")
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await kept.fresh.get()
    kept.source.error = None
    assert (await kept.fresh.get()).value == 3


async def test_an_old_answer_outlives_a_failure_which_is_not_repeated_at_once() -> None:
    kept = Kept()
    await kept.fresh.get()
    kept.source.error = ValueError("no")
    kept.now = 100.0
    for _ in range(5):
        assert await kept.fresh.get() == Aged(1, 100.0, True)
    assert kept.source.asked == 2
    kept.now, kept.source.error = 120.0, None
    assert (await kept.fresh.get()).value == 3


async def test_who_stops_waiting_does_not_stop_the_others() -> None:
    kept = Kept()
    kept.source.open.clear()
    impatient, patient = asyncio.create_task(kept.fresh.get()), asyncio.create_task(kept.fresh.get())
    await kept.settled()
    impatient.cancel()
    await kept.settled()
    kept.source.open.set()
    assert (await patient).value == 1
    assert kept.source.asked == 1


async def test_closing_ends_the_question_that_is_under_way() -> None:
    kept = Kept(deadline=0.01)
    kept.source.open.clear()
    with pytest.raises(TimeoutError):
        await kept.fresh.get()
    await kept.fresh.close()
    assert kept.source.cancelled
