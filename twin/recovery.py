"""What a killed engine leaves behind, and how it is put right.

It leaves a lock, processes it had started, and *pending operations*: changes that it had begun and whose outcome the
state doesn't tell. Locks and processes of a dead engine are removed. A pending create is looked up where it would have
happened: what is there enters the state, what isn't is dropped and will be created again; then the engine refreshes
exactly the resources concerned, which also settles pending updates and deletes.

(The engine's own `refresh --import-pending-creates` forgets the resource instead of importing it, in 3.255.)
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from twin import standins
from twin.processes import end
from twin.standins.record import Record
from twin.state import read_json

# Seconds that a process' creation time may differ between two readings: psutil derives it from the clock.
_CLOCK_TOLERANCE = 2.0

Command = Callable[..., str]
"""Runs a Pulumi command on the stack and returns its output."""


def clear_dead_locks(folder: Path, marker: tuple[str, str]) -> str | None:
    """Remove the locks of engines that are gone, and end what they left running.

    `folder` has a stack's locks, `marker` is an environment variable that tells the processes of this twin's engine.
    Returns whose lock it is, for a message, if an engine that is alive holds the stack.
    """
    locks = {path: read_json(path) for path in sorted(folder.glob("*.json"))}
    for lock in locks.values():
        if lock and _is_alive(lock):
            return f"process {lock['pid']} on {lock['hostname']}, since {lock['timestamp']}"
    if locks:
        # A plugin may still be finishing what its engine asked for: nothing is certain until it has ended.
        end(_left_over(marker), patience=3)
    for path in locks:
        path.unlink(missing_ok=True)
    return None


def recover(checkpoint: Path, standin_records: Path, command: Command) -> None:
    """Settle the pending operations in a stack's checkpoint file, if there are any."""
    if not _pending(json.loads(checkpoint.read_text())["checkpoint"].get("latest") or {}):
        return
    exported = json.loads(command("stack", "export"))
    urns = settle(exported["deployment"], lambda state: find(state, standin_records))
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=checkpoint.parent) as file:
        json.dump(exported, file)
        file.flush()
        command("stack", "import", "--file", file.name)
    if urns:
        command("refresh", "--yes", "--skip-preview", *(f"--target={urn}" for urn in urns))


def settle(deployment: dict[str, Any], find: Callable[[Mapping[str, Any]], list[str]]) -> list[str]:
    """Take pending operations out of a deployment, and what pending creates have made into it.

    `find` gives the ids of everything that there may be for a resource, newest last. Returns the URNs of the resources
    that the engine has to look at again.
    """
    resources: list[dict[str, Any]] = deployment.setdefault("resources", [])
    for operation in _pending(deployment):
        created = operation["resource"]
        if operation["type"] == "creating":
            unknown = Counter(find(created))
            unknown.subtract(str(resource.get("id")) for resource in resources if _is_there(resource, created["urn"]))
            new = [id for id in unknown.elements() if id]
            if new:
                _adopt(resources, {**created, "id": new[-1]})
    pending = {operation["resource"]["urn"] for operation in _pending(deployment)}
    deployment["pending_operations"] = []
    return sorted({resource["urn"] for resource in resources if resource.get("custom")} & pending)


def find(resource: Mapping[str, Any], standin_records: Path) -> list[str]:
    """The ids of what there may be for a resource in the twin, newest last.

    For an object in the cluster it is the id that it has if it is there: refreshing tells.
    """
    package = resource["type"].partition(":")[0]
    if package in standins.SERVICES:
        return [entry.id for entry in Record(standin_records, package).held_for(resource["urn"])]
    if package == "kubernetes":
        metadata = resource.get("inputs", {}).get("metadata", {})
        return ["/".join(str(metadata[part]) for part in ("namespace", "name") if part in metadata)]
    return []


def _adopt(resources: list[dict[str, Any]], created: dict[str, Any]) -> None:
    """Put a created resource where the engine would have put it."""
    for index, resource in enumerate(resources):
        if resource["urn"] == created["urn"] and not resource.get("delete"):
            # It replaces one that is there still: that one is to be deleted, once nothing depends on it any more.
            resources[index] = created
            if _is_there(resource, created["urn"]):
                resources.append({**resource, "delete": True})
            return
    resources.append(created)


def _is_there(resource: Mapping[str, Any], urn: str) -> bool:
    # What is pending replacement has been deleted, and stays in the state until its replacement is made.
    return resource["urn"] == urn and not resource.get("pendingReplacement")


def _pending(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(deployment.get("pending_operations") or [])


def _is_alive(lock: Mapping[str, Any]) -> bool:
    if lock["hostname"] != socket.gethostname():
        return True  # another machine that shares the folder: nobody here can tell
    try:
        process = psutil.Process(lock["pid"])
        # A process that started after the lock was written only has the owner's number.
        written = datetime.fromisoformat(lock["timestamp"]).timestamp()
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= written + _CLOCK_TOLERANCE
    except psutil.NoSuchProcess:
        return False


def _left_over(marker: tuple[str, str]) -> list[psutil.Process]:
    """Processes with an environment variable of that name and value that no living engine has started."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # somebody else's, or gone
            name, value = marker
            if process.pid != os.getpid() and process.environ().get(name) == value and not _has_engine(process):
                found.append(process)
    return found


def _has_engine(process: psutil.Process) -> bool:
    return any(
        each.name() == "pulumi" and each.status() != psutil.STATUS_ZOMBIE for each in [process, *process.parents()]
    )
