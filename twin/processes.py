"""The processes of a twin: started in the background, found again by identity, stopped without a trace.

A process is known by its id together with the time it was created, since ids are used again. One that was started but
never recorded (the command was killed in between) is found by its arguments, which all name the state folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import psutil

from twin.state import State, read_json, write_private

# Seconds that two readings of one process' creation time may differ: psutil derives it from the clock.
_CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class Part:
    """A background process of the twin: its name, its whole command line, and the ports it listens on."""

    name: str
    command: tuple[str, ...]
    ports: tuple[int, ...] = ()


class Processes:
    """The background processes of the twin in `state`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def running(self, name: str) -> psutil.Process | None:
        """The process of the part `name`, when it runs."""
        record = read_json(self._record(name))
        try:
            process = psutil.Process(int(record["pid"]))
            same = abs(process.create_time() - float(record["created"])) < _CLOCK_TOLERANCE
            return process if same and _is_alive(process) else None
        except (KeyError, TypeError, ValueError, psutil.Error):
            return None

    def command(self, name: str) -> list[str]:
        """The command line with which the part `name` was last started."""
        command = read_json(self._record(name)).get("command", [])
        return [str(word) for word in command]

    def start(self, part: Part, environment: Mapping[str, str]) -> psutil.Process:
        """Start `part` in a session of its own, with its output in a new log (the last one is kept), and record it."""
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.log(part.name), self.log(part.name).with_suffix(".log.1"))
        with self.log(part.name).open("wb") as log:
            os.chmod(log.fileno(), 0o600)
            child = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._state.root,
                env=dict(environment),
                start_new_session=True,
            )
        # It outlives this command on purpose: nobody waits for it, and Python need not warn of that.
        child.returncode = 0
        process = psutil.Process(child.pid)
        record = {"pid": child.pid, "created": process.create_time(), "command": list(part.command)}
        write_private(self._record(part.name), json.dumps(record, indent=2) + "\n")
        return process

    def stop(self, names: Iterable[str], patience: float = 3.0) -> None:
        """Stop these parts, politely at first, and forget them. `patience` in seconds."""
        names = list(names)
        end([process for name in names if (process := self.running(name))], patience)
        for name in names:
            self._record(name).unlink(missing_ok=True)

    def strays(self, names: Iterable[str], programs: Set[str]) -> list[psutil.Process]:
        """Processes of this twin that run one of `programs` (files or Python modules) and of which no record tells."""
        known = {process.pid for name in names if (process := self.running(name))} | {os.getpid()}
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid not in known and _belongs(process.cmdline(), programs, self._state.root):
                    found.append(process)
        return [process for process in found if _is_alive(process)]

    def log(self, name: str) -> Path:
        """The log of the part `name`."""
        return self._state.logs / f"{name}.log"

    def log_tail(self, name: str, lines: int = 12) -> str:
        """The last lines of that log."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _record(self, name: str) -> Path:
        return self._state.run / f"{name}.json"


def end(processes: Sequence[psutil.Process], patience: float) -> None:
    """Ask these processes to end, wait `patience` seconds, then kill those that are left."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)
    for process in _outlast(processes, patience):
        with contextlib.suppress(psutil.Error):
            process.kill()
    _outlast(processes, patience)


def _outlast(processes: Sequence[psutil.Process], patience: float) -> list[psutil.Process]:
    """Wait until all of them have ended; those that have not after `patience` seconds."""
    deadline = time.monotonic() + patience
    # psutil's own waiting takes ended processes for alive for as long as nobody reaps them, as in many containers.
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def owner_of_port(port: int) -> str:
    """Who listens on this loopback port, as far as this user may know: "NAME (process 123)", else "another program"."""
    for process in psutil.process_iter(["name"]):
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="tcp"):
                if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                    return f"{process.info['name']} (process {process.pid})"
    return "another program"


def _is_alive(process: psutil.Process) -> bool:
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return process.is_running()
        # Ended, but still in the process table because its parent (this process, in tests) has not asked how.
        process.wait(timeout=0)
    except psutil.Error:
        pass
    return False


def _belongs(command: Sequence[str], programs: Set[str], root: Path) -> bool:
    """Whether a command line is that of one of `programs`, and names something in the folder `root`."""
    values = [Path(word.partition("=")[2] or word) for word in command]
    if not any(value.is_relative_to(root) for value in values):
        return False
    return Path(command[0]).name in programs or not programs.isdisjoint(command)
