"""What becomes of a dead engine's locks and pending operations."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from twin import recovery
from twin.standins.record import Entry, Record

NOBODY = ("PULUMI_HOME", "/nowhere")
PET = "urn:pulumi:twin::tiny::random:index/randomPet:RandomPet::pet"
CONFIG_MAP = "urn:pulumi:twin::tiny::kubernetes:core/v1:ConfigMap::config"


def write_lock(folder: Path, pid: int, host: str = "", at: float | None = None) -> Path:
    written = datetime.fromtimestamp(at or datetime.now(UTC).timestamp(), UTC).isoformat()
    lock = folder / f"{pid}.json"
    lock.write_text(json.dumps({"pid": pid, "hostname": host or socket.gethostname(), "timestamp": written}))
    return lock


@pytest.fixture
def ended() -> int:
    """The process id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_lock_of_a_dead_engine_is_removed(tmp_path: Path, ended: int) -> None:
    lock = write_lock(tmp_path, ended)
    assert recovery.clear_dead_locks(tmp_path, NOBODY) is None
    assert not lock.exists()


def test_the_lock_of_a_living_engine_stays_and_is_named(tmp_path: Path, ended: int) -> None:
    locks = [write_lock(tmp_path, os.getpid()), write_lock(tmp_path, ended)]
    owner = recovery.clear_dead_locks(tmp_path, NOBODY)
    assert owner is not None
    assert f"process {os.getpid()} on {socket.gethostname()}" in owner
    assert all(lock.exists() for lock in locks)


def test_a_lock_older_than_the_process_of_its_number_is_dead(tmp_path: Path) -> None:
    lock = write_lock(tmp_path, os.getpid(), at=psutil.Process().create_time() - 60)
    assert recovery.clear_dead_locks(tmp_path, NOBODY) is None
    assert not lock.exists()


def test_the_lock_of_another_machine_is_not_judged(tmp_path: Path, ended: int) -> None:
    lock = write_lock(tmp_path, ended, host="elsewhere")
    assert "elsewhere" in str(recovery.clear_dead_locks(tmp_path, NOBODY))
    assert lock.exists()


def test_a_lock_that_was_cut_short_is_dead(tmp_path: Path) -> None:
    (tmp_path / "half.json").write_text('{"pid":')
    assert recovery.clear_dead_locks(tmp_path, NOBODY) is None
    assert list(tmp_path.iterdir()) == []


def test_no_lock_is_no_owner(tmp_path: Path) -> None:
    assert recovery.clear_dead_locks(tmp_path / "missing", NOBODY) is None


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that a dead engine of the twin in `tmp_path` left running."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        env={**os.environ, "PULUMI_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def test_what_a_dead_engine_left_running_is_ended(tmp_path: Path, ended: int, plugin: subprocess.Popen[bytes]) -> None:
    write_lock(tmp_path, ended)
    recovery.clear_dead_locks(tmp_path, ("PULUMI_HOME", str(tmp_path)))
    assert not psutil.pid_exists(plugin.pid)


def test_what_another_twin_runs_is_left_alone(tmp_path: Path, ended: int, plugin: subprocess.Popen[bytes]) -> None:
    write_lock(tmp_path, ended)
    recovery.clear_dead_locks(tmp_path, ("PULUMI_HOME", str(tmp_path / "another")))
    assert plugin.poll() is None


def resource(urn: str, **more: Any) -> dict[str, Any]:
    return {"urn": urn, "custom": True, "type": urn.split("::")[2], **more}


def deployment(*resources: dict[str, Any], **pending: dict[str, Any]) -> dict[str, Any]:
    operations = [{"type": type, "resource": resource} for type, resource in pending.items()]
    return {"resources": [*resources], "pending_operations": operations}


def test_a_pending_create_that_took_effect_enters_the_state() -> None:
    state = deployment(creating=resource(PET, inputs={"length": 2}))
    assert recovery.settle(state, lambda _: [{"id": "wise-owl"}]) == [PET]
    assert state == {"resources": [resource(PET, inputs={"length": 2}, id="wise-owl")], "pending_operations": []}


def test_a_pending_create_without_effect_is_dropped() -> None:
    state = deployment(creating=resource(PET))
    assert recovery.settle(state, lambda _: []) == []
    assert state == {"resources": [], "pending_operations": []}


