"""Every wrong home in tests/homes/wrong says exactly what a person needs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from home import checks, loading, reading
from home.model import Home
from tests.homes import WrongHome, changed, config, steps, wrong_homes

WRONG = wrong_homes()
CHANGED = [wrong for wrong in WRONG if wrong.keys is not None]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_wrong_home_says_what_is_wrong_and_nothing_else(wrong: WrongHome, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(wrong.text)
    with pytest.raises(home.HomeError) as caught:
        home.load_file(file)
    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == list(wrong.says)
    assert "not-to-be-shown" not in str(caught.value)


@pytest.mark.parametrize("wrong", CHANGED, ids=lambda wrong: wrong.name)
def test_what_cannot_be_read_never_hides_the_rest(wrong: WrongHome) -> None:
    assert wrong.keys is not None
    assert reading.read(Home, wrong.keys, beside=loading.SECRETS).record is not None


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: f"{check.__module__}.{check.__name__}")
def test_every_check_has_a_home_that_fails_it(check: checks.Check) -> None:
    records = (reading.read(Home, wrong.keys or {}, beside=loading.SECRETS).record for wrong in CHANGED)
    assert any(problem.message for record in records if record for problem in check(record))


@pytest.mark.parametrize("wrong", CHANGED, ids=lambda wrong: wrong.name)
def test_a_path_is_what_pulumi_takes_to_change_the_value(wrong: WrongHome) -> None:
    for line in wrong.says:
        *way, _ = steps(line.partition(": ")[0])
        holder: Any = wrong.keys
        for step in way:
            holder = holder[step]
        assert isinstance(holder, (dict, list)), line


def test_mistakes_in_one_place_are_reported_whatever_is_wrong_in_another() -> None:
    everywhere = {
        "networks[1].gateway": "192.168.0.1",
        "nodes[0].cpus": 0,
        "nodes[1].memory": "8GB",
        "nodes[2].version": "24.04",
        "nas.shares[0].path": "/photos",
        "apps.immich.node": "attik",
        "apps.jellyfin.doors": "public",
        "timezone": "Mars",
    }
    with pytest.raises(home.HomeError) as caught:
        home.load(changed(config(), [{"path": path, "set": value} for path, value in everywhere.items()]))
    assert {problem.path for problem in caught.value.problems} == set(everywhere)


def test_the_documents_hold_nothing_that_is_not_used() -> None:
    for file in (Path(__file__).parents[2] / "homes" / "wrong").iterdir():
        document = yaml.safe_load(file.read_text())
        assert set(document) <= {"home", "change", "text", "says"}, file
        assert ("change" in document) != ("text" in document), file
        assert file.read_text().startswith("# "), f"{file} doesn't say why somebody would make the mistake"
