"""The real Pulumi engine, on the stack `twin`.

Everything it writes stays in the twin's state folder: its home with the plugins (the stand-ins among them), the
stack's state, the passphrase and the stack's config. It sees no credentials and no plugin of the machine it runs on,
and reaches no cluster but the twin's.

An engine that was killed leaves a lock, and operations of which nobody knows whether they took effect. Every run clears
both away first (`twin.recovery`).
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT
from typing import IO, Any, Protocol

import yaml

from twin import binaries, recovery, stack_config, standins
from twin.standins import sdk
from twin.state import State, TwinError, write_private

STACK = "twin"

# Commands that run the policy packs; that count what they do with resources; that read the stack's config.
_CHECKED = frozenset({"preview", "pre", "up", "update"})
_DEPLOYING = _CHECKED | {"destroy", "down", "dn", "import", "refresh", "ref"}
_CONFIGURED = _DEPLOYING | {"config", "watch"}
_CREDENTIALS = (
    "ARM_",
    "AWS_",
    "AZURE_",
    "CF_",
    "CLOUDFLARE_",
    "CLOUDSDK_",
    "GCLOUD_",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GOOGLE_",
    "HELM_",
    "KUBE",
    "PULUMI_",
    "TAILSCALE_",
    "TS_",
)


class EngineError(TwinError):
    """A run of the engine that failed: the message says which, and quotes the engine where its output was captured."""


class EngineBusyError(EngineError):
    """Another run of the engine holds the twin's stack."""


