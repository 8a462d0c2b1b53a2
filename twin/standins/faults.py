"""Faults on demand: a test tells a stand-in to misbehave at a chosen moment.

`FOLDER/faults.json` lists the faults that are armed; every stand-in of the twin looks there around each call that
changes something. `hold` is the one effect so far: the stand-in stays in the call, before or after it has changed its
record, until the fault is disarmed. Killing the engine meanwhile leaves exactly the state a crash there would leave.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from twin.state import write_private

_ENGINE = os.getppid()


@dataclass(frozen=True)
class Fault:
    """Hold a call (`create`, `update`, `delete`) for the resource of a name, `before` or `after` its effect."""

    method: str
    name: str
    moment: str


def arm(folder: Path, *faults: Fault) -> None:
    """Arm faults for the stand-ins of a twin; `folder` is its stand-in folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / "faults.json", json.dumps([asdict(fault) for fault in faults]))


def disarm(folder: Path) -> None:
    """Disarm every fault: calls that are held go on."""
    (folder / "faults.json").unlink(missing_ok=True)
    (folder / "held").unlink(missing_ok=True)


def is_held(folder: Path) -> bool:
    """Whether a stand-in is in a held call now."""
    return (folder / "held").exists()


def strike(folder: Path, fault: Fault) -> None:
    """Called by a stand-in at a moment a fault can be armed for: hold the call while it is."""
    while asdict(fault) in _listed(folder):
        (folder / "held").touch()
        leave_if_orphaned()
        time.sleep(0.02)


def leave_if_orphaned() -> None:
    """End this process at once if the engine that started it is gone: what it would do now, nobody would know of."""
    if os.getppid() != _ENGINE:
        os._exit(1)


def _listed(folder: Path) -> list[dict[str, str]]:
    try:
        listed: list[dict[str, str]] = json.loads((folder / "faults.json").read_text())
    except FileNotFoundError:
        return []
    return listed
