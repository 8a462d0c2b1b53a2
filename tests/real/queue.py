"""Immich's queue: a real Valkey, or the Redis that it comes from, and a connection to it."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from types import TracebackType

from tests.real.container import Container, Server, free_port, until

Reply = str | int | None | list["Reply"]


class ErrorReply(Exception):  # noqa: N818 the protocol's own word
    """What the server answers when it refuses."""


class Connection:
    """One connection, on which commands are answered in turn."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._answers.close()
        self._socket.close()

    def __call__(self, *words: str | int) -> Reply:
        """Send a command and return its answer. Raises `ErrorReply`, `OSError` when the connection breaks."""
        self._socket.sendall(command(*words))
        return self._reply()

    def _reply(self) -> Reply:
        line = self._answers.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server is gone")
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise ErrorReply(text)
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == "-1" else self._answers.read(int(text) + 2)[:-2].decode()
        if kind == b"*":
            return [self._reply() for _ in range(int(text))]
        return text


def command(*words: str | int) -> bytes:
    """A command as it goes over the wire, and into the append-only file."""
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Queue:
    """One queue server and its data. Not started until `start`."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.port = free_port()
        self.server: Server | None = None

    @property
    def log(self) -> str:
        """What the server said so far."""
        path = self.container.root / "log"
        return path.read_text() if path.exists() else ""

    @property
    def growing_file(self) -> Path:
        """The part of the append-only file that writes are added to."""
        return max((self.container.file("/data") / "appendonlydir").glob("*.incr.aof"), key=_generation)

    def start(self, *extra: str, loaded: bool = True) -> None:
        """Start it with the rendered arguments; wait until it answers, and (`loaded`) until it has read its data."""
        where = ("--port", str(self.port), "--bind", "127.0.0.1")
        self.server = self.container.start([*where, *extra], stopped_by=signal.SIGTERM)
        until(lambda: self._answers(loaded), "the queue answers")

    def connection(self) -> Connection:
        """A new connection."""
        return Connection(self.port)

    def ready(self, probe: str = "readinessProbe") -> bool:
        """What the rendered probe says of it."""
        return self.container.probe(probe, {}, ["-p", str(self.port)])

    def info(self, section: str) -> dict[str, str]:
        """The server's own figures."""
        with self.connection() as ask:
            lines = str(ask("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def config(self, name: str) -> str:
        """A setting in force."""
        with self.connection() as ask:
            answer = ask("CONFIG", "GET", name)
        assert isinstance(answer, list)
        assert answer[0] == name
        return str(answer[1])

    def entries(self, name: str) -> list[str]:
        """What is in a list, in order."""
        with self.connection() as ask:
            answer = ask("LRANGE", name, 0, -1)
        assert isinstance(answer, list)
        return [str(one) for one in answer]

    def kill(self) -> None:
        """kill -9."""
        assert self.server
        self.server.kill()

    def stop(self) -> None:
        """Stop it as the kubelet does."""
        assert self.server
        self.server.stop()

    def end(self) -> None:
        """End it, in whatever state it is."""
        if self.server:
            self.server.end()

    def _answers(self, loaded: bool) -> bool:
        assert self.server
        assert self.server.runs, self.log[-4000:]
        try:
            with self.connection() as ask:
                return ask("PING") == "PONG"
        except ErrorReply:
            return not loaded
        except OSError:
            return False


def given(arguments: list[str]) -> dict[str, str]:
    """The settings on a rendered command line: `--name value` pairs after the program."""
    words = arguments[1:]
    assert len(words) % 2 == 0, words
    settings = dict(zip(words[::2], words[1::2], strict=True))
    assert all(name.startswith("--") for name in settings)
    return {name.removeprefix("--"): value for name, value in settings.items()}


def _generation(file: Path) -> int:
    # appendonly.aof.12.incr.aof
    return int(file.name.split(".")[-3])
