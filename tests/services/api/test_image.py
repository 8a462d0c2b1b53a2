"""What the API's image is made of, as its Dockerfile says; that it runs, its workflow tries."""

from __future__ import annotations

import re
from pathlib import Path

SERVICE = Path(__file__).parents[3] / "services" / "api"
LINES = (SERVICE / "Dockerfile").read_text().replace("\\\n", " ").splitlines()


def instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def test_both_stages_stand_on_one_exact_python() -> None:
    images = {line.split()[0] for line in instructions("FROM")}
    assert len(instructions("FROM")) == 2
    assert len(images) == 1
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-[a-z]+", images.pop())


def test_it_runs_as_nobody_in_particular() -> None:
    assert instructions("USER") == ["65532:65532"]
    assert LINES.index("USER 65532:65532") == len(LINES) - 2
    assert instructions("ENTRYPOINT") == ['["python", "-m", "brain"]']


def test_only_wheels_of_pinned_versions_are_installed() -> None:
    [install] = [line for line in instructions("RUN") if "pip install" in line]
    assert "--no-cache-dir" in install
    assert "--only-binary :all:" in install
    assert install.endswith("-r services/api/requirements.txt")
    assert "-c ../../constraints.txt" in (SERVICE / "requirements.txt").read_text()


def test_nothing_gets_in_but_what_is_copied() -> None:
    ignored = (SERVICE / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in ignored if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line.removeprefix("!") for line in rules if line.startswith("!")}
    copied = {line.split()[0] for line in instructions("COPY") if not line.startswith("--from")}
    assert let_in == copied == {"constraints.txt", "services/api/requirements.txt", "services/api/brain"}
    assert [path for path in copied if not (SERVICE.parents[1] / path).exists()] == []
