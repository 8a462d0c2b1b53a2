"""Faults on demand: a test tells a stand-in to misbehave at a chosen moment.

`FOLDER/faults.json` lists the faults that are armed; every stand-in of the twin looks there around each call:

- `hold`: the stand-in stays in the call until the fault is disarmed. Killing the engine meanwhile leaves exactly the
  state a crash there would leave.
- `rate limit` and `server error`: the service turns the call away with 429 or 503, and nothing has changed.
- `timeout`: no answer comes. `before` its effect nothing has changed; `after` it everything has, and only the answer is
  lost: what was created stands there, and the engine doesn't know of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from twin.state import write_private

_ENGINE = os.getppid()

_ANSWERS = {
    "rate limit": "429 Too Many Requests",
    "server error": "503 Service Unavailable",
    "timeout": "context deadline exceeded: no answer came in time",
}


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in the next `times` calls of a method for the resource of a name.

    `Fault("create", "tunnel", "before", "server error", times=3)`. Methods are `create`, `read`, `update`, `delete` and
    `invoke`; a function's name is the last part of its token.
    """

    method: str
    name: str
    """`*` stands for any."""
    moment: Literal["before", "after"] = "before"
    """Before or after the call's effect."""
    kind: Literal["hold", "rate limit", "server error", "timeout"] = "hold"
    times: int = 1
    """How many answers of the service it spoils: a provider may try a call more than once. Ignored by `hold`."""

    def __post_init__(self) -> None:
        """Only a timeout can spoil an answer after its effect."""
        if self.kind in ("rate limit", "server error") and self.moment == "after":
            raise ValueError(f"a {self.kind} turns a call away before it has any effect")


def arm(folder: Path, *faults: Fault) -> None:
    """Arm faults for the stand-ins of a twin; `folder` is its stand-in folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / "faults.json", json.dumps([asdict(fault) for fault in faults]))


def disarm(folder: Path) -> None:
    """Disarm every fault: calls that are held go on."""
    (folder / "faults.json").unlink(missing_ok=True)
    (folder / "held").unlink(missing_ok=True)


def armed(folder: Path) -> list[Fault]:
    """The faults that are still to come."""
    try:
        return [Fault(**fault) for fault in json.loads((folder / "faults.json").read_text())]
    except FileNotFoundError:
        return []


def is_held(folder: Path) -> bool:
    """Whether a stand-in is in a held call now."""
    return (folder / "held").exists()


def strike(folder: Path, method: str, name: str, moment: str, attempts: int = 1) -> str | None:
    """Called by a stand-in at a moment a fault can be armed for.

    Holds the call while it is to be held. Returns what went wrong if it is to fail: at once for a timeout, and if the
    service turns the call away, after as many attempts as the real provider makes.
    """
    failed = 0
    while (fault := _next(folder, method, name, moment)) is not None:
        if fault.kind == "hold":
            (folder / "held").touch()
            leave_if_orphaned()
            time.sleep(0.02)
            continue
        failed += 1
        if fault.kind == "timeout" or failed == attempts:
            return f"{_ANSWERS[fault.kind]} (a fault that was armed)"
    return None


def leave_if_orphaned() -> None:
    """End this process at once if the engine that started it is gone: what it would do now, nobody would know of."""
    if os.getppid() != _ENGINE:
        os._exit(1)


def _next(folder: Path, method: str, name: str, moment: str) -> Fault | None:
    """The first fault armed for a call, which is then used up by one."""
    if not (folder / "faults.json").exists():
        return None
    with _alone(folder):
        faults = armed(folder)
        for index, fault in enumerate(faults):
            if fault.method == method and fault.name in (name, "*") and fault.moment == moment:
                if fault.kind != "hold":
                    left = [replace(fault, times=fault.times - 1)] if fault.times > 1 else []
                    arm(folder, *faults[:index], *left, *faults[index + 1 :])
                return fault
    return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
