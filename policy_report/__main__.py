"""`python -m policy_report`: what the policies say of a home. `python -m policy_report doc`: what the rules are."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import home
from policies import exceptions
from policies.exceptions import ExceptionsError
from policies.rules import RULES
from policy_report.documentation import document
from policy_report.judging import judged
from policy_report.page import page
from policy_report.report import data, report
from policy_report.table import table
from render import evaluate, stack

OK, WRONG, REFUSED = 0, 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Show the report. 0 when nothing is refused, 3 when something is, 1 when the home or the exceptions are wrong."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "doc":
            sys.stdout.write(document(exceptions.load(exceptions.FILE, RULES)))
            return OK
        source = given.file or Path(f"Pulumi.{given.stack}.yaml")
        home.load_file(source)
        config = stack.read(source)
        evaluation = evaluate(config.values, config.secrets, stack=given.stack)
        name = source.name.removeprefix("Pulumi.").removesuffix(source.suffix)
        found = report(name, judged(evaluation.registrations))
    except (home.HomeError, ExceptionsError, OSError) as error:
        print(error, file=sys.stderr)
        return WRONG
    if given.json == "-":
        print(json.dumps(data(found), indent=2))
    else:
        if given.json:
            _write(Path(given.json), json.dumps(data(found), indent=2) + "\n")
        console = Console(highlight=False)
        # Into a file or a pipe, lines are as long as they are.
        console = console if console.is_terminal else Console(highlight=False, width=200)
        console.print(table(found))
        if given.html:
            _write(given.html, page(found))
            console.print(f"The page: {given.html}")
    return REFUSED if found.refused else OK


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m policy_report",
        description="What the policies say of every resource of a home, without an engine.",
    )
    parser.add_argument("command", nargs="?", choices=("doc",), help="print docs/policies.md instead")
    parser.add_argument("--stack", default="homelab", help="whose config to take: Pulumi.STACK.yaml (default: homelab)")
    parser.add_argument("--file", type=Path, help="a stack config file elsewhere, as in examples/")
    parser.add_argument("--json", metavar="FILE", help="write it as JSON too; - prints nothing else")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
