"""`python -m home`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from home import schema
from home.__main__ import main
from tests.homes import GOOD

ROOT = Path(__file__).parents[3]


def test_check_says_what_a_good_home_has_and_what_is_assumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(GOOD["homelab"])]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == f"{GOOD['homelab']}: no problems"
    assert "k3s-worker (unknown)" in printed
    assert "k3s-gpu (memory)" in printed


def test_check_names_every_problem_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(GOOD["small"].read_text().replace("replicas: 4", "replicas: 1").replace("cpus: 8", "cpus: 0"))
    assert main(["check", str(file)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "nodes[0].cpus: 0 is too small; write 1 or more"
    assert lines[1].startswith("nodes[0].gpu.sharing.replicas: 1 slice is the whole card")
    assert lines[2] == "2 problems"


def test_schema_prints_what_is_checked_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == schema.text()


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["fit", "--json"], ["skew"], ["schema"]])
def test_a_reader_that_has_seen_enough_is_no_error(command: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "home", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as talking:
        assert talking.stdout is not None
        assert talking.stderr is not None
        talking.stdout.close()
        assert talking.stderr.read() == ""
    assert talking.returncode == 0
