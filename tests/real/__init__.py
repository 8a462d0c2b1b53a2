"""Real servers, started with what the program renders. Which ones, and what stays untested: docs/real-parts.md."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

# Debian keeps its servers out of PATH, a folder for each major version.
POSTGRESQL = Path("/usr/lib/postgresql")

# Programs by the Debian package that has them.
PACKAGES: Mapping[str, tuple[str, ...]] = {
    "chromium": ("chromium",),
    "postgresql": ("postgres", "initdb", "pg_isready", "psql"),
    "redis-server": ("valkey-server", "valkey-cli"),
    "util-linux": ("setpriv",),
}

# Same thing under another name: where there is no Valkey, the Redis that it comes from takes its place.
STAND_INS: Mapping[str, str] = {
    "valkey-server": "redis-server",
    "valkey-cli": "redis-cli",
    "chromium": "google-chrome",
}


def find(program: str) -> Path | None:
    """This machine's program of that name, or of the one that stands in for it; of PostgreSQLs the newest."""
    if program in PACKAGES["postgresql"]:
        versions = [folder for folder in POSTGRESQL.glob("*/bin") if folder.parent.name.isdecimal()]
        for folder in sorted(versions, key=lambda one: int(one.parent.name), reverse=True):
            if (folder / program).exists():
                return folder / program
    for name in (program, STAND_INS.get(program)):
        if name and (found := shutil.which(name)):
            return Path(found)
    return None


def in_ci() -> bool:
    """Whether nothing may be left out for want of what it takes."""
    return os.environ.get("CI", "").lower() in ("1", "true")


def missing() -> list[str]:
    """The Debian packages that these tests need and this machine lacks."""
    return [package for package, programs in PACKAGES.items() if not all(map(find, programs))]
