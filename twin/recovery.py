"""What a killed engine leaves behind, and how it is put right.

It leaves a lock, processes it had started, sometimes half a file, and *pending operations*: changes that it had begun
and whose outcome the state doesn't tell. Locks and processes of a dead engine are removed, and so is half a file.
A pending create is looked up where it would have happened: what is there enters the state, what isn't is dropped and
will be created again; then the engine refreshes exactly the resources concerned, which also settles pending updates and
deletes.

(The engine's own `refresh --import-pending-creates` forgets the resource instead of importing it, in 3.255.)
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from twin import standins
from twin.api import Api, ApiError, Manifest
from twin.processes import end
from twin.standins.record import Record
from twin.state import read_json

# Seconds that a process' creation time may differ between two readings: psutil derives it from the clock.
_CLOCK_TOLERANCE = 2.0

Resource = dict[str, Any]
"""A resource as a stack's state has it, or the part of one that is known."""

Find = Callable[[Resource], list[Resource]]
"""Everything that there is for a resource that was being created, newest last: its id and what else tells it apart."""

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


def recover(checkpoint: Path, find: Find, command: Command) -> None:
    """Settle the pending operations in a stack's checkpoint file, if there are any."""
    drop_broken_attributes(checkpoint.parent)
    if not _pending(json.loads(checkpoint.read_text())["checkpoint"].get("latest") or {}):
        return
    exported = json.loads(command("stack", "export"))
    urns = settle(exported["deployment"], find)
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=checkpoint.parent) as file:
        json.dump(exported, file)
        file.flush()
        command("stack", "import", "--file", file.name)
    if urns:
        command("refresh", "--yes", "--skip-preview", *(f"--target={urn}" for urn in urns))


def drop_broken_attributes(folder: Path) -> None:
    """Remove what the engine's storage says of its files and was killed while saying: `<file>.attrs`, cut short.

    The files are written whole and renamed into place; these beside them are not (gocloud.dev, blob/fileblob/attrs.go),
    and one that can't be read makes the engine take the file itself for lost: "failed to load checkpoint: EOF". Without
    it the storage knows a little less of the file, and the engine asks for none of that.
    """
    for path in folder.glob("*.attrs"):
        try:
            json.loads(path.read_text())
        except ValueError:
            path.unlink(missing_ok=True)


def settle(deployment: dict[str, Any], find: Find) -> list[str]:
    """Take pending operations out of a deployment, and what pending creates have made into it.

    Returns the URNs of the resources that the engine has to look at again.
    """
    resources: list[Resource] = deployment.setdefault("resources", [])
    for operation in _pending(deployment):
        if operation["type"] == "creating":
            made = find(operation["resource"])
            for resource in resources:
                if not resource.get("pendingReplacement"):
                    known = next((each for each in made if _is_part(each, resource)), None)
                    made = [each for each in made if each is not known]
            if made:
                _adopt(resources, {**operation["resource"], **made[-1]})
    pending = {operation["resource"]["urn"] for operation in _pending(deployment)}
    deployment["pending_operations"] = []
    return sorted({resource["urn"] for resource in resources if resource.get("custom")} & pending)


def finder(standin_records: Path, kubeconfig: Path) -> Find:
    """Looks in the records of the twin's stand-ins, and in its cluster."""

    def find(resource: Resource) -> list[Resource]:
        package = resource["type"].partition(":")[0]
        if package in standins.SERVICES:
            held = Record(standin_records, package).held_for(resource["urn"])
            return [{"urn": entry.urn, "id": entry.id} for entry in held]
        if package == "kubernetes":
            return _in_cluster(resource.get("inputs", {}), Api(kubeconfig))
        return []  # a provider, say, which is nothing outside the engine

    return find


def _in_cluster(manifest: Resource, api: Api) -> list[Resource]:
    """What the Kubernetes provider has applied to an object: once for each name under which it did, newest last.

    The provider applies each resource under a name that it makes up, and goes by that name when a field is to be
    removed again: an object that is taken over without its name would keep such fields for ever.
    """
    metadata = manifest.get("metadata", {})
    name, namespace = metadata.get("name"), metadata.get("namespace")
    live = _live(manifest.get("apiVersion"), manifest.get("kind"), name, namespace, api)
    managers = live.get("metadata", {}).get("managedFields", [])
    return [
        {"id": f"{namespace}/{name}" if namespace else name, "outputs": {"__fieldManager": manager["manager"]}}
        for manager in sorted(managers, key=lambda manager: str(manager.get("time")))
        if manager["manager"].startswith("pulumi-kubernetes") and manager["operation"] == "Apply"
    ]


def _live(version: str | None, kind: str | None, name: str | None, namespace: str | None, api: Api) -> Manifest:
    """An object of any kind as the cluster has it; empty if it isn't there."""
    if not (version and kind and name):
        return {}
    group = f"/{'apis' if '/' in version else 'api'}/{version}"
    try:
        kinds = {
            each["kind"]: each["name"] for each in api.request("GET", group)["resources"] if "/" not in each["name"]
        }
        if kind not in kinds:
            return {}
        place = f"namespaces/{namespace}/" if namespace else ""
        return api.request("GET", f"{group}/{place}{kinds[kind]}/{name}")
    except ApiError as error:
        if error.status == 404:
            return {}
        raise


def _adopt(resources: list[Resource], created: Resource) -> None:
    """Put a created resource where the engine would have put it."""
    for index, resource in enumerate(resources):
        if resource["urn"] == created["urn"] and not resource.get("delete"):
            # It replaces one that is there still: that one is to be deleted, once nothing depends on it any more.
            resources[index] = created
            if not resource.get("pendingReplacement"):
                resources.append({**resource, "delete": True})
            return
    resources.append(created)


def _is_part(part: Any, whole: Any) -> bool:
    if isinstance(part, Mapping):
        return isinstance(whole, Mapping) and all(_is_part(part[key], whole.get(key)) for key in part)
    return bool(part == whole)


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
