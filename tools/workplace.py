"""One checkout and the cache behind it: what is linked, and whether anything is to be done.

Every make target asks this first: it has to be quick.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from tools.pyvenv import Environment, replace_link
from tools.toolchain import FOLDERS, TEST_FOLDERS, Pin, cache_folder, digest


class Workplace:
    """One checkout, the cache behind it, and the environment variables that it was called with.

    Its tools are those that bringing a home up takes, or with `for_tests` those that only tests take.
    """

    def __init__(self, checkout: Path, environment: Mapping[str, str], for_tests: bool = False) -> None:
        self.checkout = checkout
        self.environment = environment
        self.cache = cache_folder(environment)
        # Folders of their own: what tests take is on nobody's PATH.
        self.bin = checkout / ".tools" / ("tests" if for_tests else "bin")
        self.stamp = checkout / ".tools" / ("tests.json" if for_tests else "stamp.json")
        self.venv = Environment(checkout, self.cache)
        self.pins = [Pin(folder, checkout, self.cache) for folder in (TEST_FOLDERS if for_tests else FOLDERS)]

    @property
    def tools_elsewhere(self) -> str:
        """The folder that HOMEBRAIN_TOOLS names in place of `.tools`; nothing is built then."""
        return self.environment.get("HOMEBRAIN_TOOLS", "")

    def tool(self, name: str) -> Path:
        """Where the tool of that name is, once it was made ready."""
        return Path(self.tools_elsewhere or self.bin) / name

    def key(self) -> str:
        """Changes when what `bin` should lead to may have changed: the pins, the recipe, the cache's place."""
        return digest({"cache": str(self.cache).encode(), **{pin.name: pin.key.encode() for pin in self.pins}})

    def tools_ready(self) -> bool:
        """Whether every link leads to the same file as when it was made. Cheap: no tool is started."""
        if self.tools_elsewhere:
            return True
        try:
            stamp = json.loads(self.stamp.read_bytes())
            links = stamp["links"]
            return bool(
                stamp["key"] == self.key()
                and all(tool.name in links for pin in self.pins for tool in pin.folder.tools)
                and all(_identity(self.bin / name) == identity for name, identity in links.items())
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def link_tools(self, machine: Mapping[str, Path]) -> None:
        """Points `bin` at the machine's tools and the built ones, takes other entries out, and stamps it."""
        self.bin.mkdir(parents=True, exist_ok=True)
        self.stamp.unlink(missing_ok=True)
        targets = {
            tool.name: machine.get(tool.name, pin.bin / tool.name) for pin in self.pins for tool in pin.folder.tools
        }
        for name, target in targets.items():
            replace_link(self.bin / name, target)
        for entry in self.bin.iterdir():
            if entry.name not in targets:
                entry.unlink()
        links = {name: _identity(self.bin / name) for name in targets}
        self.stamp.write_text(json.dumps({"key": self.key(), "links": links}, indent=2) + "\n")


def _identity(link: Path) -> list[object]:
    """Where a link leads and which file that is now: an upgraded or removed tool of the machine shows here."""
    status = link.stat()
    return [os.readlink(link), status.st_size, status.st_mtime_ns]
