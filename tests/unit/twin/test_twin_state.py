"""The state folder, the certificates and the processes of a twin, without a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml
from cryptography import x509

from twin import access, pki
from twin.binaries import CHECKOUT
from twin.processes import Part, Processes, end, owner_of_port
from twin.state import State, TwinError, port_is_free, read_json, write_private


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path / "twin")
    made.prepare()
    return made


def test_ports_are_free_distinct_and_kept(state: State) -> None:
    ports = state.ports()
    assert len({ports.api, ports.etcd, ports.etcd_peer}) == 3
    assert all(port_is_free(port) and port < 32768 for port in (ports.api, ports.etcd, ports.etcd_peer))
    assert State(state.root).ports() == ports


def test_a_chosen_node_state_is_remembered_beside_the_ports(state: State) -> None:
    ports = state.ports()
    state.choose("a", "unknown")
    state.choose("b", "ready")
    state.choose("a", "ready")
    assert State(state.root).chosen() == {"a": "ready", "b": "ready"}
    assert state.ports() == ports


def test_a_memory_that_was_cut_short_is_made_anew(state: State) -> None:
    state.memory.write_text('{"ports": {"api"')
    assert state.ports() == State(state.root).ports()


def test_everything_in_the_folder_is_its_owners(state: State) -> None:
    assert state.root.stat().st_mode & 0o777 == 0o700
    assert state.memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_json_object_reads_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "f").write_text(text)
    assert read_json(tmp_path / "f") == read_json(tmp_path / "missing") == {}


def test_writing_the_same_again_touches_nothing(tmp_path: Path) -> None:
    assert write_private(tmp_path / "f", "x")
    before = (tmp_path / "f").stat()
    assert not write_private(tmp_path / "f", "x")
    assert (tmp_path / "f").stat() == before
    assert write_private(tmp_path / "f", "y")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


HOLDER = """
import sys
from pathlib import Path
from twin.state import State

with State(Path(sys.argv[1])).lock(lambda: None):
    print("holds it", flush=True)
    sys.stdin.read()
"""


def test_one_command_at_a_time_holds_a_twin(state: State) -> None:
    command = [sys.executable, "-c", HOLDER, str(state.root)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"holds it\n"
        told: list[str] = []
        with pytest.raises(TwinError, match="another command"), state.lock(lambda: told.append("waits"), deadline=0.2):
            pass
        assert told == ["waits"]
        # However it ends, it lets go.
        other.kill()
    with state.lock(lambda: None):
        pass


def test_the_api_servers_certificate_is_good_for_the_names_it_goes_by_and_signed_by_the_authority(state: State) -> None:
    pki.issue(state.pki, "10.43.0.1")
    authority = x509.load_pem_x509_certificate((state.pki / "ca.crt").read_bytes())
    certificate = x509.load_pem_x509_certificate((state.pki / "apiserver.crt").read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "kubernetes.default"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"127.0.0.1", "10.43.0.1"} <= {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    etcd = x509.load_pem_x509_certificate((state.pki / "etcd.crt").read_bytes())
    with pytest.raises(ValueError, match="Issuer"):
        etcd.verify_directly_issued_by(authority)


def test_certificates_are_issued_once_and_never_half(state: State) -> None:
    (state.root / ".pki.new").mkdir()
    (state.root / ".pki.new" / "ca.crt").write_text("left by a command that was killed")
    pki.issue(state.pki, "10.43.0.1")
    before = {path.name: path.read_bytes() for path in state.pki.iterdir()}
    pki.issue(state.pki, "10.43.0.1")
    assert {path.name: path.read_bytes() for path in state.pki.iterdir()} == before
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in state.pki.iterdir())


def test_every_user_has_a_token_of_their_own_and_only_the_admin_may_do_all(state: State) -> None:
    pki.issue(state.pki, "10.43.0.1")
    access.write_kubeconfigs(state, 12345)
    rows = [line.split(",") for line in (state.pki / "tokens.csv").read_text().splitlines()]
    assert [user for _, user, _, groups in rows if "system:masters" in groups] == [access.ADMIN]
    tokens = {token for token, *_ in rows}
    assert len(tokens) == len(rows)
    assert all(len(token) == 64 for token in tokens)
    config = yaml.safe_load(state.kubeconfig.read_text())
    assert config["users"][0]["user"]["token"] in tokens
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:12345"


SLEEPER = "import sys, time; print('started', flush=True); time.sleep(60)"


@pytest.fixture
def processes(state: State) -> Processes:
    return Processes(state)


def sleeper(name: str, state: State) -> Part:
    return Part(name, (sys.executable, "-c", SLEEPER, f"--data-dir={state.root}/etcd"))


def test_a_part_is_found_again_and_stopped(state: State, processes: Processes) -> None:
    started = processes.start(sleeper("etcd", state), os.environ)
    assert processes.running("etcd") == started
    assert Processes(State(state.root)).running("etcd") == started
    assert processes.command("etcd")[0] == sys.executable
    processes.stop(["etcd"])
    assert processes.running("etcd") is None
    assert not psutil.pid_exists(started.pid)


def test_a_record_about_a_process_that_took_the_id_over_is_not_believed(state: State, processes: Processes) -> None:
    ours = psutil.Process()
    for created in (ours.create_time() - 60, None, "yesterday"):
        write_private(state.run / "etcd.json", f'{{"pid": {ours.pid}, "created": "{created}"}}')
        assert processes.running("etcd") is None


def test_a_process_without_a_record_is_found_by_its_arguments(
    state: State, processes: Processes, tmp_path: Path
) -> None:
    program = Path(sys.executable).name
    started = processes.start(sleeper("etcd", state), os.environ)
    elsewhere = [sys.executable, "-c", SLEEPER, f"--data-dir={state.root}-of-another/etcd"]
    other = subprocess.Popen(elsewhere, stdout=subprocess.DEVNULL)
    try:
        assert processes.strays(["etcd"], {program}) == []
        (state.run / "etcd.json").unlink()
        assert processes.strays(["etcd"], {program}) == [started]
        assert processes.strays(["etcd"], {"kube-apiserver"}) == []
    finally:
        end([started, psutil.Process(other.pid)], patience=5)
        other.wait()


def test_the_log_of_the_last_start_is_kept_beside_the_new_one(state: State, processes: Processes) -> None:
    for word in ("first", "second"):
        part = Part("etcd", (sys.executable, "-c", f"print('{word}')"))
        process = processes.start(part, os.environ)
        psutil.wait_procs([process], timeout=20)
    assert processes.log_tail("etcd") == "second"
    assert processes.log("etcd").with_suffix(".log.1").read_text() == "first\n"
    assert processes.log_tail("kwok") == ""


def test_a_free_port_has_no_owner() -> None:
    assert owner_of_port(1) == "another program"


def test_a_twin_remembers_whose_it_is(state: State, tmp_path: Path) -> None:
    assert state.home() is None
    state.belong_to(tmp_path / "Pulumi.cabin.yaml")
    assert State(state.root).home() == tmp_path / "Pulumi.cabin.yaml"
    state.choose("shelf", "unknown")
    assert state.home() == tmp_path / "Pulumi.cabin.yaml"
