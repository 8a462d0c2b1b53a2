"""Where tests find the programs of the monitoring, and what becomes of a test whose program isn't there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.real.monitoring_tools import BUILD, program


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which they are looked for."""
    monkeypatch.setenv("HOMEBRAIN_TOOLS", str(tmp_path))
    return tmp_path


def test_a_program_is_found_where_the_tools_are(tools: Path) -> None:
    (tools / "promtool").write_text("#!/bin/sh\n")
    (tools / "promtool").chmod(0o755)
    assert program("promtool") == tools / "promtool"


@pytest.mark.parametrize("ci", ["", "false"])
def test_without_its_program_a_test_is_left_out_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.skip.Exception, match=f"promtool is not there .*: {BUILD}"):
        program("promtool")


@pytest.mark.parametrize("ci", ["true", "1"])
def test_in_ci_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch, ci: str) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(pytest.fail.Exception, match=f"promtool is not there .*: {BUILD}"):
        program("promtool")


@pytest.mark.parametrize("name", ["promtol", "kubectl"])
def test_a_program_that_tests_do_not_have_is_a_mistake(name: str) -> None:
    with pytest.raises(LookupError, match=f"tools/ pins no {name} for tests"):
        program(name)
