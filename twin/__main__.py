"""The twin's commands: `python -m twin --help`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from twin import binaries
from twin.api import Api
from twin.cluster import Twin
from twin.state import State, TwinError

if TYPE_CHECKING:
    from rich.console import Console

OK = 0
FAILED = 1
NOT_RUNNING = 3

DIFFERS = 3

_PAGE = Path("build/exposure.html")

# What the engine did to resources, by its own names for it.
_DONE = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_LOOKS = ("same", "read", "refresh")

_STATE = Path(".twin")
_HOME = Path("Pulumi.homelab.yaml")

_DESCRIPTION = """\
The home's twin: a simulated home on this machine. Real are etcd, the API server, its scheduler and its controllers;
simulated are the nodes, their GPUs and volumes. It listens on loopback only and keeps everything in one folder."""


def main(arguments: Sequence[str]) -> int:
    """Run one command. The exit code: 0, 1 when it failed (and said why), 3 from `status` when not all of it runs, and
    from `exposure` when what can be reached isn't what is described."""
    options = _parser().parse_args(arguments)
    begin = time.monotonic()

    def report(line: str) -> None:
        # Not where the results go: those may be read by another program.
        print(f"{time.monotonic() - begin:5.1f} s  {line}", file=sys.stderr, flush=True)

    twin = Twin(options.state, options.home or State(options.state).home() or _HOME, report)
    run: Callable[[Twin, argparse.Namespace], int] = options.run
    try:
        return run(twin, options)
    except (TwinError, OSError) as error:
        print(f"twin: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("twin: interrupted; the command can be given again", file=sys.stderr)
        return 130


def _up(twin: Twin, options: argparse.Namespace) -> int:
    twin.up()
    _say(f"The twin is up: export KUBECONFIG={_short(twin.kubeconfig)}")
    return OK


def _deploy(twin: Twin, options: argparse.Namespace) -> int:
    from twin.engine import Engine, EngineError

    begin = time.monotonic()
    twin.up()
    try:
        run = Engine(twin).up(*options.arguments)
    except EngineError as error:
        # Most often something didn't become ready, and the cluster knows why.
        _show_cluster(twin)
        print(f"twin: {error}", file=sys.stderr)
        return FAILED
    _show_cluster(twin)
    _show_exposure(twin)
    done = ", ".join(f"{count} {_DONE.get(what, what)}" for what, count in run.changes.items() if what not in _LOOKS)
    outcome = done if run.changed else "nothing changed, the home is as the program says"
    _say(f"\nDone in {time.monotonic() - begin:.0f} s: {outcome}.")
    return OK


def _down(twin: Twin, options: argparse.Namespace) -> int:
    twin.down()
    _say("The twin is down; what it held is kept for the next `python -m twin up`.")
    return OK


def _reset(twin: Twin, options: argparse.Namespace) -> int:
    twin.reset()
    _say("The twin is gone, with everything it held.")
    return OK


def _status(twin: Twin, options: argparse.Namespace) -> int:
    if not twin.folder.exists():
        _say(f"There is no twin in {_short(twin.state)}: `python -m twin up` makes one.")
        return NOT_RUNNING
    console = _console()
    console.print(f"[bold]The twin in {_short(twin.state)}[/]")
    for part in twin.running():
        ports = f", port {' and '.join(map(str, part.ports))}" if part.ports else ""
        how = f"[green]runs[/], process {part.pid}{ports}" if part.pid else "[yellow]doesn't run[/]"
        console.print(f"  {part.name:24} {how}")
    try:
        twin.require_running()
    except TwinError:
        _say("\nIts API server doesn't answer: `python -m twin up` brings back what is missing.")
        return NOT_RUNNING
    _show_cluster(twin)
    if not all(part.pid for part in twin.running()):
        _say("\nPart of it doesn't run: `python -m twin up` brings it back.")
        return NOT_RUNNING
    return OK


def _node(twin: Twin, options: argparse.Namespace) -> int:
    twin.set_node(options.name, options.wanted)
    _say(f"{options.name} is {options.wanted}. It stays so until you say otherwise, or `python -m twin reset`.")
    return OK


def _exposure(twin: Twin, options: argparse.Namespace) -> int:
    from exposure.difference import difference_data
    from exposure.page import page
    from exposure.shape import as_data
    from twin.exposure.comparing import compared

    twin.require_running()
    found, differing = compared(twin)
    if options.json:
        print(json.dumps({**as_data(found), "differences": difference_data(differing)}, indent=2))
    else:
        from exposure.table import table

        _console().print(table(found, differing))
    if options.html:
        options.html.parent.mkdir(parents=True, exist_ok=True)
        options.html.write_text(page(found, differing), encoding="utf-8")
        print(f"The page: {_short(options.html)}", file=sys.stderr)
    return DIFFERS if differing else OK


def _pulumi(twin: Twin, options: argparse.Namespace) -> int:
    from twin.engine import Engine, EngineError

    twin.up()
    try:
        Engine(twin).run(*options.arguments)
    except EngineError as error:
        print(f"twin: {error}", file=sys.stderr)
        return FAILED
    return OK


def _show_cluster(twin: Twin) -> None:
    from twin import summary

    # What make calls is the twin in the usual place; others are spoken to directly.
    usual = twin.state == _STATE.resolve()
    command = f"{_short(Path(sys.executable))} -m twin" + ("" if usual else f" --state {_short(twin.state)}")
    own = binaries.folder() / "kubectl"
    kubectl = "kubectl" if shutil.which("kubectl") or not own.exists() else _short(own)
    commands = summary.Commands(
        twin=command,
        kubectl=f"{kubectl} --kubeconfig {_short(twin.kubeconfig)}",
        up="make up" if usual else f"{command} deploy",
        preview="make preview" if usual else f"{command} pulumi preview",
    )
    api = twin.api()
    summary.show(_console(), summary.take(api), commands, _fit(twin, api))


def _show_exposure(twin: Twin) -> None:
    """One sentence on who reaches what. Where it isn't as described, that is nothing that the engine failed at."""
    from exposure.wording import summed_up
    from twin.exposure.comparing import compared

    _, differing = compared(twin)
    show = (
        "make exposure" if twin.state == _STATE.resolve() else f"python -m twin --state {_short(twin.state)} exposure"
    )
    _say(f"\n{summed_up(differing)} `{show}` shows it.")


def _fit(twin: Twin, api: Api) -> str:
    """What the workloads that are there ask of the nodes as described; K3s' own are counted anyway."""
    import home
    from home import fit

    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    workloads = [one for kind in kinds for one in api.list(kind) if one["metadata"]["namespace"] != "kube-system"]
    try:
        here = home.load_file(twin.home)
    except home.HomeError as error:
        return f"{twin.home.name} doesn't describe a home any more:\n{error}"
    return fit.text(fit.weigh(here, fit.demands_of(workloads)))


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    # Into a file or a pipe, lines are as long as they are.
    return console if console.is_terminal else Console(highlight=False, width=200)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m twin", description=_DESCRIPTION, formatter_class=_Formatter)
    parser.add_argument("--state", type=Path, default=_STATE, metavar="DIR", help=f"its folder (default: {_STATE})")
    described = f"the stack config of the home that it simulates (default: as before, at first {_HOME})"
    parser.add_argument("--home", type=Path, metavar="FILE", help=described)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Twin, argparse.Namespace], int], purpose: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=purpose, description=purpose)
        added.set_defaults(run=run)
        return added

    command("up", _up, "start the cluster, or what is missing of it")
    deploy = command("deploy", _deploy, "start the cluster, put the home on it, and show what runs where")
    deploy.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG", help="for `pulumi up`")
    command("down", _down, "stop the cluster and keep what it holds")
    command("status", _status, "show what runs where, and what doesn't run and why")
    command("reset", _reset, "stop the cluster and forget everything it holds")
    exposure = command("exposure", _exposure, "show who reaches what, read back from all that it holds")
    exposure.add_argument("--json", action="store_true", help="print data instead of a table")
    exposure.add_argument(
        "--html", nargs="?", const=_PAGE, type=Path, metavar="PAGE", help=f"write {_PAGE} too, or PAGE"
    )
    node = command("node", _node, "have a node answer, or fall silent")
    node.add_argument("name", metavar="NAME")
    node.add_argument("wanted", choices=("ready", "unknown"))
    pulumi = command("pulumi", _pulumi, "run a Pulumi command on the twin's stack")
    pulumi.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARG")
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help whose description keeps its lines."""


def _short(path: Path) -> str:
    """The path as one would type it here."""
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
