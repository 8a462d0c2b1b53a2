"""The life of a twin: started twice, killed, taken down, brought back, beside another one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.twin import objects
from tests.twin.conftest import HOME
from tests.twin.objects import eventually
from twin import binaries, control_plane, summary
from twin.api import FIELD_MANAGER, Api, Manifest
from twin.cluster import Twin
from twin.control_plane import NAMES
from twin.controllers.pods import condition
from twin.state import TwinError, port_is_free

APPLIED = (FIELD_MANAGER, "Apply")


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


def applied(api: Api) -> dict[tuple[str, str], list[Manifest]]:
    """What `up` last applied, when and to what: the API server keeps account of it, apart from what others changed."""
    kinds = ("Node", "Deployment", "Service", "StorageClass", "RuntimeClass", "ClusterRole", "ClusterRoleBinding")
    metadata = {(kind, each["metadata"]["name"]): each["metadata"] for kind in kinds for each in api.list(kind)}
    return {
        which: [entry for entry in each["managedFields"] if (entry["manager"], entry["operation"]) == APPLIED]
        for which, each in metadata.items()
    }


def test_a_second_up_changes_nothing(twin: Twin, api: Api) -> None:
    before = (pids(twin), applied(api), twin.kubeconfig.stat().st_mtime_ns, twin.folder.ports())
    assert before[1]["Node", "k3s-worker"]
    twin.up()
    assert (pids(twin), applied(api), twin.kubeconfig.stat().st_mtime_ns, twin.folder.ports()) == before


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


def test_a_part_that_is_to_run_in_another_way_is_started_anew(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    before = pids(twin)
    monkeypatch.setattr(control_plane, "NODE_LEASE_SECONDS", control_plane.NODE_LEASE_SECONDS - 1)
    twin.up()
    assert {name for name, pid in pids(twin).items() if pid != before[name]} == {"kwok"}


def test_a_node_that_falls_silent_loses_its_pods_and_may_come_back(twin: Twin, api: Api) -> None:
    def whereabouts() -> list[str]:
        mine = [pod for pod in api.list("Pod", "default") if pod["metadata"].get("labels", {}).get("app") == "wanderer"]
        return sorted(pod["spec"].get("nodeName", "") for pod in mine if "deletionTimestamp" not in pod["metadata"])

    def shown() -> str:
        return next(row.state for row in summary.node_rows(summary.take(api)) if row.name == "k3s-worker")

    assert (ready(api, "k3s-worker"), shown()) == ("Unknown", "unknown")
    twin.set_node("k3s-worker", "ready")
    assert (ready(api, "k3s-worker"), shown()) == ("True", "ready")

    spec = objects.pod("wanderer", "default")["spec"]
    api.create(objects.workload("Deployment", "wanderer", "default", spec, replicas=2))
    # One that stays whatever happens, as a storage driver's does.
    stays = objects.pod("sentinel", "default", tolerations=[{"operator": "Exists"}])["spec"]
    api.create(objects.workload("DaemonSet", "sentinel", "default", stays))

    def watching() -> int:
        return int((api.get("DaemonSet", "sentinel", "default") or {}).get("status", {}).get("numberReady", 0))

    eventually(whereabouts, ["k3s-master", "k3s-worker"])
    eventually(watching, 3)
    twin.set_node("k3s-worker", "unknown")
    assert (ready(api, "k3s-worker"), shown()) == ("Unknown", "unknown")
    eventually(whereabouts, ["k3s-master", "k3s-master"])
    eventually(watching, 2)

    def stuck() -> list[str]:
        return [trouble.why for trouble in summary.troubles(summary.take(api)) if "wanderer" in trouble.what]

    eventually(stuck, ["can't be told to stop: k3s-worker doesn't answer"])

    twin.set_node("k3s-worker", "ready")
    eventually(lambda: summary.troubles(summary.take(api)), [])
    eventually(watching, 3)
    api.delete("Deployment", "wanderer", "default")
    api.delete("DaemonSet", "sentinel", "default")


def test_down_leaves_no_process_and_no_port_and_up_brings_everything_back(twin: Twin) -> None:
    remember(twin.api(), "before-the-night")
    twin.set_node("k3s-worker", "ready")
    ports, kubeconfig = twin.folder.ports(), twin.kubeconfig.read_text()
    twin.down()
    assert processes_of(twin.state) == []
    assert all(port_is_free(port) for port in (ports.api, ports.etcd, ports.etcd_peer))
    twin.down()
    with pytest.raises(TwinError, match="isn't running"):
        twin.require_running()
    twin.up()
    assert twin.folder.ports() == ports
    assert twin.kubeconfig.read_text() == kubeconfig
    assert remembers(twin, "before-the-night")
    assert ready(twin.api(), "k3s-worker") == "True", "what was chosen by hand is kept over a night"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A second twin, made by two commands at once."""
    second = Twin(tmp_path_factory.mktemp("other") / "state", HOME)
    both = [subprocess.Popen(command(second, "up"), cwd=binaries.CHECKOUT, stdout=subprocess.DEVNULL) for _ in range(2)]
    try:
        assert [each.wait(timeout=120) for each in both] == [0, 0]
        yield second
    finally:
        second.reset()


