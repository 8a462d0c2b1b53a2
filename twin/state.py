"""The state folder of a twin: where everything of it lives, and what it remembers.

twin.json      its ports, whose twin it is, and the nodes whose state was chosen by hand
kubeconfig     the way in, for kubectl and for Pulumi
pki/           authorities, certificates and tokens
kubeconfigs/   the ways in of its own parts
etcd/          the cluster's objects
run/, logs/    one record and one log for each running part
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

NodeState = Literal["ready", "unknown"]

# Below the ranges from which Linux and macOS take the ports of outgoing connections: a port that the twin keeps while
# it is down isn't given away by chance.
_PORT_RANGE = range(20_000, 30_000)

# What the folder holds when the command that was making it was killed.
_MADE_FIRST = {"lock", "kubeconfigs", "etcd", "run", "logs"}


class TwinError(Exception):
    """Something about the twin that a person has to know; the message says what to do."""


@dataclass(frozen=True)
class Ports:
    """The loopback ports of a twin."""

    api: int
    etcd: int
    etcd_peer: int


class State:
    """The folder at `root` and its files. Everything in it is readable by its owner only."""

    def __init__(self, root: Path) -> None:
        """`root` need not exist; relative paths count from the current folder."""
        # One folder has one name, by which its processes are found.
        self.root = root.expanduser().resolve()
        self.kubeconfig = self.root / "kubeconfig"
        self.kubeconfigs = self.root / "kubeconfigs"
        self.pki = self.root / "pki"
        self.etcd = self.root / "etcd"
        self.run = self.root / "run"
        self.logs = self.root / "logs"
        self.standins = self.root / "standins"
        self.egress = self.run / "egress.json"
        self.memory = self.root / "twin.json"

    def prepare(self) -> None:
        """Make the folders inside. Raises `TwinError` when the folder already holds something else."""
        self._claim()
        for folder in (self.kubeconfigs, self.etcd, self.run, self.logs):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not self.memory.exists():
            self._remember({})

    def _claim(self) -> None:
        if self.root.exists():
            others = {
                path.name for path in self.root.iterdir() if not path.name.startswith(".twin.json.")
            } - _MADE_FIRST
            if others and not self.memory.exists():
                raise TwinError(
                    f"{self.root} holds files that aren't a twin's: give the twin a folder of its own (--state)"
                )
        else:
            self.root.mkdir(parents=True)
        self.root.chmod(0o700)

    def exists(self) -> bool:
        """Whether there is a twin here, running or not."""
        return self.memory.exists()

    def ports(self) -> Ports:
        """The twin's ports: chosen at first, then always the same."""
        memory = self._recall()
        try:
            return Ports(**memory["ports"])
        except (KeyError, TypeError):
            ports = Ports(*_free_ports(3))
            self._remember({**memory, "ports": asdict(ports)})
            return ports

    def chosen(self) -> dict[str, NodeState]:
        """The node states chosen by hand, by node name; they last until the twin is reset."""
        nodes: dict[str, NodeState] = self._recall().get("nodes", {})
        return nodes

    def choose(self, node: str, state: NodeState) -> None:
        """Remember that `node` is to be `state`."""
        self._remember({**self._recall(), "nodes": {**self.chosen(), node: state}})

    def home(self) -> Path | None:
        """The stack config file of the home whose twin this is, once it has been brought up."""
        remembered = self._recall().get("home")
        return Path(remembered) if remembered else None

    def belong_to(self, home: Path) -> None:
        """Remember whose twin this is, so that later commands needn't be told."""
        if self.home() != home:
            self._remember({**self._recall(), "home": str(home)})

    @contextlib.contextmanager
    def lock(self, on_wait: Callable[[], None], deadline: float = 120.0) -> Iterator[None]:
        """Hold the twin for one command at a time: another one waits, `deadline` seconds at most."""
        end = time.monotonic() + deadline
        waiting = False
        while (descriptor := self._try_lock()) is None:
            if not waiting:
                on_wait()
                waiting = True
            if time.monotonic() > end:
                raise TwinError(f"another command has held the twin in {self.root} for {deadline:.0f} s")
            time.sleep(0.1)
        try:
            yield
        finally:
            os.close(descriptor)

    def _try_lock(self) -> int | None:
        """The open lock file when nobody else holds it. A process that ends lets go of it, however it ends."""
        self._claim()
        path = self.root / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A reset may have removed the file since it was opened: then this lock keeps nobody out.
            if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        except BlockingIOError:
            pass
        os.close(descriptor)
        return None

    def _recall(self) -> dict[str, Any]:
        return read_json(self.memory)

    def _remember(self, memory: dict[str, Any]) -> None:
        write_private(self.memory, json.dumps(memory, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; empty when the file is missing or was cut short."""
    try:
        value = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_private(path: Path, text: str) -> bool:
    """Write `text` for the owner's eyes only, whole or not at all; say whether that changed anything."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text() == text and path.stat().st_mode & 0o777 == 0o600:
            return False
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        # As servers do: a connection that is winding down doesn't keep its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(_PORT_RANGE, k=len(_PORT_RANGE)):
        if port_is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise TwinError(f"no {count} free ports between {_PORT_RANGE.start} and {_PORT_RANGE.stop}")
