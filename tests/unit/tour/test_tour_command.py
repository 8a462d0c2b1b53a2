"""`python -m tour`: what it writes, what it prints, and when it opens a window."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from tests.unit.tour.conftest import HOMELAB
from tour import __main__ as command


def test_the_command_writes_the_page_and_says_it_in_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "tour.html"
    assert command.main(["--file", str(HOMELAB), "--out", str(out), "--no-open"]) == 0
    assert out.read_text().startswith("<!doctype html>")
    said = capsys.readouterr().out
    for line in ("k3s-worker (unknown)", "always: every pod finds a place", "no violations", str(out)):
        assert line in said


def test_links_find_the_checkout_from_wherever_the_page_lies(tmp_path: Path) -> None:
    out = tmp_path / "tour.html"
    assert command.main(["--file", str(HOMELAB), "--out", str(out), "--no-open"]) == 0
    link = out.read_text().partition("docs/runbooks/")[0].rpartition('href="')[2]
    assert (out.parent / link / "Pulumi.yaml").resolve().exists()


@pytest.mark.parametrize("text", ["config: {}\n", "not: [a home"], ids=["empty", "no YAML"])
def test_a_wrong_home_is_told_and_nothing_is_written(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "home.yaml", tmp_path / "tour.html"
    source.write_text(text)
    assert command.main(["--file", str(source), "--out", str(out), "--no-open"]) == 1
    assert capsys.readouterr().err
    assert not out.exists()


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--file", str(tmp_path / "gone.yaml"), "--no-open"]) == 1
    assert "gone.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("environment", "terminal", "platform", "opens"),
    [
        ({"DISPLAY": ":0"}, True, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True, "linux", True),
        ({}, True, "linux", False),
        ({}, True, "darwin", True),
        ({"DISPLAY": ":0"}, False, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, True, "linux", False),
        ({"CI": "1"}, True, "darwin", False),
    ],
)
def test_a_window_opens_only_where_somebody_looks(
    environment: dict[str, str], terminal: bool, platform: str, opens: bool
) -> None:
    assert command.somebody_looks(environment, terminal, platform) is opens


def test_that_there_is_no_browser_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none(_: str) -> bool:
        raise webbrowser.Error("no browser here")

    monkeypatch.setattr(webbrowser, "open", none)
    command.show(tmp_path / "tour.html")
