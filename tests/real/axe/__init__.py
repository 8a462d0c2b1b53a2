"""axe-core, which finds what keeps people from using a page: https://github.com/dequelabs/axe-core.

Pinned with its checksum by package-lock.json, and put by npm into the cache that the toolchain is in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.real import in_ci
from tests.real.browser import Browser
from tools.toolchain import cache_folder

_HERE = Path(__file__).parent
_PIN = ("package.json", "package-lock.json")
_SCRIPT = Path("node_modules", "axe-core", "axe.min.js")

# Each rule that was broken: how bad it is, which, and where.
_RUN = """
axe.run(document, {resultTypes: ['violations']}).then(({violations}) => violations.flatMap(
  rule => rule.nodes.map(node => `${node.impact ?? rule.impact} ${rule.id}: ${node.target.join(' ')}`)))
"""


def script() -> str:
    """The checker itself.

    Where npm isn't there, or can't get it, the test that asks is skipped, or fails with CI=true.
    """
    pin = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _PIN)).hexdigest()[:12]
    folder = cache_folder(os.environ) / "npm" / f"axe-{pin}"
    if not (folder / _SCRIPT).exists():
        _install(folder)
    return (folder / _SCRIPT).read_text(encoding="utf-8")


def findings(tab: Browser, checker: str) -> list[str]:
    """What is wrong with the page that is open, each as `serious color-contrast: .tag`."""
    tab.ask(f"{checker}; null")
    found: list[str] = tab.ask(_RUN)
    return found


def _install(folder: Path) -> None:
    leave_out = pytest.fail if in_ci() else pytest.skip
    npm = shutil.which("npm")
    if npm is None:
        leave_out("axe-core checks the pages and comes by npm, which isn't there: apt-get install npm")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made = Path(name, "made")
        made.mkdir()
        for one in _PIN:
            shutil.copy(_HERE / one, made)
        command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=300)
        if done.returncode:
            leave_out(f"npm couldn't get axe-core, which checks the pages: {done.stderr.strip()[:300]}")
        # Whoever is second finds it done.
        with contextlib.suppress(OSError):
            made.rename(folder)
