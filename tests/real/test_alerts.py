"""Each alert, tried with the real promtool: it fires when it should, says what it should, and keeps silent else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from components.monitoring.alerts import RUNBOOK, SUBJECTS, Alert, alerts, rules
from tests.homes import changed, config
from tests.real.monitoring_tools import program

# The owner's home, and a machine whose key ends.
HERE = home.load(changed(config("homelab"), [{"path": "nas.addresses.tailnetKeyExpires", "set": "1970-01-16"}]))
CASES: dict[str, list[dict[str, Any]]] = {
    name: cases
    for file in sorted((Path(__file__).parent / "alerts").glob("*.yaml"))
    # Every value as it is written: promtool's `0x20` is no number to it.
    for name, cases in yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader).items()
}
ALERTS: dict[str, Alert] = {one.name: one for one in alerts(HERE)}


def _tests(subject: str) -> Iterator[dict[str, Any]]:
    for name, cases in CASES.items():
        for case in cases if ALERTS[name].subject == subject else ():
            expected = []
            if "fires" in case:
                annotations = {"summary": case["summary"], "runbook": f"{RUNBOOK}#{ALERTS[name].anchor}"}
                expected = [{"exp_labels": case["fires"], "exp_annotations": annotations}]
            yield {
                "interval": "1m",
                "input_series": [{"series": key, "values": values} for key, values in case["series"].items()],
                "alert_rule_test": [{"eval_time": case["after"], "alertname": name, "exp_alerts": expected}],
            }


def test_every_alert_has_a_case_that_fires_and_one_that_keeps_silent() -> None:
    assert set(CASES) == set(ALERTS)
    for name, cases in CASES.items():
        assert {"fires" in case for case in cases} == {True, False}, name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rule files as they are deployed."""
    folder = tmp_path_factory.mktemp("rules")
    for name, text in rules(ALERTS.values()).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_rules_are_well_formed(folder: Path) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", *sorted(folder.glob("*.yaml"))],
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("subject", [one.SUBJECT for one in SUBJECTS])
def test_every_alert_fires_when_it_should_and_keeps_silent_else(subject: str, folder: Path, tmp_path: Path) -> None:
    document = {
        "rule_files": [str(folder / f"{subject}.yaml")],
        "evaluation_interval": "1m",
        "tests": list(_tests(subject)),
    }
    assert document["tests"]
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    tried = subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stdout + tried.stderr
