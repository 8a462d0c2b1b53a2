"""Where the pinned tools are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from twin.state import TwinError

CHECKOUT = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """The folder of the pinned tools: `.tools/bin` of the checkout, or what HOMEBRAIN_TOOLS says."""
    return Path(os.environ.get("HOMEBRAIN_TOOLS") or CHECKOUT / ".tools" / "bin").absolute()


def find(name: str) -> Path:
    """One of the pinned tools. Raises `TwinError` when it is not there."""
    path = folder() / name
    if not shutil.which(path):
        raise TwinError(f"there is no {name} in {folder()}: `python3 tools/bootstrap.py` finds or builds the tools")
    return path
