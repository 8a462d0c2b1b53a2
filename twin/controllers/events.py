"""Events: how a controller tells a person what it did, or why it didn't."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
from collections.abc import Mapping
from typing import Any

from twin.api import Api, ApiError, Manifest

COMPONENT = "homebrain-twin"


class Recorder:
    """Writes Events, each distinct one once per object and process."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._told: set[str] = set()

    def tell(self, about: Mapping[str, Any], reason: str, message: str, kind: str = "Warning") -> None:
        """Write an Event about an object; `kind` is Warning or Normal."""
        event = _event(about, reason, message, kind)
        if event["metadata"]["name"] not in self._told:
            self._told.add(event["metadata"]["name"])
            # What it tells of may be going away, and its namespace with it.
            with contextlib.suppress(ApiError):
                self._api.apply(event)


def _event(about: Mapping[str, Any], reason: str, message: str, kind: str) -> Manifest:
    metadata = about["metadata"]
    namespace = metadata.get("namespace", "")
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # The same words about the same object make the same Event, also after a restart of the controllers.
    digest = hashlib.sha256(f"{metadata.get('uid')}\0{reason}\0{message}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": namespace or "default"},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "namespace": namespace,
            "uid": metadata.get("uid", ""),
        },
        "type": kind,
        "reason": reason,
        # The API server takes 1024 bytes at most.
        "message": message.encode()[:1000].decode(errors="ignore"),
        "source": {"component": COMPONENT},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
