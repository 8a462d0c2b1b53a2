"""`python -m home`: looks at a home's config without an engine.

Each command is a function from its parsed arguments to an exit code, and adds itself to the parser.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from home import HomeError, doors, exposure, fit, load_file, schema, secrets, skew
from home.fit import objects
from home.model import Home

_STACK_FILE = "Pulumi.homelab.yaml"
_PAGE = Path("build/exposure.html")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. 0: all is well; 1: the home has problems, which are on stderr; 2: the command was misused."""
    parser = argparse.ArgumentParser(prog="python -m home", description="Looks at a home's config.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_check, _add_fit, _add_skew, _add_exposure, _add_schema):
        add(commands)
    parsed = parser.parse_args(arguments)
    try:
        code = int(parsed.run(parsed))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever reads has seen enough, as `head` does; without this Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
    audiences = doors.audiences(home)
    public = (f"{one.public} ({one.app}{'' if one.sign_in else ', its own login'})" for one in audiences if one.public)
    tailnet = (f"{one.tailnet} ({one.app}: {', '.join(one.roles)})" for one in audiences if one.tailnet)
    assumed = [
        *((person.name, person.assumed) for person in home.people),
        *((node.name, node.assumed) for node in home.nodes),
        *((nas.model, nas.assumed) for nas in [home.nas] if nas),
        *((share.name, share.assumed) for share in home.shares),
    ]
    lines = {
        "people": ", ".join(f"{person.name} ({person.role})" for person in home.people),
        "nodes": ", ".join(nodes),
        "shares": ", ".join(share.name for share in home.shares),
        "apps": ", ".join(home.app_names),
        "public": f"\n{' ' * 11}".join(public),
        "tailnet": f"\n{' ' * 11}".join(tailnet),
        "secrets": ", ".join(secret.key for secret in secrets.required(home)),
        "later": ", ".join(secret.key for secret in secrets.welcome(home)),
        "assumed": ", ".join(f"{owner} ({', '.join(keys)})" for owner, keys in assumed if keys),
    }
    return [f"  {name:<8} {value}" for name, value in lines.items() if value]


def _add_fit(commands: Any) -> None:
    command = commands.add_parser(
        "fit",
        help="say whether the nodes can hold what the home runs, and what can't be placed",
        description="What the home runs is asked of the program, which plans it without registering anything. "
        "Ends with 1 for a home that can never fit.",
    )
    command.add_argument("file", nargs="?", default=_STACK_FILE, metavar="FILE", help=f"by default {_STACK_FILE}")
    command.add_argument(
        "--objects",
        metavar="PLACE",
        help="weigh the Kubernetes objects in this file or folder instead, as `python -m render` writes them; - reads "
        "standard input, as from `kubectl get deployments,statefulsets,daemonsets -A -o yaml`",
    )
    command.add_argument("--json", action="store_true", help="print data instead of a table")
    command.set_defaults(run=_fit)


def _fit(arguments: argparse.Namespace) -> int:
    home = load_file(arguments.file)
    found = objects.planned(arguments.file) if arguments.objects is None else objects.read(arguments.objects)
    result = fit.weigh(home, fit.demands_of(found))
    print(json.dumps(fit.as_data(result), indent=2) if arguments.json else fit.text(result))
    return 1 if result.verdict == "never" else 0


def _add_skew(commands: Any) -> None:
    command = commands.add_parser("skew", help="say whether the nodes' versions go together, and the way out")
    command.add_argument("file", nargs="?", default=_STACK_FILE, metavar="FILE", help=f"by default {_STACK_FILE}")
    command.add_argument("--json", action="store_true", help="print data instead of a table")
    command.add_argument("--strict", action="store_true", help="end with 1 when they don't; else this only advises")
    command.set_defaults(run=_skew)


def _skew(arguments: argparse.Namespace) -> int:
    found = skew.look(load_file(arguments.file))
    print(json.dumps(skew.as_data(found), indent=2) if arguments.json else skew.text(found))
    return 1 if arguments.strict and not found.is_kept else 0


def _add_exposure(commands: Any) -> None:
    command = commands.add_parser(
        "exposure",
        help="say who reaches what, by which way",
        description="What the home runs and what talks to what is asked of the program, which plans it without "
        "registering anything.",
    )
    command.add_argument("file", nargs="?", default=_STACK_FILE, metavar="FILE", help=f"by default {_STACK_FILE}")
    command.add_argument("--json", action="store_true", help="print data instead of a table")
    command.add_argument(
        "--html", nargs="?", const=_PAGE, metavar="PAGE", type=Path, help=f"write {_PAGE} too, or PAGE"
    )
    command.set_defaults(run=_exposure)


def _exposure(arguments: argparse.Namespace) -> int:
    from exposure.page import page
    from exposure.shape import as_data

    here = load_file(arguments.file)
    found = exposure.expected(here, exposure.planned(arguments.file), exposure.name_of(arguments.file))
    if arguments.json:
        print(json.dumps(as_data(found), indent=2))
    else:
        # Imported when needed: it takes as long as the rest of the command together.
        from rich.console import Console

        from exposure.table import table

        console = Console(highlight=False)
        # Into a file or a pipe, lines are as long as they are.
        (console if console.is_terminal else Console(highlight=False, width=160)).print(table(found))
    if arguments.html:
        arguments.html.parent.mkdir(parents=True, exist_ok=True)
        arguments.html.write_text(page(found), encoding="utf-8")
        print(f"The page: {arguments.html}", file=sys.stderr)
    return 0


def _add_schema(commands: Any) -> None:
    command = commands.add_parser("schema", help="print the JSON Schema of the config file, for home/schema.json")
    command.set_defaults(run=_schema)


def _schema(_: argparse.Namespace) -> int:
    sys.stdout.write(schema.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
