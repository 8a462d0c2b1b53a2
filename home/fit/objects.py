"""Where `python -m home fit` finds what the home runs: YAML files, standard input, or the program's own plan."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from home.fit.demands import Object
from home.problems import HomeError, Problem

_ROOT = Path(__file__).resolve().parents[2]
_PLANNER = "components.demands"


def read(place: str) -> list[Object]:
    """The objects in a YAML file, in all YAML files below a folder, or on standard input (`-`).

    Raises HomeError for what is not there or no YAML.
    """
    if place == "-":
        return list(_documents("standard input", sys.stdin.read()))
    path = Path(place)
    files = sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")]) if path.is_dir() else [path]
    try:
        return [one for file in files for one in _documents(str(file), file.read_text())]
    except (OSError, UnicodeDecodeError) as error:
        raise HomeError([Problem(place, f"can't be read: {error}")]) from None


def planned(stack_file: str) -> list[Object]:
    """The controllers that the program plans for the home in a stack's config file.

    In a process of its own, since a home must not import the program. Raises HomeError with what that said when it
    failed.
    """
    command = [sys.executable, "-m", _PLANNER, str(Path(stack_file).resolve())]
    run = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise HomeError([Problem("", f"the program could not plan this home: {run.stderr.strip()}")])
    return list(_documents(f"python -m {_PLANNER}", run.stdout))


def _documents(source: str, text: str) -> Iterator[Object]:
    try:
        documents: list[Any] = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise HomeError([Problem(source, f"is not YAML: {' '.join(str(error).split())}")]) from None
    for document in documents:
        if isinstance(document, dict):
            yield document
        elif document is not None:
            raise HomeError([Problem(source, "holds something other than objects of the Kubernetes API")])