class TwinPaths(Protocol):
    """What the engine needs to know of a twin."""

    @property
    def state(self) -> Path:
        """The twin's state folder."""

    @property
    def home(self) -> Path:
        """The stack config file of the home that it is a twin of."""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig file of its cluster."""


@dataclass(frozen=True)
class Run:
    """What a run of the engine did."""

    output: str = ""
    """What it printed, if captured."""
    changes: Mapping[str, int] = field(default_factory=dict)
    """Resources by operation, as the engine counts them: `{"create": 3, "same": 12}`."""

    @property
    def changed(self) -> int:
        """How many resources it created, updated, replaced or deleted (or would, for a preview)."""
        return sum(count for operation, count in self.changes.items() if operation not in ("same", "read", "refresh"))


class Engine:
    """The Pulumi engine for one program on one twin.

    `Engine(twin).up().changed` is 0 when there was nothing to do.
    """

    def __init__(
        self,
        twin: TwinPaths,
        program: Path = binaries.CHECKOUT,
        config: Path | None = None,
        policy_packs: Sequence[Path] | None = None,
        capture: bool = False,
    ) -> None:
        """An engine for the project in the folder `program`, by default the home itself.

        The stack's config is derived from `config`, by default the twin's home. `policy_packs` are the packs to run, by
        default the program's own `policies/`. With `capture` a run's output is collected instead of shown.
        """
        self._twin = twin
        program = program.resolve()
        self._program = program
        self._config = config or twin.home
        self._capture = capture
        own = program / "policies"
        self._policy_packs = policy_packs if policy_packs is not None else [own] if own.is_dir() else []
        self._project = str(yaml.safe_load((program / "Pulumi.yaml").read_text())["name"])
        state = twin.state.absolute()
        # The home's files lie in the state folder itself, those of other programs beside each other below it.
        self._folder = state if program == binaries.CHECKOUT else state / "programs" / self._project
        self._pulumi = state / "pulumi"
        self.standins = State(state).standins
        self.config_file = self._folder / f"Pulumi.{STACK}.yaml"

    def preview(self, *args: str) -> Run:
        """Show what `up` would do. `args` go to the engine as they are. Raises EngineError if it can't be done."""
        return self.run("preview", *args)

    def up(self, *args: str) -> Run:
        """Bring the stack to what the program says, without asking. Raises EngineError if it can't be done."""
        return self.run("up", "--yes", "--skip-preview", *args)

    def destroy(self, *args: str) -> Run:
        """Delete everything in the stack, without asking."""
        return self.run("destroy", "--yes", "--skip-preview", *args)

    def run(self, *args: str, wait: float = 0) -> Run:
        """Run any Pulumi command on the stack, such as `run("stack", "output", "--json")`.

        A preview and an `up` run the policy packs unless `args` name others. Raises EngineBusyError if the command is
        one that deploys and another run has been holding the stack for `wait` seconds, and EngineError if it fails.
        """
        command, *rest = args or ("help",)
        with self._alone():
            self._prepare()
            if command in _DEPLOYING:
                self._await_turn(wait)
                find = recovery.finder(self.standins, self._twin.kubeconfig)
                recovery.recover(self._checkpoint(), find, self._silently)
        with self._event_log(command) as (log, flags):
            if command in _CHECKED and not any(word.partition("=")[0] == "--policy-pack" for word in rest):
                flags += [word for pack in self._policy_packs for word in self._checking_by(pack.absolute())]
            output = self._execute([command, *flags, *rest], *((PIPE, STDOUT) if self._capture else (None, None)))
            return Run(output, _changes(log))

    def _checking_by(self, pack: Path) -> list[str]:
        """The flags that run a policy pack, by the config that it has for the home's own stack, if any."""
        stack = self._config.name.removeprefix("Pulumi.").removesuffix(".yaml")
        config = pack / "config" / f"{stack}.json"
        return ["--policy-pack", str(pack), *(("--policy-pack-config", str(config)) if config.is_file() else ())]

    def export(self) -> dict[str, Any]:
        """The stack's state as the engine exports it, secrets encrypted."""
        self.prepare()
        deployment: dict[str, Any] = json.loads(self._silently("stack", "export"))
        return deployment

    def prepare(self) -> None:
        """Make what a run needs: plugins, passphrase, stack and its config. Does nothing that is done already."""
        with self._alone():
            self._prepare()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold what comes before a run for one process at a time; the run itself the engine's own lock guards."""
        # Everybody else is kept out at the outermost folder.
        self._twin.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self._folder, self._pulumi / "backend"):
            folder.mkdir(parents=True, exist_ok=True)
        with (self._pulumi / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _prepare(self) -> None:
        if not self._passphrase.exists():
            write_private(self._passphrase, secrets.token_urlsafe(24))
        self._install_plugins()
        # A project of the program's name beside the config: commands that can't be told where it lies run there.
        write_private(self._folder / "Pulumi.yaml", f"name: {self._project}\nruntime: python\n")
        if not self._checkpoint().exists():
            self._silently("stack", "init", STACK)
        self._configure()

    @property
    def _passphrase(self) -> Path:
        return self._pulumi / "passphrase"

    def _checkpoint(self) -> Path:
        return self._pulumi / "backend" / ".pulumi" / "stacks" / self._project / f"{STACK}.json"

    def _install_plugins(self) -> None:
        """Fill the plugin folder of the twin's Pulumi home, the one place where its engine looks for plugins.

        A version in a folder's name is the one that the program asks for; the language host is asked for without.
        """
        plugins = self._pulumi / "home" / "plugins"
        for service in standins.SERVICES:
            name = f"pulumi-resource-{service}"
            _install(plugins / f"resource-{service}-v{sdk.version(service)}" / name, self._standin_script(service))
        _link(plugins / f"resource-kubernetes-v{sdk.version('kubernetes')}", "pulumi-resource-kubernetes")
        _link(plugins / "language-python-v0.0.0", "pulumi-language-python", "pulumi-language-python-exec")

    def _standin_script(self, service: str) -> str:
        # -P: the program's folder, in which the engine starts plugins, must not shadow any module.
        command = [sys.executable, "-P", "-m", "twin.standins", service, "--folder", str(self.standins)]
        command += [f"--{name}={value}" for name, value in stack_config.outside(self._home_config()).items()]
        return f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(binaries.CHECKOUT))} exec {shlex.join(command)} "$@"\n'

    def _configure(self) -> None:
        """Write the stack's config when it isn't what the home's config says."""
        home = self._home_config()
        previous = yaml.safe_load(self.config_file.read_text()) if self.config_file.exists() else {}
        required = _secrets_of(self._config, previous) if self._program == binaries.CHECKOUT else ()
        document = stack_config.derive(home, self._twin.kubeconfig.absolute())
        missing = stack_config.keep(document, previous, stack_config.secret_places(home, required))
        if document == previous:
            return
        write_private(self.config_file, yaml.safe_dump(document, sort_keys=False))
        if missing:
            values = [f"{stack_config.path(place)}={stack_config.throwaway()}" for place in missing]
            self._silently("config", "set-all", "--path", *(word for value in values for word in ("--secret", value)))

    def _home_config(self) -> dict[str, Any]:
        return yaml.safe_load(self._config.read_text()) or {}

    def _await_turn(self, wait: float) -> None:
        deadline = time.monotonic() + wait
        while (owner := recovery.clear_dead_locks(self._locks(), self._marker)) is not None:
            if time.monotonic() >= deadline:
                raise EngineBusyError(
                    f"another run of the engine holds this twin's stack ({owner}): wait for it to end, or stop it"
                )
            time.sleep(0.2)

    def _locks(self) -> Path:
        return self._pulumi / "backend" / ".pulumi" / "locks" / "organization" / self._project / STACK

    @property
    def _marker(self) -> tuple[str, str]:
        """An environment variable that everything the engine of this twin starts inherits."""
        return "PULUMI_HOME", str(self._pulumi / "home")

    def _silently(self, *args: str) -> str:
        return self._execute(args, PIPE, PIPE)

    def _execute(self, args: Sequence[str], stdout: int | None, stderr: int | None) -> str:
        """Run the engine and give back what it printed to `stdout`, if that is a pipe."""
        command, *rest = args
        configured = ["--config-file", str(self.config_file)] if command in _CONFIGURED else []
        sys.stdout.flush()
        process = subprocess.Popen(
            [str(binaries.find("pulumi")), command, *configured, *rest],
            cwd=self._program if configured else self._folder,
            env=environment(os.environ, self._settings()),
            stdin=None if stdout is None else DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )
        output, errors = _communicate(process)
        if process.returncode != 0:
            said = "; its messages are above" if stdout is None else f":\n{output}{errors}".rstrip()
            raise EngineError(f"`pulumi {command}` of the twin failed{said}")
        return output

    def _settings(self) -> dict[str, str]:
        name, value = self._marker
        return {
            name: value,
            # Without the files beside each file that hold its content type: written in place, and read before anything
            # else, one that a killed engine leaves empty would close the state to every later command.
            "PULUMI_BACKEND_URL": (self._pulumi / "backend").as_uri() + "?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase),
            "PULUMI_STACK": STACK,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            # Plugins on PATH may be anyone's; ours are in the twin's Pulumi home.
            "PULUMI_IGNORE_AMBIENT_PLUGINS": "1",
            # Makes the engine take --event-log.
            "PULUMI_DEBUG_COMMANDS": "1",
            "PULUMI_PYTHON_CMD": sys.executable,
            # Never ~/.kube/config, whatever a provider falls back to.
            "KUBECONFIG": str(self._twin.kubeconfig.absolute()),
            "PATH": os.pathsep.join([str(binaries.folder()), os.environ.get("PATH", os.defpath)]),
        }

    @contextmanager
    def _event_log(self, command: str) -> Iterator[tuple[Path, list[str]]]:
        """A file for the engine's events and the flags that make it write there, for commands that have events."""
        with tempfile.TemporaryDirectory(dir=self._pulumi) as folder:
            log = Path(folder) / "events.json"
            yield log, ["--event-log", str(log), "--suppress-permalink=true"] if command in _DEPLOYING else []


