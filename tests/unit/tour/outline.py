"""A page taken apart with Python's own parser: its tags, headings, ids, links and what a reader gets to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "hr", "link", "meta", "wbr"}
# What may not stand inside a paragraph: a browser would close it.
BLOCKS = {"article", "div", "dl", "h1", "h2", "h3", "h4", "h5", "li", "ol", "p", "section", "table", "ul"}


@dataclass
class Outline(HTMLParser):
    """Feed it a page. `faults` says where tags don't balance or may not stand."""

    faults: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if "p" in self._open and tag in BLOCKS:
            self.faults.append(f"<{tag}> inside a paragraph")
        if tag in ("li", "dt", "dd") and self._open[-1] not in ("ul", "ol", "dl", "div"):
            self.faults.append(f"<{tag}> inside <{self._open[-1]}>")
        if tag not in VOID:
            self._open.append(tag)
        if self._level(tag):
            self.headings.append((self._level(tag), ""))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes <{self._open[-1] if self._open else 'nothing'}>")
        else:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if "style" in self._open or "title" in self._open:
            return
        self.text += data
        level = next((self._level(tag) for tag in self._open if self._level(tag)), 0)
        if level:
            self.headings[-1] = (level, self.headings[-1][1] + data)

    def close(self) -> None:
        super().close()
        self.faults += [f"<{tag}> never closes" for tag in self._open]

    @staticmethod
    def _level(tag: str) -> int:
        return int(tag[1]) if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit() else 0

    def values(self, name: str) -> list[str]:
        """Every value of an attribute."""
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of this name."""
        return [attributes for name, attributes in self.tags if name == tag]


def outline(page: str) -> Outline:
    """The page taken apart."""
    found = Outline()
    found.feed(page)
    found.close()
    return found
