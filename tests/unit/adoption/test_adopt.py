"""Adopting, on an engine and a cluster that only say what they are told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adoption.adopt import adopt
from adoption.cluster import RefusedError
from adoption.engine import EngineError, Pulumi
from adoption.program import Declared, Program
from render import evaluate, stack

ROOT = Path(__file__).parents[3]
PRIORITY = "home-data"


@pytest.fixture(scope="module")
def program() -> Program:
    config = stack.read(ROOT / "Pulumi.homelab.yaml")
    return Program(evaluate(config.values, config.secrets), "homelab")


class Engine(Pulumi):
    """Keeps a state in memory, and says of its preview what it was given."""

    def __init__(self, steps: list[dict[str, Any]] | None = None, failing: str = "") -> None:
        super().__init__("homelab", Path())
        object.__setattr__(self, "commands", [])
        object.__setattr__(self, "steps", steps or [])
        object.__setattr__(self, "failing", failing)
        object.__setattr__(self, "states", [{"deployment": {"resources": []}}])

    commands: list[tuple[str, ...]]
    states: list[dict[str, Any]]
    steps: list[dict[str, Any]]
    failing: str

    def run(self, *args: str) -> str:
        self.commands.append(args)
        if args[0] == self.failing:
            raise EngineError(f"{args[0]} failed")
        if args[:2] == ("stack", "import"):
            self.states.append(json.loads(Path(args[-1]).read_text()))
        return ""

    def export(self) -> dict[str, Any]:
        return json.loads(json.dumps(self.states[-1]))  # type: ignore[no-any-return]

    def preview(self) -> tuple[list[dict[str, Any]], str | None]:
        return self.steps, None


class Cluster:
    """Has one PriorityClass, which may be changed or not."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal

    def get(self, declared: Declared) -> Mapping[str, Any] | None:
        there = declared.key.name == PRIORITY
        return {"kind": "PriorityClass", "metadata": {"name": PRIORITY}, "value": 1} if there else None

    def applied(self, declared: Declared, live: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.refusal:
            raise RefusedError(422, self.refusal)
        return {**live, "description": "new"}


def urn_of(program: Program) -> str:
    return next(one.urn for one in program.objects if one.key.name == PRIORITY)


def test_what_is_imported_was_shown_and_written_down(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, out = Engine([{"op": "update", "urn": urn_of(program)}]), tmp_path / "build" / "adopt.json"
    assert adopt(program, engine, Cluster(), out, lambda: '+ description: "new"' in capsys.readouterr().out) == 0
    assert [one["id"] for one in json.loads(out.read_text())["resources"] if "id" in one] == [PRIORITY]
    assert ("import", "--file", str(out.absolute())) == engine.commands[1][:3]


def test_a_no_leaves_everything(program: Program, tmp_path: Path) -> None:
    engine = Engine()
    assert adopt(program, engine, Cluster(), tmp_path / "adopt.json", lambda: False) == 1
    assert engine.commands == []


def test_what_can_not_change_is_refused_without_asking(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine()
    assert adopt(program, engine, Cluster("value: field is immutable"), tmp_path / "adopt.json", lambda: 1 / 0 > 0) == 1
    assert "value: field is immutable" in capsys.readouterr().out
    assert engine.commands == []


@pytest.mark.parametrize("operation", ["replace", "delete-replaced", "create-replacement", "delete"])
def test_an_import_that_would_be_made_anew_is_taken_back(program: Program, tmp_path: Path, operation: str) -> None:
    engine = Engine([{"op": operation, "urn": urn_of(program)}, {"op": "create", "urn": "another"}])
    assert adopt(program, engine, Cluster(), tmp_path / "adopt.json", lambda: True) == 1
    assert engine.states[-1] == engine.states[0]
    assert engine.commands[-1][:2] == ("stack", "import")


@pytest.mark.parametrize("command", ["up", "import"])
def test_an_engine_that_fails_on_the_way_leaves_the_state_as_it_was(
    program: Program, tmp_path: Path, command: str
) -> None:
    engine = Engine(failing=command)
    with pytest.raises(EngineError, match=f"{command} failed"):
        adopt(program, engine, Cluster(), tmp_path / "adopt.json", lambda: True)
    assert engine.commands[-1][:2] == ("stack", "import")
    assert engine.states[-1] == engine.states[0]
