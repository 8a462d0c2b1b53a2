"""What the twin holds beside what its home's description says.

The description's side is asked of `python -m home exposure` and comes as data: what reads back must not know how that
is derived, or one mistake could hide in both.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import home
from exposure.difference import Differing, arranged, differences
from exposure.shape import Exposure, from_data
from twin.exposure.reading import read_back
from twin.exposure.snapshot import take
from twin.state import TwinError

if TYPE_CHECKING:
    from twin.cluster import Twin

_ROOT: Final = Path(__file__).resolve().parents[2]


def compared(twin: Twin) -> tuple[Exposure, tuple[Differing, ...]]:
    """The map of what the twin holds, in the order of its description, and how it differs from that.

    Raises `TwinError` for a description that is wrong.
    """
    wanted = described(twin.home)
    found = read_back(take(twin.api(), twin.folder.standins), home.load_file(twin.home), wanted.home)
    return arranged(found, wanted), differences(wanted, found)


def described(stack_file: Path) -> Exposure:
    """The map that follows from a home's description. Raises `TwinError` with what is wrong about that."""
    command = [sys.executable, "-m", "home", "exposure", "--json", str(stack_file)]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise TwinError(f"no map could be made of {stack_file}: {run.stderr.strip()}")
    return from_data(json.loads(run.stdout))
