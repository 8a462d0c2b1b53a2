"""The real engine with the real pack, on programs that only render YAML: no cluster and no credentials are needed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.unknown import UNKNOWN as NOT_KNOWN
from tests.policies.cases.case import Declared

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("HOMEBRAIN_TOOLS", ROOT / ".tools" / "bin"))

UNKNOWN = "<unknown>"
"""Where a program is to have a value that its preview doesn't know."""
SECRET = "<secret>"
"""What precedes a text that a program is to hold as a secret."""

_PROGRAM = f"""
import asyncio
import json
import pathlib

import pulumi
import pulumi_kubernetes


def later(value):
    future = asyncio.get_event_loop().create_future()
    future.set_result(value)
    return future


def declared(value):
    if value == {UNKNOWN!r}:
        return pulumi.Output(set(), later(None), later(False))
    if isinstance(value, str) and value.startswith({SECRET!r}):
        return pulumi.Output.secret(value.removeprefix({SECRET!r}))
    if isinstance(value, dict):
        return {{key: declared(each) for key, each in value.items()}}
    return [declared(each) for each in value] if isinstance(value, list) else value


provider = pulumi_kubernetes.Provider("rendered", render_yaml_to_directory="rendered")
for token, name, properties, protect in json.loads(pathlib.Path("resources.json").read_text()):
    if token.startswith("kubernetes:"):
        opts = pulumi.ResourceOptions(provider=provider, protect=protect)
        pulumi.CustomResource(token, name, declared(properties), opts)
    else:
        # Other providers have no plugin here. A component shows the pack the same type and properties.
        pulumi.ComponentResource(token, name, declared(properties), pulumi.ResourceOptions(protect=protect))
"""


def _wired(value: Any) -> Any:
    """Plain data as the program reads it, unknown values by their sign."""
    if value is NOT_KNOWN:
        return UNKNOWN
    if isinstance(value, dict):
        return {key: _wired(each) for key, each in value.items()}
    return [_wired(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Preview:
    """What a run said: its exit code, its output, and each policy event as (level, resource name, message)."""

    code: int
    output: str
    events: list[tuple[str, str, str]]

    def refused(self, name: str = "") -> list[str]:
        """Messages that refuse the resource of this name, or any."""
        return [text for level, about, text in self.events if level == "mandatory" and name in ("", about)]

    def advised(self) -> list[str]:
        """Messages that only advise."""
        return [text for level, _, text in self.events if level == "advisory"]


class Program:
    """A Pulumi program, its state and a copy of the pack in one folder."""

    def __init__(self, folder: Path, exceptions: str = "exceptions: []\n") -> None:
        self._folder = folder
        # The pack looks for its Python in the folder above; here that is the one that runs the tests.
        (folder / ".venv").symlink_to(sys.prefix)
        self._pack = folder / "policies"
        shutil.copytree(ROOT / "policies", self._pack, ignore=shutil.ignore_patterns("__pycache__"))
        # What the pack takes from beside it.
        shutil.copytree(ROOT / "tailnet", folder / "tailnet", ignore=shutil.ignore_patterns("__pycache__"))
        (self._pack / "exceptions.yaml").write_text(exceptions, encoding="utf-8")
        for name in ("program", "state", "home"):
            (folder / name).mkdir()
        self._program = folder / "program"
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (self._program / "Pulumi.yaml").write_text(json.dumps({"name": "tried", "runtime": runtime}), encoding="utf-8")
        (self._program / "__main__.py").write_text(_PROGRAM, encoding="utf-8")
        code, output = self._pulumi("stack", "init", "tried")
        assert code == 0, output

    def preview(self, resources: Iterable[Declared], config: dict[str, Any] | None = None) -> Preview:
        """Preview resources; `config` is the pack's."""
        return self._run("preview", resources, config)

    def up(self, resources: Iterable[Declared]) -> Preview:
        """Deploy resources, without a preview before."""
        return self._run("up", resources, None, "--yes", "--skip-preview")

    def _run(self, command: str, resources: Iterable[Declared], config: dict[str, Any] | None, *flags: str) -> Preview:
        listed = [(one.token, one.name, _wired(one.props), one.protect) for one in resources]
        (self._program / "resources.json").write_text(json.dumps(listed), encoding="utf-8")
        log = self._folder / "events.json"
        log.unlink(missing_ok=True)
        arguments = ["--stack", "tried", "--policy-pack", str(self._pack), "--event-log", str(log), *flags]
        if config is not None:
            (self._folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
            arguments += ["--policy-pack-config", str(self._folder / "config.json")]
        code, output = self._pulumi(command, *arguments)
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        told = [event["policyEvent"] for event in map(json.loads, lines) if "policyEvent" in event]
        events = [
            (event["enforcementLevel"], event.get("resourceUrn", "").rpartition("::")[2], event["message"])
            for event in told
        ]
        return Preview(code, output, events)

    def pin(self, versions: str) -> None:
        """Put a versions file beside the pack."""
        (self._folder / "versions.yaml").write_text(versions, encoding="utf-8")

    def _pulumi(self, *arguments: str) -> tuple[int, str]:
        environment = {
            "HOME": str(self._folder / "home"),
            "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{self._folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "tried",
            # Without it there is no --event-log.
            "PULUMI_DEBUG_COMMANDS": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_HOME": str(self._folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        started = subprocess.Popen(
            [TOOLS / "pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self._program,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = started.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            # The engine's plugins are its children's children.
            os.killpg(started.pid, signal.SIGKILL)
            raise
        return started.returncode, output
