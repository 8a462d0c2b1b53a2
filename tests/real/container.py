"""A rendered container as a process of this machine.

What differs from the cluster, all of it here or in what a test hands over by name: programs are this machine's, mounts
are folders below one folder of this machine, and the image's own entry point is left out.
"""

from __future__ import annotations

import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from render import Evaluation
from render.program import Secret
from tests.real import find

# What the C library decides by itself: shared memory is there and nowhere else.
FIXED_MOUNTS = ("/dev/shm",)

_ABSOLUTE = re.compile(r"(?<![\w./:-])/[\w.@%+/-]*\w")
_PATIENCE = 30.0


class UnmappedPathError(LookupError):
    """A path of the container that no mount of it covers: on this machine it would be some other file, or none."""


class Container:
    """The only container of a StatefulSet, and its mounts as folders below `root`.

    ConfigMaps and Secrets become files, a Secret's values made up anew; claims and scratch space become empty folders.
    Raises `LookupError` for a volume whose object isn't rendered, `ValueError` for what this can't stand in for.
    """

    def __init__(self, home: Evaluation, name: str, root: Path, owner: pwd.struct_passwd) -> None:
        self._objects = home.objects
        self.root, self.owner = root, owner
        self.pod: Mapping[str, Any] = self._object("StatefulSet", name)["spec"]["template"]["spec"]
        [self.spec] = self.pod["containers"]
        if "command" in self.spec:
            raise ValueError(f"{name}: a command of its own takes the place of the image's entry point; this has none")
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        inside = {mount["mountPath"]: volumes[mount["name"]] for mount in self.spec["volumeMounts"]}
        self.mounts = {
            path: Path(path) if path in FIXED_MOUNTS else root / "mounts" / path.strip("/").replace("/", "-")
            for path in inside
        }
        for path, volume in inside.items():
            self.mounts[path].mkdir(parents=True, exist_ok=path in FIXED_MOUNTS)
            for name, text in self._content(volume).items():
                (self.mounts[path] / name).write_text(text)
        self.environment = {one["name"]: self.local(one["value"]) for one in self.spec.get("env", ())}
        for folder in (root, *root.rglob("*")):
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    @property
    def memory_limit(self) -> int:
        """In bytes. Raises `ValueError` for one that isn't in Mi or Gi."""
        return size(self.spec["resources"]["limits"]["memory"])

    def file(self, inside: str) -> Path:
        """Where this file or folder of the container lies here."""
        for mount in sorted(self.mounts, key=len, reverse=True):
            if inside == mount or inside.startswith(f"{mount}/"):
                return self.mounts[mount] / inside[len(mount) :].lstrip("/")
        raise UnmappedPathError(f"{inside} is in none of the mounts {sorted(self.mounts)}")

    def local(self, text: str) -> str:
        """The text with every absolute path in it replaced by where that lies here."""
        return _ABSOLUTE.sub(lambda found: str(self.file(found[0])), text)

    def command(self, words: Sequence[str]) -> list[str]:
        """A rendered command line, to be run here: the program is this machine's, paths are local."""
        program = find(words[0])
        if program is None:
            raise LookupError(f"this machine has no {words[0]}")
        return [str(program), *map(self.local, words[1:])]

    def start(self, extra: Sequence[str], stopped_by: signal.Signals) -> Server:
        """Start it with the rendered arguments and `extra` ones after them, which win."""
        command = [*self.command(self.spec["args"]), *extra]
        return Server(command, self.root, self.owner, self.environment, stopped_by)

    def probe(self, kind: str, environment: Mapping[str, str], extra: Sequence[str] = ()) -> bool:
        """What the kubelet would make of one run of this probe. `extra` arguments come first: where to look."""
        probe = self.spec[kind]
        program, *words = self.command(probe["exec"]["command"])
        try:
            done = run([program, *extra, *words], self.owner, environment, seconds=probe["timeoutSeconds"])
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _object(self, kind: str, name: str) -> dict[str, Any]:
        for one in self._objects:
            if (one["kind"], one["metadata"]["name"]) == (kind, name):
                return one
        raise LookupError(f"no {kind} {name} is rendered")

    def _content(self, volume: Mapping[str, Any]) -> dict[str, str]:
        """The files that a volume begins with, by name."""
        if "configMap" in volume:
            data = self._object("ConfigMap", volume["configMap"]["name"])["data"]
            return {name: self.local(text) for name, text in data.items()}
        if "secret" in volume:
            # As the program has them made: 32 letters and digits.
            return {key: secrets.token_hex(16) for key in _keys(self._object("Secret", volume["secret"]["secretName"]))}
        if "persistentVolumeClaim" in volume:
            self._object("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
            return {}
        if "emptyDir" in volume:
            return {}
        raise ValueError(f"nothing here stands in for the volume {dict(volume)}")


class Server:
    """A process that ends with the tests, however they end.

    It runs in `folder`, and its output goes to the file `log` there.
    stopped_by: the signal that asks it to end well.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        owner: pwd.struct_passwd,
        environment: Mapping[str, str],
        stopped_by: signal.Signals,
    ) -> None:
        self.log = folder / "log"
        self._stopped_by = stopped_by
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                # Tests that are killed themselves can't end it: then the kernel says it.
                ["setpriv", "--pdeathsig", stopped_by.name.removeprefix("SIG"), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=_BASE | dict(environment),
                start_new_session=True,
                **_as_user(owner),
            )

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9, as a crash would. Returns when neither it nor any process it started is left."""
        everyone = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        self._process.kill()
        self._process.wait(_PATIENCE)
        # They see by themselves that they are alone.
        _, left = psutil.wait_procs(everyone[1:], timeout=_PATIENCE)
        assert left == []

    def stop(self) -> None:
        """Ask it to end; fail when it doesn't, or not well."""
        self._process.send_signal(self._stopped_by)
        code = self._process.wait(_PATIENCE)
        assert code == 0, self.log.read_text()[-2000:]

    def end(self) -> None:
        """End it and all that it started, whatever came before: politely at first, so that it cleans up."""
        if self.runs:
            everyone = psutil.Process(self._process.pid).children(recursive=True)
            self._process.send_signal(self._stopped_by)
            try:
                self._process.wait(_PATIENCE / 3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                for one in everyone:
                    one.kill()
                self._process.wait(_PATIENCE)
            psutil.wait_procs(everyone, timeout=_PATIENCE)


@contextmanager
def laid_out(home: Evaluation, name: str) -> Iterator[Container]:
    """That StatefulSet's container with its mounts in a folder that is gone afterwards."""
    # Not pytest's own folder, which is this user's alone and too deep for a socket's name.
    root = Path(tempfile.mkdtemp(prefix="homebrain-real-"))
    root.chmod(0o700)
    try:
        yield Container(home, name, root, unprivileged())
    finally:
        shutil.rmtree(root)


def unprivileged() -> pwd.struct_passwd:
    """Who servers run as: whoever runs the tests, unless that is root, as which PostgreSQL refuses to run."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def run(
    command: Sequence[str],
    owner: pwd.struct_passwd,
    environment: Mapping[str, str],
    seconds: float = _PATIENCE,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command as that user to its end. Raises `subprocess.TimeoutExpired`."""
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd="/",
        env=_BASE | dict(environment),
        timeout=seconds,
        check=False,
        **_as_user(owner),
    )


def until(true: Callable[[], bool], what: str, seconds: float = _PATIENCE) -> None:
    """Return as soon as it is true; fail when it isn't in time."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not true():
        assert time.monotonic() < deadline, f"not after {seconds} s: {what}"
        pause.wait(0.01)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def size(quantity: str) -> int:
    """Bytes of a quantity as the API writes it, in Ki, Mi or Gi."""
    number, unit = quantity[:-2], quantity[-2:]
    return int(number) * {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3}[unit]


# C.UTF-8 is the one language with UTF-8 that every Debian has; PostgreSQL's image sets en_US.utf8.
_BASE = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _as_user(owner: pwd.struct_passwd) -> dict[str, Any]:
    if os.geteuid() == owner.pw_uid:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _keys(secret: Mapping[str, Any]) -> list[str]:
    """The keys of a rendered Secret, whose values the program marks as secret, one by one or all together."""
    data = secret.get("stringData") or secret["data"]
    return list(data.value if isinstance(data, Secret) else data)
