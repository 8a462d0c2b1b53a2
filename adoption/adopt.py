"""Adopting: show what would change, then import, and make sure that the next `up` neither deletes nor replaces."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from adoption import changes, imports, preflight
from adoption.cluster import RefusedError
from adoption.engine import FORCE, Pulumi, State
from adoption.preflight import Found
from adoption.program import Declared, Program

_HARMLESS = frozenset({"create", "import", "read", "refresh", "same", "update"})

# Fields that the API server would let change and the provider wouldn't (4.25.0, provider/diff.go).
_MADE_ANEW: Mapping[str, tuple[str, ...]] = {
    "StatefulSet": ("spec.revisionHistoryLimit",),
    "Job": ("spec.completions", "spec.parallelism"),
    "PodDisruptionBudget": ("spec",),
    "ResourceQuota": ("spec.scopes",),
}


class Api(Protocol):
    """What adopting asks of the cluster."""

    def get(self, declared: Declared) -> Mapping[str, Any] | None:
        """The object that is there, or None."""

    def applied(self, declared: Declared, live: Mapping[str, Any]) -> Mapping[str, Any]:
        """What declaring it would make of it. Raises `RefusedError`."""


class ReplacedError(Exception):
    """The next `up` would delete or replace what was just imported."""


def adopt(program: Program, pulumi: Pulumi, api: Api, out: Path, agreed: Callable[[], bool]) -> int:
    """Show, ask, import. The exit code: 0 when nothing is left to import, 1 when it was refused and nothing happened.

    out: where the import file goes. Whatever fails on the way (`EngineError`) leaves the state as it was before; the
    cluster is only read.
    """
    before = pulumi.export()
    state = State(before)
    result = preflight.look(program, state, api.get)
    if result.is_clear:
        print(preflight.text(result, pulumi.stack))
        return 0
    if result.lockouts:
        print("\n".join(line for one in result.lockouts for line in preflight.lockout_lines(one, pulumi.stack)))
        print("Nothing was imported.")
        return 1
    if refused := _show(result.found, api):
        print("\n".join(_refusal(refused, pulumi.stack)))
        return 1

    document = imports.import_file(program, result.found, state)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\nThe imports, in {out}:")
    for one in result.found:
        print(f"  {one.declared.key.id} -> {one.declared.urn}")
    if not agreed():
        print("Nothing was imported.")
        return 1
    try:
        stopped = _import(program, pulumi, state, result.found, out)
    except BaseException as error:
        _restore(pulumi, before)
        if not isinstance(error, ReplacedError):
            raise
        print(f"{error}\nNothing was imported.")
        return 1
    print("\n".join(_next(len(result.found), pulumi.stack, stopped)))
    return 0


def _next(count: int, stack: str, stopped: str | None) -> list[str]:
    lines = [
        "",
        f"{count} imported. The cluster is as it was; the changes above come with the next up, which has to be told "
        "once that it may set fields which other tools have set:",
    ]
    forced = " ".join(f"{name}={value}" for name, value in FORCE.items())
    if stopped is None:
        return [*lines, f"  {forced} make up STACK={stack}"]
    return [
        *lines,
        f'  {forced} make up STACK={stack} ARGS="--yes --skip-preview"',
        "Its own preview would stop here, since it doesn't see that kubectl's fields are handed over first:",
        *(f"  {line}" for line in stopped.splitlines() if line.strip()),
    ]


def _show(found: Iterable[Found], api: Api) -> list[Found]:
    """Print what would change in each object; give back those that can't become what is declared."""
    refused = []
    for one in found:
        print(f"\n{one.declared.key} (managed by {one.managed_by})")
        try:
            applied = api.applied(one.declared, one.live)
        except RefusedError as error:
            if error.status not in (403, 409, 422):
                raise
            refused.append(one)
            print(f"  ! {error.message}")
            continue
        told = changes.changes(one.live, applied)
        if again := [change for change in told if change.path.startswith(_MADE_ANEW.get(one.declared.key.kind, ()))]:
            refused.append(one)
            print(f"  ! Pulumi makes a {one.declared.key.kind} anew when {again[0].path} changes")
        print("\n".join(f"  {change}" for change in told) or "  nothing changes")
    return refused


def _refusal(refused: Iterable[Found], stack: str) -> list[str]:
    lines = ["", "These can't become what the program declares: only an object made anew could. Nothing was imported."]
    for one in refused:
        lines.append(f"  {one.declared.key}: {_way_out(one)}")
    return [*lines, f"Then again: make adopt STACK={stack}"]


def _way_out(found: Found) -> str:
    key = found.declared.key
    place = f" -n {key.namespace}" if key.namespace else ""
    named = f"{key.kind.lower()} {key.name}{place}"
    if key.kind in ("PersistentVolumeClaim", "PersistentVolume"):
        return (
            "it holds data and is never made anew here. Declare what it has (its size and shares are in the home's "
            "config), or move the data first: docs/runbooks/10-taking-over-a-living-home.md"
        )
    if key.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return f"its data is in its claims, so you can delete it when it suits you: kubectl delete {named}"
    return f"change by hand what it says above (kubectl edit {named}), or delete it when it suits you"


def _import(program: Program, pulumi: Pulumi, state: State, found: tuple[Found, ...], file: Path) -> str | None:
    """Import, and make the state say of each object only what the program says. Raises `ReplacedError` when the next
    `up` would still delete or replace one; gives back why a preview of it stops, if it does."""
    missing = [urn for urn in map(program.urn, program.base) if urn not in state.urns]
    if missing:
        targets = [word for urn in missing for word in ("--target", urn)]
        pulumi.run("up", "--yes", "--skip-preview", *targets)
    pulumi.run("import", "--file", str(file.absolute()), "--yes", "--skip-preview", "--generate-code=false")
    _restore(pulumi, imports.narrowed(pulumi.export(), found))
    urns = {one.declared.urn for one in found}
    steps, stopped = pulumi.preview()
    harmed = [(step["op"], step["urn"]) for step in steps if step["urn"] in urns]
    if told := [f"  {urn}: {operation}" for operation, urn in harmed if operation not in _HARMLESS]:
        raise ReplacedError("\n".join(["The next up would make these anew, and lose what they are:", *told]))
    return stopped


def _restore(pulumi: Pulumi, deployment: Mapping[str, Any]) -> None:
    """Make this the stack's state. Its secrets are encrypted."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.json"
        file.write_text(json.dumps(deployment))
        pulumi.run("stack", "import", "--file", str(file))
