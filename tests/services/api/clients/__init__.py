"""The clients that Immich and Jellyfin publish for their APIs, run by Node.js: judges of what is asked and answered.

They are installed once, in versions that package-lock.json pins, into a folder of HomeBrain's cache.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.toolchain import cache_folder

HERE: Final = Path(__file__).parent
OURS: Final = ("ask.mjs", "shapes.mjs", "package.json", "package-lock.json")


class NotHereError(Exception):
    """The clients can't be had on this machine; the text says why."""


@dataclass(frozen=True)
class Clients:
    """The installed clients. folder: where they lie."""

    folder: Path

    async def ask(self, package: str, url: str, key: str) -> dict[str, Any]:
        """What a client's questions are answered, by their names in `ask.mjs`."""
        return await self._run("ask.mjs", {"package": package, "url": url, "key": key})

    async def shapes(self, package: str, types: Sequence[str]) -> dict[str, Any]:
        """JSON Schemas of a client's own types, by their names. They are kept: working one out takes seconds."""
        asked = json.dumps([package, sorted(types)])
        kept = self.folder / f"shapes-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.json"
        if not kept.exists():
            shapes = await self._run("shapes.mjs", {"package": package, "types": sorted(types)})
            kept.with_suffix(".new").write_text(json.dumps(shapes))
            kept.with_suffix(".new").replace(kept)
        read: dict[str, Any] = json.loads(kept.read_text())
        return read

    async def _run(self, script: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            "node",
            script,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
        )
        out, problem = await process.communicate(json.dumps(asked).encode())
        assert process.returncode == 0, problem.decode()[-2000:]
        answered: dict[str, Any] = json.loads(out)
        return answered


def install() -> Clients:
    """The clients, installed if they aren't yet. Raises `NotHereError`."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise NotHereError("Node.js and npm aren't on this machine: apt-get install nodejs npm")
    content = b"".join((HERE / name).read_bytes() for name in OURS)
    folder = cache_folder(os.environ) / "clients" / hashlib.sha256(content).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            for name in OURS:
                shutil.copy(HERE / name, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise NotHereError(f"npm can't install the clients: {done.stderr.strip()[-400:]}")
            (folder / "installed").touch()
    return Clients(folder)
