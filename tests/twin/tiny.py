"""Tiny programs for the twin's engine: a program, a stack config and a state folder of their own."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil

from tests.twin.objects import eventually
from twin.engine import Engine, EngineError, Run
from twin.standins import faults
from twin.standins.faults import Fault
from twin.standins.record import Entry, Record

DEADLINE = 30.0


@dataclass(frozen=True)
class Paths:
    """What the engine needs to know of a twin."""

    state: Path
    home: Path
    kubeconfig: Path


class Tiny:
    """One tiny program on the engine of a twin without a cluster."""

    def __init__(self, folder: Path, program: str, config: str = "config: {}", kubeconfig: Path | None = None) -> None:
        self.folder = folder / "program"
        self.folder.mkdir()
        (self.folder / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
        self.write(program)
        self.config = folder / "Pulumi.homelab.yaml"
        self.config.write_text(config)
        paths = Paths(folder / "state", self.config, kubeconfig or folder / "kubeconfig")
        self.state = paths.state
        self.engine = Engine(paths, program=self.folder, capture=True)

    def write(self, program: str) -> None:
        (self.folder / "__main__.py").write_text("import pulumi\nimport pulumi_random as random\n" + dedent(program))

    def output(self, name: str) -> Any:
        return json.loads(self.engine.run("stack", "output", "--json", "--show-secrets").output)[name]

    def record(self, service: str = "random") -> list[Entry]:
        return Record(self.engine.standins, service).entries()

    def resources(self) -> list[dict[str, Any]]:
        resources: list[dict[str, Any]] = self.deployment().get("resources", [])
        return resources

    def deployment(self) -> dict[str, Any]:
        """The stack's state as its file has it now, with no engine asked."""
        (path,) = self.state.rglob("stacks/tiny/twin.json")
        deployment: dict[str, Any] = json.loads(path.read_text())["checkpoint"]["latest"]
        return deployment

    def processes(self) -> list[psutil.Process]:
        """Processes that the twin's engine has started and left."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("PULUMI_HOME") == str(self.state / "pulumi" / "home"):
                    found.append(process)
        return found

    def held_and_known(self, *services: str) -> tuple[list[str], list[str]]:
        """Ids of what the stand-ins hold, and of what the engine knows of: equal when nothing is doubled or lost."""
        services = services or ("random",)
        held = [entry.id for service in services for entry in self.record(service)]
        known = [res["id"] for res in self.resources() if res["type"].partition(":")[0] in services]
        return sorted(held), sorted(known)

    @contextmanager
    def held_at(self, fault: Fault) -> Iterator[threading.Thread]:
        """An `up` that stays where the fault says while the block runs."""
        faults.arm(self.engine.standins, fault)
        with self.running_up() as up:
            try:
                wait_until(lambda: faults.is_held(self.engine.standins) or not up.is_alive())
                assert up.is_alive(), self.failure
                yield up
            finally:
                faults.disarm(self.engine.standins)

    @contextmanager
    def running_up(self) -> Iterator[threading.Thread]:
        """An `up` beside the block, which is over when the block and it are."""
        thread = threading.Thread(target=self._up)
        thread.start()
        try:
            yield thread
        finally:
            thread.join(DEADLINE)

    def kill_at(self, fault: Fault) -> None:
        """An `up` whose engine is killed where the fault says."""
        with self.held_at(fault) as up:
            os.kill(self.lock()["pid"], signal.SIGKILL)
            wait_until(lambda: not up.is_alive())
        assert isinstance(self.failure, EngineError)

    def lock(self) -> dict[str, Any]:
        (path,) = self.locks()
        lock: dict[str, Any] = json.loads(path.read_text())
        return lock

    def locks(self) -> list[Path]:
        return list((self.state / "pulumi").rglob("locks/**/*.json"))

    def _up(self) -> None:
        self.result: Run | None = None
        self.failure: EngineError | None = None
        try:
            self.result = self.engine.up()
        except EngineError as failure:
            self.failure = failure


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, `DEADLINE` seconds at most."""
    eventually(condition, seconds=DEADLINE)
