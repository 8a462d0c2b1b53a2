"""A stack's config as its file has it, fit to evaluate the program with: secrets replaced by a placeholder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import home

PREFIX = "homebrain:"
PLACEHOLDER = "placeholder"


@dataclass(frozen=True)
class StackConfig:
    """What `render.evaluate` takes: plain values and secret ones, by key without the project's name."""

    values: Mapping[str, Any]
    secrets: Mapping[str, str]


def read(path: Path) -> StackConfig:
    """Read a stack's config file. Every secret the home needs gets a placeholder, whether or not the file has it.

    Raises `home.HomeError` for a description that is wrong, `OSError` where there is no such file.
    """
    document = yaml.safe_load(path.read_text()) or {}
    own = {
        key.removeprefix(PREFIX): value
        for key, value in (document.get("config") or {}).items()
        if key.startswith(PREFIX)
    }
    secret_keys = {key for key, value in own.items() if isinstance(value, dict) and set(value) == {"secure"}}
    described = home.load_file(path)
    secret_keys |= {one.key for one in home.secrets.required(described)}
    return StackConfig(
        values={key: value for key, value in own.items() if key not in secret_keys},
        secrets=dict.fromkeys(sorted(secret_keys), PLACEHOLDER),
    )
