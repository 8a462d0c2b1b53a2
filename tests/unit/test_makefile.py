"""The commands that could hurt a real home: they ask for its name before they do anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(*words: str) -> subprocess.CompletedProcess[str]:
    # With the bootstrap and what follows out of reach, a command that isn't refused fails in another way.
    return subprocess.run(["make", *words, "PYTHON=false"], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("confirm", ["", "CONFIRM=", "CONFIRM=yes", "CONFIRM=homela"])
def test_taking_a_real_home_down_wants_its_name(confirm: str) -> None:
    done = make("down", "STACK=homelab", *filter(None, [confirm]))
    assert done.returncode != 0
    assert 'This would delete the real home "homelab"' in done.stderr
    assert "make down STACK=homelab CONFIRM=homelab" in done.stderr


def test_with_its_name_it_goes_on() -> None:
    assert "would delete" not in make("down", "STACK=homelab", "CONFIRM=homelab").stderr


def test_the_twin_is_taken_down_without_asking() -> None:
    assert "would delete" not in make("down").stderr


@pytest.mark.parametrize("words", [["STACK=homelab"], ["STACK=homelab", "CONFIRM=homelab"]])
def test_a_real_home_is_never_reset(words: list[str]) -> None:
    done = make("reset", *words)
    assert done.returncode != 0
    assert "only the twin can" in done.stderr


def test_help_lists_every_command_that_the_readme_names() -> None:
    listed = make("help").stdout
    readme = (ROOT / "README.md").read_text()
    named = {line.split("make ")[1].split()[0].strip("`,.)") for line in readme.split("`") if line.startswith("make ")}
    assert {"up", "status", "render", "tour"} <= named
    assert {name for name in named if f"make {name} " not in listed} == set()
