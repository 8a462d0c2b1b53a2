"""Whether a value is one that the table admits."""

from __future__ import annotations

import posixpath
import re
from ipaddress import ip_network
from zoneinfo import ZoneInfo

from references.objects import below, quantity
from references.table import Value

_BOOLEANS = ("true", "false", "1", "0", "on", "off", "yes", "no")


def wrong(row: Value, text: str, tag: str = "", own_ports: tuple[int, ...] = ()) -> str | None:
    """What the value should be, where it isn't; None when it is right.

    tag: of the image that reads it. own_ports: that its container declares.
    """
    if row.values is not None and text not in row.values:
        return f"one of {', '.join(row.values)}"
    if row.matches is not None and not re.fullmatch(row.matches, text):
        return f"text of the form {row.matches}"
    if row.format is not None and (said := _format(row.format, text, own_ports)):
        return said
    if row.at_least is not None and not _at_least(row.at_least, text):
        return f"a number from {row.at_least:g} up"
    if row.inside is not None and below(text, row.inside) is None:
        return f"a path in {row.inside}"
    if row.beneath is not None and not below(text, row.beneath):
        return f"a path below {row.beneath}"
    return _members(row, text, tag)


def _format(format: str, text: str, own_ports: tuple[int, ...]) -> str | None:
    match format:
        case "boolean" if text.lower() not in _BOOLEANS:
            return "true or false"
        case "number" if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            return "a number"
        case "size" if not re.fullmatch(r"\d+(kB|MB|GB|TB)?", text):
            return "a size such as 512MB"
        case "networks" if not all(_network(part.strip()) for part in text.split(",")):
            return "addresses or networks, with commas between"
        case "time zone" if not _zone(text):
            return "a time zone such as Europe/Berlin"
        case "own port" if text not in [str(port) for port in own_ports]:
            return f"a port that the container declares: {', '.join(map(str, own_ports)) or 'none'}"
        case "folder" if not posixpath.isabs(text):
            return "an absolute path"
    return None


def _zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        return False
    return True


def _network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _at_least(least: float, text: str) -> bool:
    number = quantity(text)
    return number is not None and float(number) >= least


def _members(row: Value, text: str, tag: str) -> str | None:
    given = [part.strip() for part in text.split(",") if part.strip()]
    needed = [*row.members, *(more for key, list_ in row.when_tag.items() if key in tag for more in list_)]
    missing = [one for one in needed if one not in given]
    if missing:
        return f"a list with {' and '.join(missing)}"
    unknown = [one for one in given if row.of is not None and one not in row.of]
    if unknown:
        return f"a list of {', '.join(row.of or ())}, and {unknown[0]} is none of them"
    return None
