"""The engine of the twin: the real one, on tiny programs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.twin.tiny import DEADLINE, Tiny, wait_until
from twin.engine import EngineBusyError, EngineError
from twin.standins import faults
from twin.standins.faults import Fault

ROOT = Path(__file__).parents[2]
UP_FROM_A_TERMINAL = """
import sys
from pathlib import Path
from tests.twin.tiny import Paths
from twin.engine import Engine

state, config, program = map(Path, sys.argv[1:])
try:
    Engine(Paths(state, config, state / "kubeconfig"), program).up()
except KeyboardInterrupt:
    print("put in order")
"""

PASSWORD_AND_PET = """
    password = random.RandomPassword("password", length=24, keepers={"version": VERSION})
    pet = random.RandomPet("pet", keepers={"password": password.id})
    pulumi.export("password", password.result)
    pulumi.export("pet", pet.id)
"""
HOME = """
encryptionsalt: v1:bm90IG91cnM=:v1:bm90:b3Vycw==
config:
  homebrain:domain: example.org
  homebrain:kubeconfig: ~/.kube/config
  homebrain:context: homelab
  homebrain:nasPassword: {secure: v1:c2VjcmV0}
"""


def password_and_pet(version: str = "1") -> str:
    return PASSWORD_AND_PET.replace("VERSION", repr(version))


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path, password_and_pet(), HOME)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = Tiny(tmp_path_factory.mktemp("deployed"), password_and_pet(), HOME)
    assert tiny.engine.preview().changes == {"create": 3}
    assert tiny.engine.up().changes == {"create": 3}
    return tiny


def test_a_second_up_changes_nothing_and_says_so(deployed: Tiny) -> None:
    run = deployed.engine.up()
    assert run.changed == 0
    assert run.changes == {"same": 3}
    assert "warning" not in run.output


def test_a_secret_appears_in_no_file_of_the_twin(deployed: Tiny) -> None:
    password = deployed.output("password")
    assert len(password) == 24
    files = [path for path in deployed.state.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if password.encode() in path.read_bytes()] == []
    assert password not in str(deployed.engine.export())


def test_a_preview_shows_no_secret(deployed: Tiny) -> None:
    password = deployed.output("password")
    deployed.write(password_and_pet() + '    pulumi.export("again", password.result)\n')
    run = deployed.engine.preview("--diff")
    deployed.write(password_and_pet())
    assert "again" in run.output
    assert password not in run.output


def test_the_stack_config_is_the_home_s_with_a_throwaway_secret_that_stays(deployed: Tiny) -> None:
    before = deployed.engine.config_file.read_text()
    assert yaml.safe_load(before)["config"]["homebrain:domain"] == "example.org"
    assert "c2VjcmV0" not in before
    assert "bm90" not in before
    secret = deployed.engine.run("config", "get", "homebrain:nasPassword").output.strip()
    assert secret.startswith("twin-")
    deployed.config.write_text(HOME.replace("example.org", "example.net"))
    deployed.engine.prepare()
    after = yaml.safe_load(deployed.engine.config_file.read_text())
    deployed.config.write_text(HOME)
    assert after["config"]["homebrain:domain"] == "example.net"
    assert after["config"]["homebrain:nasPassword"] == yaml.safe_load(before)["config"]["homebrain:nasPassword"]
    assert "homelab" not in str(after)


def test_the_state_s_files_stand_alone(deployed: Tiny) -> None:
    """Files beside them would be written in place: one that a kill leaves empty closes the state to every command."""
    written = list((deployed.state / "pulumi" / "backend").rglob("*.json"))
    assert written
    assert not [path for path in written if path.with_name(path.name + ".attrs").exists()]


def test_nothing_is_written_beside_the_program(deployed: Tiny) -> None:
    assert sorted(path.name for path in deployed.folder.iterdir()) == ["Pulumi.yaml", "__main__.py"]


def test_the_state_folder_its_keys_and_records_are_the_owner_s_alone(deployed: Tiny) -> None:
    standins = deployed.engine.standins
    private = [deployed.state, deployed.state / "pulumi" / "passphrase", standins / "key", standins / "random.json"]
    assert [oct(path.stat().st_mode & 0o077) for path in private] == ["0o0"] * 4


def test_a_program_that_fails_raises_with_the_engine_s_words(deployed: Tiny) -> None:
    deployed.write("raise RuntimeError('the roof is open')")
    with pytest.raises(EngineError, match="the roof is open"):
        deployed.engine.preview()
    deployed.write(password_and_pet())


def test_the_program_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("CLOUDFLARE_API_TOKEN", "TAILSCALE_API_KEY", "AWS_SECRET_ACCESS_KEY", "PULUMI_ACCESS_TOKEN", "KUBECONFIG")
    for name in names:
        monkeypatch.setenv(name, "of the real home")
    tiny = Tiny(
        tmp_path,
        """
        import os
        pulumi.export("seen", [name for name, value in os.environ.items() if value == "of the real home"])
        """,
    )
    tiny.engine.up()
    assert tiny.output("seen") == []


@pytest.mark.parametrize(
    "fault",
    [Fault("create", "password", "before"), Fault("create", "password", "after"), Fault("create", "pet", "after")],
    ids=str,
)
def test_up_after_a_kill_in_a_create_doubles_nothing(tiny: Tiny, fault: Fault) -> None:
    tiny.kill_at(fault)
    held, known = tiny.held_and_known()
    assert len(held) == len(known) + (fault.moment == "after"), "the engine knows nothing of what it was creating"
    assert tiny.deployment()["pending_operations"]
    assert len(tiny.locks()) == 1

    tiny.engine.up()

    held_after, known_after = tiny.held_and_known()
    assert held_after == known_after
    assert len(held_after) == 2
    assert set(held) <= set(held_after), "what was there is kept"
    assert not tiny.deployment().get("pending_operations")
    assert tiny.locks() == []
    assert tiny.processes() == []


@pytest.mark.parametrize(
    "fault",
    [Fault("create", "password", "before"), Fault("create", "password", "after"), Fault("delete", "password", "after")],
    ids=str,
)
def test_up_after_a_kill_in_a_replacement_doubles_nothing(tiny: Tiny, fault: Fault) -> None:
    tiny.engine.up()
    before = tiny.record()
    tiny.write(password_and_pet("2"))
    tiny.kill_at(fault)

    tiny.engine.up()

    held, known = tiny.held_and_known()
    assert held == known
    assert len(held) == 2
    assert not set(held) & {entry.id for entry in before}, "both were replaced"
    assert not [resource for resource in tiny.resources() if resource.get("delete")]


def test_an_interrupt_lets_the_engine_finish_what_it_began(tiny: Tiny) -> None:
    faults.arm(tiny.engine.standins, Fault("create", "password", "before"))
    up = subprocess.Popen(
        [sys.executable, "-c", UP_FROM_A_TERMINAL, tiny.state, tiny.config, tiny.folder],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: faults.is_held(tiny.engine.standins) or up.poll() is not None)
    os.killpg(up.pid, signal.SIGINT)  # what ^C does: every process of the terminal's foreground gets it
    faults.disarm(tiny.engine.standins)
    output, _ = up.communicate(timeout=DEADLINE)
    assert "^C received; cancelling" in output
    assert "put in order" in output
    held, known = tiny.held_and_known()
    assert held == known
    assert tiny.locks() == []
    assert not tiny.deployment().get("pending_operations")


def test_a_run_beside_another_is_refused_and_may_wait(tiny: Tiny) -> None:
    with tiny.held_at(Fault("create", "password", "before")):
        with pytest.raises(EngineBusyError, match=f"process {tiny.lock()['pid']} on {socket.gethostname()}"):
            tiny.engine.up()
        with pytest.raises(EngineBusyError):
            tiny.engine.run("refresh", "--yes", wait=0.3)
        assert "pulumi:pulumi:Stack" in tiny.engine.run("stack").output, "looking is always allowed"
    assert tiny.failure is None
    assert tiny.result is not None
    assert tiny.result.changes == {"create": 3}
