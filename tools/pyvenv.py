"""The virtual environment: kept in the cache under a key of what it holds, `.venv` in the checkout a link to it.

A `.venv` that is a folder of its own, as `pulumi install` makes it, is a person's: it is brought up to date, never
replaced.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.progress import Step, run
from tools.toolchain import BootstrapError, digest

PIP_SETTINGS = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_USER": "0",
}
"""Environment variables for a pip whose output goes to a log."""

# What would have pip or Python work in another place than the virtual environment.
_ELSEWHERE = (
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "__PYVENV_LAUNCHER__",
)
_OURS = ".homebrain-venv"
"""Written last into a virtual environment of the cache: it is complete, and has this key."""
_INSTALLED = ".homebrain-requirements"
"""Written into a person's own virtual environment: the requirements last installed into it."""


class Environment:
    """The virtual environment of one checkout."""

    def __init__(self, checkout: Path, cache: Path) -> None:
        self.checkout = checkout
        self.link = checkout / ".venv"
        self._cache = cache

    def requirements(self) -> Path:
        """The file that names everything to install. Raises BootstrapError when there is none."""
        for name in ("requirements-dev.txt", "requirements.txt"):
            if (self.checkout / name).is_file():
                return self.checkout / name
        raise BootstrapError("The checkout has no requirements.txt.", "Get it back to what git holds: git status")

    def _pins(self) -> dict[str, bytes]:
        self.requirements()
        files = [
            *self.checkout.glob("requirements*.txt"),
            *self.checkout.glob("services/*/requirements*.txt"),
            self.checkout / "constraints.txt",
        ]
        return {file.relative_to(self.checkout).as_posix(): file.read_bytes() for file in files if file.is_file()}

    def key(self) -> str:
        """12 hexadecimal digits of the requirement files' content, the Python's version (3.x) and its place."""
        python = f"{sys.version_info.major}.{sys.version_info.minor} {os.path.realpath(sys.base_prefix)}"
        return digest({**self._pins(), "": python.encode()})

    @property
    def cached(self) -> Path:
        """The cache's folder for exactly these requirements and this Python."""
        return self._cache / "venvs" / self.key()

    def is_own_folder(self) -> bool:
        """Whether `.venv` is a folder, or a link to one, that this script did not make."""
        if not self.link.is_dir():
            return False
        # One of ours may lie in a cache that HOMEBRAIN_CACHE no longer names, or be half made.
        ours = (self.link / _OURS).is_file() or self.link.resolve().is_relative_to(self._cache.resolve())
        return not (self.link.is_symlink() and ours)

    def ready(self) -> bool:
        """Whether `.venv` holds what the requirement files name now. Cheap."""
        if not os.access(self.link / "bin" / "python", os.X_OK):
            return False
        if self.is_own_folder():
            return _read(self.link / _INSTALLED) == digest(self._pins())
        return self.link.is_symlink() and Path(os.readlink(self.link)) == self.cached and self._complete()

    def _complete(self) -> bool:
        return _read(self.cached / _OURS) == self.key()

    def make(self, environment: Mapping[str, str], step: Step) -> None:
        """Makes it ready. Raises BootstrapError or StepError; a cached one that was left half made is begun anew."""
        log = self._cache / "logs" / "venv.log"
        log.unlink(missing_ok=True)
        settings = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
        settings |= PIP_SETTINGS
        if self.is_own_folder():
            self._install(self.link, settings, step, log)
            (self.link / _INSTALLED).write_text(digest(self._pins()))
            return
        if not self._complete() or not os.access(self.cached / "bin" / "python", os.X_OK):
            check_venv_module()
            # The scripts in it name its place: it can't be made elsewhere and moved. The record comes last instead.
            shutil.rmtree(self.cached, ignore_errors=True)
            self.cached.parent.mkdir(parents=True, exist_ok=True)
            run(
                [getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--prompt", "homebrain", self.cached],
                step=step,
                log=log,
                environment=settings,
                activity=lambda _: "creating",
            )
            self._install(self.cached, settings, step, log)
            (self.cached / _OURS).write_text(self.key())
        replace_link(self.link, self.cached)

    def _install(self, place: Path, settings: Mapping[str, str], step: Step, log: Path) -> None:
        python = place / "bin" / "python"
        if not os.access(python, os.X_OK):
            raise BootstrapError(
                f"{place} is a folder without a Python, and not of this script's making.",
                f"Remove it, or make it a virtual environment: python3 -m venv {place}",
            )
        run([python, "-c", _CHECK], step=step, log=log, environment=settings)
        run(
            [python, "-m", "pip", "install", "-r", self.requirements()],
            step=step,
            log=log,
            environment=settings,
            folder=self.checkout,
            activity=_activity,
        )


# Another tool may have made it without pip; Python itself carries one.
_CHECK = """
import importlib.util, runpy, sys
if sys.version_info < (3, 11):
    sys.exit(f"{sys.prefix} has Python {sys.version.split()[0]}, HomeBrain takes 3.11 or newer: remove that folder.")
if importlib.util.find_spec("pip") is None:
    sys.argv[1:] = ["--default-pip"]
    runpy.run_module("ensurepip", run_name="__main__")
"""


def check_venv_module() -> None:
    """Raises BootstrapError when this Python can't make virtual environments: Debian's takes one more package."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise BootstrapError(
            f"This Python ({sys.executable}) can't make virtual environments.",
            f"On Debian and Ubuntu: sudo apt install python{version}-venv; elsewhere take a Python with ensurepip.",
        )


def replace_link(link: Path, target: Path) -> None:
    """Makes `link` a symbolic link to `target`, in one move, whatever link or file it was before."""
    link.parent.mkdir(parents=True, exist_ok=True)
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(link)


def _activity(line: str) -> str:
    word, _, rest = line.partition(" ")
    return f"{word.lower()} {rest[:50]}" if word in ("Collecting", "Downloading", "Installing", "Building") else ""


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
