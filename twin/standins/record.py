"""The record of a stand-in: what it holds, as one JSON file that a person and a test can read.

`FOLDER/SERVICE.json`, readable by its owner only, written whole and renamed into place, so that a killed stand-in
leaves either the old record or the new one. Secrets stand there as `[secret]`: a stand-in that made one up can make it
again from the entry's serial and the key beside the record (`Record.source`), as a service that keeps a secret would
give it back.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import random
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from twin.state import write_private


@dataclass(frozen=True)
class Entry:
    """One thing a stand-in holds."""

    id: str
    type: str
    urn: str
    inputs: dict[str, Any]
    """With secrets redacted."""
    outputs: dict[str, Any]
    """With secrets redacted."""
    serial: str = field(default_factory=lambda: secrets.token_hex(8))
    """Tells entries apart where the real service's ids don't: two random integers may both be 7."""


class Record:
    """The entries of one stand-in."""

    def __init__(self, folder: Path, service: str) -> None:
        """Open the record of a service in a twin's stand-in folder; neither has to exist yet."""
        self.path = folder / f"{service}.json"
        self._service = service
        self._folder = folder

    def entries(self) -> list[Entry]:
        """Everything held, oldest first."""
        try:
            document = json.loads(self.path.read_text())
        except FileNotFoundError:
            return []
        return [Entry(**entry) for entry in document["entries"]]

    def held_for(self, urn: str) -> list[Entry]:
        """The entries made for a URN: two while it is being replaced, none if there is nothing."""
        return [entry for entry in self.entries() if entry.urn == urn]

    def find(self, type: str, id: str, urn: str = "") -> Entry | None:
        """The entry with an id, of that URN if several types' worth of things share the id."""
        found = [entry for entry in self.entries() if entry.type == type and entry.id == id]
        return next((entry for entry in found if entry.urn == urn), found[-1] if found else None)

    def add(self, entry: Entry) -> None:
        """Hold one more thing."""
        with self.changing() as entries:
            entries.append(entry)

    @contextmanager
    def changing(self) -> Iterator[list[Entry]]:
        """Everything held, to be changed in place by one at a time; an exception leaves it all as it was."""
        with self._locked():
            entries = self.entries()
            yield entries
            document = {"standIn": self._service, "entries": [asdict(entry) for entry in entries]}
            write_private(self.path, json.dumps(document, indent=2) + "\n")

    def source(self, serial: str) -> random.Random:
        """The source of randomness of an entry: the same for the same serial, unguessable without the twin's key."""
        return random.Random(hmac.digest(self._key(), serial.encode(), "sha256"))

    def _key(self) -> bytes:
        path = self._folder / "key"
        with self._locked():
            if not path.exists():
                write_private(path, secrets.token_hex(32))
            return path.read_bytes()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The engine may start one process per provider instance, and calls each from several threads.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
