"""Where `python -m home fit` finds what the home runs: YAML files, standard input, or the program's own plan."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from home import program
from home.fit.demands import Object
from home.problems import HomeError, Problem

_PLANNER = "demands"


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

    Raises HomeError like `home.program.ask`.
    """
    return list(_documents(f"python -m {_PLANNER}", program.ask(_PLANNER, stack_file)))


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
