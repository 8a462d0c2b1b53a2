"""`python -m components`: write what the program plans for a home, as data, without registering anything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

import yaml

import home
from components.demands import controllers
from components.plan import Plan, plan
from components.tailnet_policy import policy, text
from home import Home

_STACK_FILE = "Pulumi.homelab.yaml"

_WRITTEN: Mapping[str, tuple[str, Callable[[Home, Plan], str]]] = {
    "connections": (
        "what talks to what: a YAML document for each workload",
        lambda _, rooms: yaml.safe_dump_all(rooms.connections),
    ),
    "demands": (
        "what has to find room on the nodes: the controllers of all pods",
        lambda _, rooms: yaml.safe_dump_all(controllers(rooms.workloads)),
    ),
    "tailnet-policy": (
        "the tailnet's policy file",
        lambda here, rooms: text(policy(here, rooms.tailnet)),
    ),
}


def main() -> int:
    """Write one of them; 1 when the home's description is wrong."""
    parser = argparse.ArgumentParser(prog="python -m components", description="Write what the program plans.")
    commands = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for what, (meaning, _) in _WRITTEN.items():
        command = commands.add_parser(what, help=meaning)
        command.add_argument("file", nargs="?", default=_STACK_FILE, metavar="FILE", help=f"by default {_STACK_FILE}")
    asked = parser.parse_args()
    try:
        here = home.load_file(asked.file)
        sys.stdout.write(_WRITTEN[asked.what][1](here, plan(here, home.versions.load())))
    except home.HomeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