def test_the_replacement_that_took_effect_takes_the_place_of_the_one_to_be_deleted() -> None:
    other = resource(CONFIG_MAP, id="c")
    state = deployment(resource(PET, id="old"), other, creating=resource(PET))
    recovery.settle(state, lambda _: [{"id": "old"}, {"id": "new"}])
    assert state["resources"] == [resource(PET, id="new"), other, resource(PET, id="old", delete=True)]


def test_the_replacement_without_effect_leaves_the_old_one() -> None:
    state = deployment(resource(PET, id="old"), creating=resource(PET))
    recovery.settle(state, lambda _: [{"id": "old"}])
    assert state["resources"] == [resource(PET, id="old")]


def test_ids_that_are_alike_are_still_counted() -> None:
    state = deployment(resource(PET, id="7"), creating=resource(PET))
    recovery.settle(state, lambda _: [{"id": "7"}, {"id": "7"}])
    assert state["resources"] == [resource(PET, id="7"), resource(PET, id="7", delete=True)]


def test_one_deleted_before_its_replacement_makes_room_for_it() -> None:
    gone = resource(CONFIG_MAP, id="media/config", pendingReplacement=True)
    state = deployment(gone, creating=resource(CONFIG_MAP))
    recovery.settle(state, lambda _: [{"id": "media/config"}])
    assert state["resources"] == [resource(CONFIG_MAP, id="media/config")]


@pytest.mark.parametrize("interrupted", ["updating", "deleting", "reading"])
def test_anything_else_pending_is_looked_at_again(interrupted: str) -> None:
    state = deployment(resource(PET, id="a"), resource(CONFIG_MAP, id="b"), **{interrupted: resource(PET, id="a")})
    assert recovery.settle(state, lambda _: []) == [PET]
    assert len(state["resources"]) == 2


def test_the_name_under_which_the_provider_applied_tells_two_makers_of_one_object_apart() -> None:
    owner = resource(CONFIG_MAP, id="media/config", outputs={"__fieldManager": "pulumi-1", "data": {}})
    patch = resource(CONFIG_MAP + "-patch")
    found = [{"id": "media/config", "outputs": {"__fieldManager": f"pulumi-{number}"}} for number in (1, 2)]
    state = deployment(owner, creating=patch)
    recovery.settle(state, lambda _: found)
    assert state["resources"] == [owner, {**patch, **found[1]}]
    state = deployment(owner, creating=patch)
    recovery.settle(state, lambda _: found[:1])
    assert state["resources"] == [owner], "the patch was never applied"


def test_a_stand_in_s_record_tells_what_was_made(tmp_path: Path) -> None:
    record = Record(tmp_path, "random")
    for id in ("old", "new"):
        record.add(Entry(id=id, type="random:index/randomPet:RandomPet", urn=PET, inputs={}, outputs={}))
    find = recovery.finder(tmp_path, tmp_path / "kubeconfig")
    assert find(resource(PET)) == [{"urn": PET, "id": "old"}, {"urn": PET, "id": "new"}]
    assert find(resource(PET + "2")) == []


def test_a_provider_made_nothing_anywhere(tmp_path: Path) -> None:
    find = recovery.finder(tmp_path, tmp_path / "kubeconfig")
    assert find(resource("urn:pulumi:twin::tiny::pulumi:providers:random::default")) == []


@pytest.mark.parametrize("cut", ["", '{"user.cache_control":"","md5":"opv'])
def test_attributes_that_were_cut_short_are_dropped_and_whole_ones_stay(tmp_path: Path, cut: str) -> None:
    checkpoint = tmp_path / "twin.json"
    checkpoint.write_text(json.dumps({"checkpoint": {"latest": None}}))
    broken, whole = tmp_path / "twin.json.attrs", tmp_path / "twin.json.bak.attrs"
    broken.write_text(cut)
    whole.write_text('{"md5": "opvvghGvbr1oqtl2yXhTAg=="}')

    def never(*args: str) -> str:
        raise AssertionError(args)

    recovery.recover(checkpoint, lambda resource: [], never)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["twin.json", "twin.json.bak.attrs"]