def test_two_commands_at_once_start_one_twin(other: Twin) -> None:
    assert len(processes_of(other.state)) == len(NAMES)


def test_two_twins_run_side_by_side(twin: Twin, other: Twin) -> None:
    ours, theirs = twin.folder.ports(), other.folder.ports()
    assert not {ours.api, ours.etcd, ours.etcd_peer} & {theirs.api, theirs.etcd, theirs.etcd_peer}
    remember(other.api(), "here")
    assert not remembers(twin, "here")
    before = pids(twin)
    other.down()
    assert processes_of(other.state) == []
    assert pids(twin) == before


def test_an_up_that_is_killed_on_its_way_is_finished_by_the_next(tmp_path: Path) -> None:
    begun = Twin(tmp_path / "state", HOME)
    try:
        for part in ("etcd", "kube-apiserver"):
            with subprocess.Popen(command(begun, "up"), cwd=binaries.CHECKOUT) as first:
                eventually(lambda part=part, first=first: begun.processes.running(part) or first.poll())
                first.kill()
            assert first.returncode == -signal.SIGKILL, "it was still at work"
            assert begun.processes.running("kwok") is None
        begun.up()
        assert len(processes_of(begun.state)) == len(NAMES)
    finally:
        begun.reset()


def test_status_tells_what_a_person_wants_to_know(twin: Twin) -> None:
    shown = run(twin, "status")
    assert shown.returncode == 0
    for expected in (
        "kube-apiserver",
        f"port {twin.folder.ports().api}",
        "k3s-worker",
        "unknown",
        "v1.34.3+k3s1",
        "coredns",
    ):
        assert expected in shown.stdout
    kill(twin, "kube-scheduler")
    shown = run(twin, "status")
    assert shown.returncode == 3
    assert "Part of it doesn't run" in shown.stdout
    twin.up()


def test_a_port_that_somebody_else_took_is_named_with_the_way_out(other: Twin) -> None:
    other.down()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", other.folder.ports().api))
        squatter.listen()
        with pytest.raises(TwinError, match=rf"needs port {other.folder.ports().api}, which .*process {os.getpid()}"):
            other.up()


def test_reset_leaves_nothing(other: Twin) -> None:
    other.reset()
    assert not other.state.exists()
    assert processes_of(other.state) == []
    other.reset()


def test_a_part_that_cannot_start_is_named_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
        (folder / name).chmod(0o700)
    monkeypatch.setenv("HOMEBRAIN_TOOLS", str(folder))
    with pytest.raises(TwinError, match=r"(?s)etcd ended.*the disk is full") as failure:
        Twin(tmp_path / "state", HOME).up()
    assert "etcd.log" in str(failure.value)


def test_tools_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMEBRAIN_TOOLS", str(tmp_path))
    with pytest.raises(TwinError, match=r"there is no etcd in .*bootstrap\.py"):
        Twin(tmp_path / "state", HOME).up()


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for action in ("up", "down", "reset"):
        with pytest.raises(TwinError):
            getattr(Twin(tmp_path, HOME), action)()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_command_that_fails_says_so_in_a_sentence_and_by_its_exit_code(tmp_path: Path) -> None:
    wrong = tmp_path / "home.yaml"
    wrong.write_text("config: {}\n")
    absent, here = Twin(tmp_path / "state", wrong), Twin(tmp_path / "state", HOME)
    for made, words, code, sentence in (
        (absent, ("up",), 1, "doesn't describe a home"),
        (here, ("status",), 3, "There is no twin in"),
        (here, ("node", "k3s-wroker", "ready"), 1, 'there is no node "k3s-wroker"; the home has k3s-master'),
        (here, ("node", "k3s-worker", "ready"), 1, "`python -m twin up` starts it"),
        (here, ("down",), 0, "The twin is down"),
    ):
        done = run(made, *words)
        assert (done.returncode, sentence in done.stdout + done.stderr) == (code, True), done
        assert "Traceback" not in done.stderr
