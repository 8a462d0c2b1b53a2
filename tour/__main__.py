"""`python -m tour`: make the page about a home, and open it where somebody is there to look."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

import home
from policies.exceptions import ExceptionsError
from tour.page import page
from tour.summary import summary
from tour.survey import survey
from tour.view import view
from tour.words import ROOT


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, print what it says in short; 1 when the home is described wrongly or can never fit."""
    parser = argparse.ArgumentParser(
        prog="python -m tour", description="Make a page about a home, without an engine: rooms, fit, policy findings."
    )
    parser.add_argument("--stack", default="homelab", help="whose config to take: Pulumi.STACK.yaml (default: homelab)")
    parser.add_argument("--file", type=Path, help="a stack config file elsewhere, as in examples/")
    parser.add_argument("--out", type=Path, default=Path("build/tour.html"), help="the page (default: build/tour.html)")
    parser.add_argument("--no-open", action="store_true", help="don't open the page in a browser")
    given = parser.parse_args(arguments)
    source = given.file or Path(f"Pulumi.{given.stack}.yaml")
    try:
        found = survey(source, stack_name=given.stack)
        tour = view(found)
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(page(tour, Path(os.path.relpath(ROOT, given.out.parent)).as_posix()), encoding="utf-8")
    except (home.HomeError, ExceptionsError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(summary(tour, found, str(given.out)))
    if not given.no_open and somebody_looks(os.environ, sys.stdout.isatty(), sys.platform):
        show(given.out)
    return 0


def somebody_looks(environment: Mapping[str, str], terminal: bool, platform: str) -> bool:
    """Whether to open a window: only from a terminal, never in CI, and where there is a screen to open it on."""
    if not terminal or environment.get("CI", "").lower() not in ("", "0", "false"):
        return False
    # Without a screen, a Linux machine would open a browser inside the terminal.
    has_screen = bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
    return has_screen or platform in ("darwin", "win32")


def show(path: Path) -> None:
    """Open the page in the browser; that there is none is no failure, since the path has been printed."""
    try:
        webbrowser.open(path.resolve().as_uri())
    except (webbrowser.Error, OSError):
        return


if __name__ == "__main__":
    sys.exit(main())
