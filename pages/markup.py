"""HTML out of nested calls: text is escaped on its way in, and every tag that opens closes. Knows nothing of homes.

el("p", {"class": "note"}, "1 < 2, ", el("strong", "always"))      <p class="note">1 &lt; 2, <strong>always</strong></p>
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Final

_VOID: Final = frozenset({"br", "hr", "link", "meta", "wbr"})
_INLINE: Final = frozenset({"a", "code", "dd", "dt", "span", "strong", "td", "th"})
"""Elements that stay within a line. All others end one: nobody sees it, and a diff is glad of it."""


class Html(str):
    """Text that is HTML already. Anything made from it by the methods of `str` is plain text again."""

    __slots__ = ()


Child = str | Iterable["Child"] | None
Attributes = Mapping[str, str | bool | None]


def el(name: str, *parts: Attributes | Child) -> Html:
    """An element. A mapping gives its attributes: True for one without a value, False or None for none at all. All
    else are its children: text, elements, None for nothing, or iterables of these."""
    attributes = "".join(
        _attribute(key, value) for one in parts if isinstance(one, Mapping) for key, value in one.items()
    )
    end = "" if name in _INLINE or name == "wbr" else "\n"
    if name in _VOID:
        return Html(f"<{name}{attributes}>{end}")
    inside = "".join(_text(one) for one in parts if not isinstance(one, Mapping))
    return Html(f"<{name}{attributes}>{inside}</{name}>{end}")


def joined(*children: Child) -> Html:
    """Several children as one."""
    return Html("".join(map(_text, children)))


def coded(text: str) -> Html:
    """Text in which `backticks` mark code."""
    parts = re.split(r"`([^`]*)`", text)
    return joined(el("code", part) if number % 2 else part for number, part in enumerate(parts))


def _attribute(key: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    return f" {key}" if value is True else f' {key}="{html.escape(value)}"'


def _text(child: Child) -> str:
    match child:
        case None:
            return ""
        case Html():
            return child
        case str():
            return html.escape(child, quote=False)
        case _:
            return "".join(map(_text, child))
