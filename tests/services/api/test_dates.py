"""What the head of an answer says of its sender's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.upstream import hearing
from brain.upstream.dates import clock_of, hear

DATE = "Thu, 26 Nov 2026 09:30:00 GMT"
NINE_THIRTY = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)

texts = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    st.integers(-1, 10**12).map(str),
    st.builds("Thu, {} Nov {} 09:30:{} {}".format, st.integers(0, 40), st.integers(0, 10**6), st.integers(), st.text()),
)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"Date": DATE}, NINE_THIRTY),
        ({"Date": DATE, "Age": "90"}, NINE_THIRTY.replace(minute=31, second=30)),
        ({"Date": DATE, "Age": "90, 30"}, None),
        ({"Date": DATE, "Age": "-90"}, None),
        ({"Date": "Fri, 31 Dec 9999 23:59:59 GMT", "Age": "90"}, None),
        ({"Age": "90"}, None),
        ({"Date": "soon"}, None),
        ({}, None),
    ],
)
def test_a_clock_shows_the_date_of_an_answer_and_how_long_a_cache_has_kept_it(
    headers: dict[str, str], shown: datetime | None
) -> None:
    assert clock_of(httpx.Headers(headers)) == shown


@given(texts, texts)
def test_no_date_and_no_age_break_anything(date: str, age: str) -> None:
    shown = clock_of(httpx.Headers({b"Date": date.encode(), b"Age": age.encode()}))
    assert shown is None or shown - NINE_THIRTY


@pytest.mark.anyio
async def test_whoever_listens_hears_what_is_asked_for_them_and_nothing_else() -> None:
    heard: dict[str, list[datetime]] = {"one": [], "other": []}

    async def ask(who: str, date: str) -> None:
        with hearing(heard[who].append):
            await asyncio.create_task(answered(date))
        await answered(date)

    async def answered(date: str) -> None:
        await asyncio.sleep(0)
        hear(httpx.Headers({"Date": date}))

    await asyncio.gather(ask("one", DATE), ask("other", DATE.replace("2026", "2027")), answered(DATE))
    assert heard == {"one": [NINE_THIRTY], "other": [NINE_THIRTY.replace(year=2027)]}
