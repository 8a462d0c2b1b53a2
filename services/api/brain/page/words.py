"""How ages, sizes and verdicts are said to people. Pure functions; `static/page.js` says ages in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from brain.overview import Overview, Tile
from brain.page.picture import fullness
from brain.verdict import Verdict

ALL_RIGHT = "Everything is all right."
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True)
class Said:
    """A verdict for people: a word, how it goes on after a name, the sign beside it, and the class of its colour."""

    word: str
    phrase: str
    sign: str
    tone: str


_SAID = {
    Verdict.HEALTHY: Said("Healthy", "all right", "✓", "good"),
    Verdict.DEGRADED: Said("Degraded", "degraded", "!", "warn"),
    Verdict.UNSUPPORTED: Said("Unsupported", "of a version that isn't supported", "≠", "warn"),
    Verdict.UNKNOWN: Said("Unknown", "unknown", "?", "rest"),
    Verdict.DOWN: Said("Down", "down", "✕", "bad"),
}


def said(verdict: Verdict) -> Said:
    """The verdict in words."""
    return _SAID[verdict]


def plural(number: int, one: str, many: str = "") -> str:
    """`1 alert`, `2 alerts`, `48,210 photos`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(seconds: float) -> str:
    """A time in the unit that suits it, rounded down: `40 seconds`, `2 minutes`, `3 hours`, `5 days`."""
    whole = max(0, int(seconds))
    if whole < 90:
        return plural(whole, "second")
    if whole < 90 * 60:
        return plural(whole // 60, "minute")
    if whole < 36 * 3600:
        return plural(whole // 3600, "hour")
    return plural(whole // 86400, "day")


def ago(seconds: float) -> str:
    """`just now`, then `2 minutes ago`."""
    return "just now" if seconds < 5 else f"{span(seconds)} ago"


def since(begin: datetime, now: datetime) -> str:
    """How long something lasts: `20 minutes`. A begin in the future, by a clock that is wrong, is now."""
    seconds = (now - begin).total_seconds()
    return "a moment" if seconds < 5 else span(seconds)


def size(number: int) -> str:
    """Bytes: `3.5 GiB`, `512 MiB`; three digits at most before the point, one behind it below ten."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    text = f"{value:.1f}".removesuffix(".0") if value < 9.95 and unit else f"{value:,.0f}"
    return f"{text} {_UNITS[unit]}"


def together(words: Sequence[str]) -> str:
    """`Photos, Films and Metrics`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def headline(overview: Overview) -> str:
    """The home in a few sentences, the worst first; what isn't known, or old, or full, is never all right."""
    if not overview.services:
        return "No service is watched yet."
    return " ".join(f"{one}." for one in [*_verdicts(overview.services), *_besides(overview)]) or ALL_RIGHT


def tone(overview: Overview) -> str:
    """The class of the headline's colour: something may be worth a look where every service is healthy."""
    alerts = overview.alerts.items if overview.alerts else ()
    if any(one.severity == "critical" for one in alerts):
        return "bad"
    mine = said(overview.verdict).tone
    return "warn" if mine == "good" and headline(overview) != ALL_RIGHT else mine


def _verdicts(tiles: Sequence[Tile]) -> Iterator[str]:
    parts = []
    for verdict in sorted(set(Verdict) - {Verdict.HEALTHY}, key=lambda one: one.severity, reverse=True):
        if titles := [one.title for one in tiles if one.verdict is verdict]:
            parts.append(f"{together(titles)} {_are(titles)} {said(verdict).phrase}")
    if parts:
        yield "; ".join(parts)


def _besides(overview: Overview) -> Iterator[str]:
    """What else is worth a sentence of the headline."""
    if overview.alerts and overview.alerts.items:
        number = len(overview.alerts.items)
        yield f"{plural(number, 'alert')} {'fires' if number == 1 else 'fire'}"
    if overview.alerts and overview.alerts.unknown:
        yield "Whether an alert fires isn't known"
    stores = overview.storage.items if overview.storage else ()
    if full := [one.name for one in stores if fullness(one.used, one.total) == "bad"]:
        yield f"{together(full)} {_are(full)} full"
    if old := [one.title for one in overview.services if one.is_stale]:
        yield f"What is known of {together(old)} is old"


def _are(things: Sequence[str]) -> str:
    return "is" if len(things) == 1 else "are"


def safe_link(address: str) -> str:
    """The address where it is one of a web page, and nothing where it is a script or worse."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc else ""
