"""Immich's database: a real PostgreSQL, brought up the way its image's entry point does it."""

from __future__ import annotations

import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.container import Container, Server, free_port, run, until

CONF = "/etc/homebrain/postgresql.conf"
SOCKETS = "/var/run/postgresql"

# Debian has neither VectorChord nor pgvecto.rs: these lines are left out, and nothing else.
LACKING = ("shared_preload_libraries = 'vchord.so, vectors.so'",)


class Database:
    """One database server and its data. Not started until `start`."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.port = free_port()
        self.conf = container.file(CONF)
        self.left_out = _leave_out(self.conf, LACKING)
        self.user = container.environment["POSTGRES_USER"]
        self.name = container.environment["POSTGRES_DB"]
        self.password = Path(container.environment["POSTGRES_PASSWORD_FILE"]).read_text()
        self.server: Server | None = None

    @property
    def log(self) -> str:
        """What the server said so far."""
        return (self.container.root / "log").read_text()

    @property
    def surroundings(self) -> dict[str, str]:
        """Where clients in the same container would look of themselves: the socket, or the image's port."""
        return {"PGHOST": str(self.container.file(SOCKETS)), "PGPORT": str(self.port)}

    def make(self) -> None:
        """Make the data folder: the entry point's `docker_init_database_dir` and `pg_setup_hba_conf`."""
        environment = self.container.environment
        password_file = self.container.root / "entered-password"
        password_file.write_text(self.password + "\n")
        password_file.chmod(0o644)
        command = self.container.command(["initdb", f"--username={self.user}"])
        # Its arguments are words of a shell.
        command += [f"--pwfile={password_file}", *shlex.split(environment["POSTGRES_INITDB_ARGS"])]
        done = run(command, self.container.owner, environment)
        assert done.returncode == 0, done.stderr
        password_file.unlink()
        method = run([*self._command(), "-C", "password_encryption"], self.container.owner, environment)
        assert method.returncode == 0, method.stderr
        with (Path(environment["PGDATA"]) / "pg_hba.conf").open("a") as rules:
            rules.write(f"\nhost all all all {method.stdout.strip()}\n")

    def start(self, listen: str = "127.0.0.1") -> None:
        """Start it with the rendered arguments, and wait until it takes connections on its socket."""
        overrides = {
            "listen_addresses": listen,
            "port": str(self.port),
            "unix_socket_directories": str(self.container.file(SOCKETS)),
        }
        extra = [word for item in overrides.items() for word in ("-c", "=".join(item))]
        # What its image has as STOPSIGNAL: end at once, whoever is connected, with everything written.
        self.server = self.container.start(extra, stopped_by=signal.SIGINT)
        until(self._accepts, "PostgreSQL takes connections")

    def start_as_the_entry_point_does(self) -> None:
        """Start it as `docker_temp_server_start` does, to create the database: on its socket alone."""
        self.start(listen="")

    def create(self) -> None:
        """Create the database, as `docker_setup_db` does."""
        self.sql(f'CREATE DATABASE "{self.name}"', database="postgres")

    def stop(self) -> None:
        """Stop it as the kubelet does."""
        assert self.server
        self.server.stop()

    def end(self) -> None:
        """End it, in whatever state it is."""
        if self.server:
            self.server.end()

    def sql(self, text: str, database: str | None = None) -> list[tuple[str, ...]]:
        """The rows that come of it, over the socket, which the image trusts. Fails on the first error."""
        done = self.client(text, {**self.surroundings, "PGDATABASE": database or self.name})
        assert done.returncode == 0, done.stderr
        return [tuple(line.split("\x1f")) for line in done.stdout.splitlines()]

    def client(self, text: str, where: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """What becomes of running this SQL with connection settings by their names in the environment."""
        return run(
            self.psql(), self.container.owner, {"PGUSER": self.user, "PGDATABASE": self.name, **where}, text=text
        )

    def psql(self) -> list[str]:
        """The command that reads SQL and prints bare rows."""
        words = ["psql", "--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align"]
        return [*self.container.command(words), "--field-separator=\x1f", "--set=ON_ERROR_STOP=1"]

    def ready(self, probe: str = "readinessProbe") -> bool:
        """What the rendered probe says of it."""
        return self.container.probe(probe, self.surroundings)

    def _command(self) -> list[str]:
        return self.container.command(self.container.spec["args"])

    def _accepts(self) -> bool:
        assert self.server
        assert self.server.runs, self.log[-4000:]
        return self.client("SELECT 1", {**self.surroundings, "PGDATABASE": "postgres"}).returncode == 0


@contextmanager
def from_another_address(port: int) -> Iterator[int]:
    """A port behind which the server sees connections come from 127.0.0.2.

    The image trusts whoever comes from 127.0.0.1, inside the container; to another pod it doesn't look like that.
    """
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    client, _ = door.accept()
                except OSError:
                    return
                server = socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        # Wakes the one that reads the other way.
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                end.close()


def _leave_out(file: Path, lines: tuple[str, ...]) -> list[str]:
    """Take these lines out of the file; which of them were there."""
    old = file.read_text().splitlines()
    file.write_text("\n".join(line for line in old if line not in lines) + "\n")
    return [line for line in old if line in lines]
