"""The Pulumi engine as a command, and what a stack's state holds."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adoption.program import Key, key_of
from render.program import PROJECT

# Without it a field that another tool has set stops the engine, even in a preview. What is taken over was shown.
FORCE = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}


class EngineError(Exception):
    """The engine failed; the message is its own."""


@dataclass(frozen=True)
class Pulumi:
    """The engine for one stack: the command that starts it, the project's folder and the environment to run in."""

    stack: str
    folder: Path
    command: Sequence[str] = ("pulumi",)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    def run(self, *args: str) -> str:
        """Run a command on the stack and give back what it printed. Raises `EngineError` when it fails."""
        done = self._execute(args, self.environment)
        if done.returncode != 0:
            said = f"{done.stdout}{done.stderr}".strip()
            raise EngineError(f"`pulumi {' '.join(args[:2])}` of the stack {self.stack} failed:\n{said}")
        return done.stdout

    def export(self) -> dict[str, Any]:
        """The stack's state, secrets encrypted."""
        deployment: dict[str, Any] = json.loads(self.run("stack", "export"))
        return deployment

    def secrets(self) -> dict[str, str]:
        """The secrets in the stack's config, in clear, by key without the project's name."""
        config = json.loads(self.run("config", "--show-secrets", "--json"))
        own = {key.removeprefix(f"{PROJECT}:"): one for key, one in config.items() if key.startswith(f"{PROJECT}:")}
        return {key: one["value"] for key, one in own.items() if one.get("secret")}

    def preview(self) -> tuple[list[dict[str, Any]], str | None]:
        """What the next `up` would do, one step an entry, and why it can't be told to the end, if so.

        Raises `EngineError` when it tells nothing at all.
        """
        done = self._execute(("preview", "--json"), {**self.environment, **FORCE})
        try:
            document = json.loads(done.stdout)
        except ValueError:
            raise EngineError(f"`pulumi preview` of the stack {self.stack} failed:\n{done.stderr.strip()}") from None
        told = [one["message"].strip() for one in document.get("diagnostics", []) if one.get("severity") == "error"]
        return document.get("steps", []), None if done.returncode == 0 else "\n".join(told)

    def _execute(self, args: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *args, "--stack", self.stack],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


class State:
    """What a stack's exported state holds."""

    def __init__(self, deployment: Mapping[str, Any]) -> None:
        """`deployment` is as `Pulumi.export` gives it."""
        self.resources: list[dict[str, Any]] = (deployment.get("deployment") or {}).get("resources") or []
        self.urns = frozenset(one["urn"] for one in self.resources)
        # What the program only reads stays somebody else's.
        own = [one for one in self.resources if one.get("custom") and not one.get("external")]
        self.keys: frozenset[Key] = frozenset(filter(None, (key_of(one["type"], one.get("id", "")) for one in own)))
