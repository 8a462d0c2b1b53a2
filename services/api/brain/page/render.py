"""The templates, filled, and the files that they link to. Whatever is filled in is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from brain.access.identity import By
from brain.found import Found
from brain.overview import Overview
from brain.page import picture, words

_HERE = Path(__file__).parent

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy of the pages: their own files and nothing else, no script or style within them."""


@dataclass(frozen=True)
class File:
    """A file that pages link to. tag: changes with its content, so that a browser may keep it for ever."""

    content: bytes
    media_type: str
    tag: str


_MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(content, _MEDIA_TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:16])


@cache
def files() -> Mapping[str, File]:
    """Every file of /static, by name; read once."""
    found = sorted((_HERE / "static").iterdir())
    return MappingProxyType({path.name: _read(path) for path in found if path.suffix in _MEDIA_TYPES})


def _address(name: str) -> str:
    return f"/static/{name}?v={files()[name].tag}"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=words.ago, said=words.said, size=words.size, plural=words.plural, safe_link=words.safe_link
    )
    environment.globals.update(
        file=_address,
        since=words.since,
        headline=words.headline,
        tone=words.tone,
        slices=picture.slices,
        bar=picture.bar,
        fullness=picture.fullness,
        share=picture.share,
    )
    return environment


def home(overview: Overview, who: str = "") -> str:
    """The home page, as `who` sees it."""
    return _templates().get_template("home.html").render(overview=overview, who=who)


def found(home_name: str, result: Found, who: str = "") -> str:
    """What a search has found."""
    return _templates().get_template("found.html").render(home=home_name, found=result, who=who)


def refused(status: int, reason: str, ways: Collection[By] = ()) -> tuple[str, str]:
    """What somebody sees who isn't known (401), may not see this (403), or asks too often (429); nothing of the home.

    It needs no other file, since they would get none, so its policy, which comes second, knows the style that it
    carries by its checksum. reason: a sentence that may be shown to anybody. ways: by which they could come in.
    """
    style = files()["style.css"].content
    checksum = base64.b64encode(hashlib.sha256(style).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{checksum}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    )
    page = _templates().get_template("refused.html")
    return page.render(status=status, reason=reason, ways=ways, style=style.decode()), f"{policy}; form-action 'none'"
