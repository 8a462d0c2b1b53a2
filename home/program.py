"""Asking the program what it plans for a home: in a process of its own, since a home must not import the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from home.problems import HomeError, Problem

_ROOT = Path(__file__).resolve().parent.parent


def ask(what: str, stack_file: str | Path) -> str:
    """What `python -m components WHAT` prints for the home in a stack's config file.

    Raises HomeError with what that said when it failed.
    """
    command = [sys.executable, "-m", "components", what, str(Path(stack_file).resolve())]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise HomeError([Problem("", f"the program could not plan this home: {run.stderr.strip()}")])
    return run.stdout
