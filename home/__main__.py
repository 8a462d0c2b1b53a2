"""`python -m home`: looks at a home's config without an engine.

Each command is a function from its parsed arguments to an exit code, and adds itself to the parser.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from home import HomeError, load_file, schema, secrets
from home.model import Home

_STACK_FILE = "Pulumi.homelab.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: all is well; 1: the home has problems, which are on stderr; 2: the command was misused."""
    parser = argparse.ArgumentParser(prog="python -m home", description="Looks at a home's config.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_check, _add_schema):
        add(commands)
    parsed = parser.parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except HomeError as error:
        count = len(error.problems)
        print(f"{error}\n{count} problem{'' if count == 1 else 's'}", file=sys.stderr)
        return 1


def _add_check(commands: Any) -> None:
    command = commands.add_parser("check", help="name every mistake in a stack's config file")
    command.add_argument("file", nargs="?", default=_STACK_FILE, metavar="FILE", help=f"by default {_STACK_FILE}")
    command.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    home = load_file(arguments.file)
    print(f"{arguments.file}: no problems")
    print("\n".join(_summary(home)))
    return 0


def _summary(home: Home) -> list[str]:
    nodes = (node.name if node.state == "ready" else f"{node.name} ({node.state})" for node in home.nodes)
    assumed = [
        *((node.name, node.assumed) for node in home.nodes),
        *((nas.model, nas.assumed) for nas in [home.nas] if nas),
        *((share.name, share.assumed) for share in home.shares),
    ]
    lines = {
        "nodes": ", ".join(nodes),
        "shares": ", ".join(share.name for share in home.shares),
        "apps": ", ".join(home.app_names),
        "secrets": ", ".join(secret.key for secret in secrets.required(home)),
        "assumed": ", ".join(f"{owner} ({', '.join(keys)})" for owner, keys in assumed if keys),
    }
    return [f"  {name:<8} {value}" for name, value in lines.items() if value]


def _add_schema(commands: Any) -> None:
    command = commands.add_parser("schema", help="print the JSON Schema of the config file, for home/schema.json")
    command.set_defaults(run=_schema)


def _schema(_: argparse.Namespace) -> int:
    sys.stdout.write(schema.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
