"""The life of a twin: started twice, killed, taken down, brought back, beside another one."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.twin import objects
from tests.twin.conftest import HOME
from tests.twin.objects import eventually
from twin import binaries, summary
from twin.api import Api, Manifest
from twin.cluster import Twin
from twin.control_plane import NAMES
from twin.controllers.pods import condition
from twin.state import State, TwinError, port_is_free


def processes_of(state: Path) -> list[psutil.Process]:
    """Every process whose command line names something in the state folder, but for those of the tests."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE
            if not ours and any(str(state) in word for word in process.cmdline()):
                found.append(process)
    return found


def pids(twin: Twin) -> dict[str, int | None]:
    return {part.name: part.pid for part in twin.running()}


def kill(twin: Twin, *names: str) -> None:
    """As `kill -9` and a machine that runs out of memory do."""
    for name in names:
        process = twin.processes.running(name)
        assert process is not None
        process.kill()
        process.wait(timeout=10)


def command(twin: Twin, *words: str) -> list[str]:
    return [sys.executable, "-m", "twin", "--state", str(twin.state), "--home", str(twin.home), *words]


def run(twin: Twin, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(twin, *words), cwd=binaries.CHECKOUT, capture_output=True, text=True, timeout=120)


def ready(api: Api, name: str) -> str:
    node = api.get("Node", name)
    return str(condition(node, "Ready").get("status")) if node else "gone"


def remember(api: Api, name: str) -> None:
    api.apply(objects.config_map(name, "default", {"is": "kept"}))


def remembers(twin: Twin, name: str) -> bool:
    return twin.api().get("ConfigMap", name, "default") is not None


def versions(api: Api) -> dict[tuple[str, str], str]:
    """The version of everything that `up` looks after."""
    kinds = ("Node", "Deployment", "Service", "StorageClass", "RuntimeClass", "ClusterRole", "ClusterRoleBinding")
    return {
        (kind, each["metadata"]["name"]): each["metadata"]["resourceVersion"]
        for kind in kinds
        for each in api.list(kind)
    }


def test_a_second_up_changes_nothing(twin: Twin, api: Api) -> None:
    eventually(lambda: [pod["status"].get("phase") for pod in api.list("Pod", "kube-system")], ["Running", "Running"])
    before = (pids(twin), versions(api), twin.kubeconfig.stat().st_mtime_ns, twin.folder.ports())
    twin.up()
    assert (pids(twin), versions(api), twin.kubeconfig.stat().st_mtime_ns, twin.folder.ports()) == before


def test_it_listens_on_loopback_only(twin: Twin) -> None:
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes_of(twin.state)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    ports = twin.folder.ports()
    assert listening == {("127.0.0.1", port) for port in (ports.api, ports.etcd, ports.etcd_peer)}


def test_its_parts_see_nothing_of_the_environment(twin: Twin) -> None:
    for process in processes_of(twin.state):
        assert process.environ()["HOME"] == str(twin.state)
        assert not {"KUBECONFIG", "AWS_PROFILE", "PYTEST_CURRENT_TEST"} & set(process.environ())


@pytest.mark.parametrize("names", [("kube-apiserver",), ("etcd",), ("kwok", "controllers"), NAMES], ids=", ".join)
def test_up_brings_back_what_was_killed(twin: Twin, names: tuple[str, ...]) -> None:
    remember(twin.api(), "before-the-kill")
    before = pids(twin)
    kill(twin, *names)
    assert {name for name, pid in pids(twin).items() if pid is None} == set(names)
    twin.up()
    after = pids(twin)
    assert {name for name in after if after[name] == before[name]} == set(NAMES) - set(names)
    assert None not in after.values()
    assert remembers(twin, "before-the-kill")
    api = twin.api()
    api.apply(objects.pod(f"after-{len(names)}-{names[0]}", "default"))
    eventually(lambda: objects.phase(api, f"after-{len(names)}-{names[0]}", "default"), "Running")


def test_up_survives_records_that_are_lost_cut_short_or_about_another_process(twin: Twin) -> None:
    records = {name: twin.folder.run / f"{name}.json" for name in NAMES}
    records["kwok"].unlink()
    records["kube-scheduler"].write_text('{"pid": 1')
    ours = psutil.Process()
    records["controllers"].write_text(json.dumps({"pid": ours.pid, "created": ours.create_time() - 60, "command": []}))
    twin.up()
    assert ours.is_running()
    assert len(processes_of(twin.state)) == len(NAMES), "each part once"
    assert None not in pids(twin).values()


def test_a_part_that_is_to_run_in_another_way_is_started_anew(
    twin: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pids(twin)
    for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        (tmp_path / name).symlink_to(binaries.folder() / name)
    monkeypatch.setenv("HOMEBRAIN_TOOLS", str(tmp_path))
    (tmp_path / "kwok").symlink_to(binaries.CHECKOUT / ".tools" / "bin" / "kwok")
    pytest.importorskip("twin")
    assert before