def environment(inherited: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The engine's environment: the inherited one without credentials and other engines' settings, plus its own."""
    kept = {name: value for name, value in inherited.items() if not name.upper().startswith(_CREDENTIALS)}
    return {**kept, **settings}


def _install(path: Path, script: str) -> None:
    """Put an executable script in place at once, so that an engine that is running never sees half of it."""
    if path.exists() and path.read_text() == script:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(script)
    new.chmod(0o700)
    new.replace(path)


def _link(folder: Path, *tools: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in tools:
        link, target = folder / name, binaries.folder() / name
        if not (link.is_symlink() and link.readlink() == target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)


def _secrets_of(config: Path, previous: Mapping[str, Any]) -> Iterable[str]:
    """The keys of the secrets that the home requires, and of those welcome ones that somebody has set on the twin."""
    # Imported when needed: it takes as long as a short command of the engine.
    import home

    described = home.load_file(config)
    there = {key.rpartition(":")[2] for key in previous.get("config") or {}}
    welcome = (secret.key for secret in home.secrets.welcome(described))
    return [*(secret.key for secret in home.secrets.required(described)), *(key for key in welcome if key in there)]


def _communicate(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for the engine to end, whatever the keyboard says: it gets the interrupt itself and puts things in order."""
    interrupted = False
    while True:
        try:
            output, errors = process.communicate()
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return output or "", errors or ""


def _changes(log: Path) -> dict[str, int]:
    """The engine's own count of what it did, from its last summary event."""
    if not log.exists():
        return {}
    with log.open() as lines:
        summaries = [event["summaryEvent"] for event in _events(lines) if "summaryEvent" in event]
    return dict(summaries[-1].get("resourceChanges") or {}) if summaries else {}


def _events(lines: IO[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        yield json.loads(line)
