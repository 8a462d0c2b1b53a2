"""`python -m adoption`: takes over a home that runs today, with its owner's consent."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import home
from adoption import adopt, preflight
from adoption.cluster import Cluster, RefusedError, UnreachableError
from adoption.engine import EngineError, Pulumi, State
from adoption.program import Program
from render import evaluate, stack

_OUT = Path("build/adopt.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0: done, or nothing to do; 1: refused or failed, which was said; 2: misused."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (home.HomeError, EngineError, RefusedError, UnreachableError, OSError) as error:
        print(f"adoption: {error}", file=sys.stderr)
        return 1


def _preflight(options: argparse.Namespace) -> int:
    config = stack.read(_config_file(options))
    program = Program(evaluate(config.values, config.secrets, stack=options.stack), options.stack)
    result = preflight.look(program, State(_pulumi(options).export()), _cluster(config).get)
    print(preflight.text(result, options.stack))
    return 0 if result.is_clear else 1


def _adopt(options: argparse.Namespace) -> int:
    config = stack.read(_config_file(options))
    pulumi = _pulumi(options)
    # The real secrets, to see whether those in the cluster differ; none is shown or kept.
    secrets = {**config.secrets, **pulumi.secrets()}
    program = Program(evaluate(config.values, secrets, stack=options.stack), options.stack)
    return adopt.adopt(program, pulumi, _cluster(config), options.out, (lambda: True) if options.yes else _agreed)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        print("Nobody is there to ask: run it again with --yes to import these.", file=sys.stderr)
        return False
    return input("Import these into the state? The cluster stays as it is. [yes/no] ").strip().lower() in ("yes", "y")


def _config_file(options: argparse.Namespace) -> Path:
    return options.file or Path(f"Pulumi.{options.stack}.yaml")


def _cluster(config: stack.StackConfig) -> Cluster:
    return Cluster(Path(config.values["kubeconfig"]).expanduser(), config.values.get("context"))


def _pulumi(options: argparse.Namespace) -> Pulumi:
    return Pulumi(options.stack, Path.cwd(), tuple(shlex.split(options.pulumi)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adoption", description="Take over a home that runs today.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", required=True, help="the stack: its config is Pulumi.STACK.yaml")
    common.add_argument("--file", type=Path, help="a stack config file elsewhere")
    common.add_argument("--pulumi", default="pulumi", metavar="COMMAND", help="how to start Pulumi (default: pulumi)")
    one = commands.add_parser(
        "preflight", parents=[common], help="list what `pulumi up` would take over; 1 when there is any"
    )
    one.set_defaults(run=_preflight)
    one = commands.add_parser("adopt", parents=[common], help="show what would change in each, and import them")
    one.add_argument("--yes", action="store_true", help="import without asking")
    one.add_argument("--out", type=Path, default=_OUT, help=f"where to write the imports (default: {_OUT})")
    one.set_defaults(run=_adopt)
    return parser


if __name__ == "__main__":
    sys.exit(main())
