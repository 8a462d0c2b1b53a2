"""The cluster's objects at hand: some kinds, kept current by one watch each."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Protocol

from twin.api import Api, ApiError, Manifest, UnreachableError

_log = logging.getLogger(__name__)

_WATCH_SECONDS = 300
_RETRY_SECONDS = 1.0

Key = tuple[str, str]


class Objects(Protocol):
    """Where decisions look up the cluster's objects; tests give them a plain one."""

    def all(self, kind: str) -> Sequence[Manifest]:
        """Every object of the kind."""
        ...

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """One object, or None."""
        ...


class Cache:
    """`Objects` that follow the API server. `changed` is set whenever something has."""

    def __init__(self, api: Api, kinds: Sequence[str]) -> None:
        self._api = api
        self._kinds = kinds
        self._lock = threading.Lock()
        self._objects: dict[str, dict[Key, Manifest]] = {}
        self.changed = threading.Event()

    def start(self) -> None:
        """Follow every kind in a thread of its own, through restarts of the API server."""
        for kind in self._kinds:
            threading.Thread(target=self._follow, args=(kind,), name=f"watch {kind}", daemon=True).start()

    def complete(self) -> bool:
        """Whether every kind has been read at least once."""
        with self._lock:
            return len(self._objects) == len(self._kinds)

    def all(self, kind: str) -> Sequence[Manifest]:
        """See `Objects`; for a kind that is followed and has been read."""
        with self._lock:
            return list(self._objects[kind].values())

    def get(self, kind: str, name: str, namespace: str = "") -> Manifest | None:
        """See `Objects`; for a kind that is followed and has been read."""
        with self._lock:
            return self._objects[kind].get((namespace, name))

    def _follow(self, kind: str) -> None:
        while True:
            try:
                items, version = self._api.list_versioned(kind)
                with self._lock:
                    self._objects[kind] = {_key(item): item for item in items}
                self.changed.set()
                while True:
                    version = self._watch(kind, version)
            except (ApiError, UnreachableError) as error:
                # 410: the server no longer knows that version, so everything is read again.
                if not (isinstance(error, ApiError) and error.status == 410):
                    _log.warning("watching %s: %s", kind, error)
                    time.sleep(_RETRY_SECONDS)
            except Exception:
                _log.exception("watching %s", kind)
                time.sleep(_RETRY_SECONDS)

    def _watch(self, kind: str, version: str) -> str:
        for change, item in self._api.watch(kind, version, _WATCH_SECONDS):
            version = item["metadata"]["resourceVersion"]
            if change == "BOOKMARK":
                continue
            with self._lock:
                if change == "DELETED":
                    self._objects[kind].pop(_key(item), None)
                else:
                    self._objects[kind][_key(item)] = item
            self.changed.set()
        return version


def _key(item: Manifest) -> Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
