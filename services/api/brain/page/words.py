"""How ages, sizes and verdicts are said to people. Pure functions; `static/page.js` says ages in the same words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from brain.overview import Overview, Tile
from brain.verdict import Verdict

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
    Verdict.DOWN: Said("Down", "down", "×", "bad"),
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
    return span((now - begin).total_seconds())


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


def of_verdict(tiles: Iterable[Tile], verdict: Verdict) -> list[str]:
    """The titles of the services that are like that."""
    return [one.title for one in tiles if one.verdict is verdict]


def headline(overview: Overview) -> str:
    """The home in a sentence or two, the worst first."""
    if not overview.services:
        return "No service is watched yet."
    parts = []
    for verdict in sorted(Verdict, key=lambda one: one.severity, reverse=True):
        titles = of_verdict(overview.services, verdict)
        if titles and verdict is not Verdict.HEALTHY:
            parts.append(f"{together(titles)} {'is' if len(titles) == 1 else 'are'} {said(verdict).phrase}")
    sentences = ["; ".join(parts) + "."] if parts else []
    alerts = overview.alerts.items if overview.alerts else ()
    if alerts:
        sentences.append(f"{plural(len(alerts), 'alert')} {'fires' if len(alerts) == 1 else 'fire'}.")
    return " ".join(sentences) or "Everything is all right."


def tone(overview: Overview) -> str:
    """The class of the headline's colour: an alert is worth a look where every service is healthy."""
    alerts = overview.alerts.items if overview.alerts else ()
    if any(one.severity == "critical" for one in alerts):
        return "bad"
    mine = said(overview.verdict).tone
    return "warn" if alerts and mine in ("good", "rest") else mine


def safe_link(address: str) -> str:
    """The address where it is one of a web page, and nothing where it is a script or worse."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc else ""
