"""What the answers of others say of the time: when to ask again, and what their clock shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

Listener = Callable[[datetime], None]

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def hearing(listener: Listener) -> Iterator[None]:
    """Tells a listener what the sender's clock shows, at each answer that comes to this task or to one it begins."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def hear(headers: httpx.Headers) -> None:
    """The head of an answer has come."""
    listener = _LISTENER.get()
    if listener is not None and (shown := clock_of(headers)) is not None:
        listener(shown)


def clock_of(headers: httpx.Headers) -> datetime | None:
    """What the sender's clock shows, by an answer's Date; None if that can't be told.

    An answer that a cache kept has the Date of when it was made, and its Age since then (RFC 9111, 5.1). An Age that
    isn't a number leaves open how old it is.
    """
    date, age = http_date(headers.get("Date", "")), headers.get("Age", "0").strip()
    if date is None or not (age.isascii() and age.isdigit() and len(age) < 10):
        return None
    try:
        return date + timedelta(seconds=int(age))
    except OverflowError:
        return None


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds of Retry-After, which is a number or a date (RFC 9110, 10.2.3); a date goes by the sender's own clock."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    until = http_date(value)
    if until is None:
        return None
    return max((until - (http_date(headers.get("Date", "")) or datetime.now(UTC))).total_seconds(), 0.0)


def http_date(value: str) -> datetime | None:
    """A date as headers have it, with its zone; None for anything else."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
