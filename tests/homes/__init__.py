"""Homes that tests load: good ones as they are, wrong ones as a change to a good one and the messages it deserves."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GOOD = {"small": HERE / "good" / "small.yaml", "homelab": ROOT / "Pulumi.homelab.yaml"}


@dataclass(frozen=True)
class WrongHome:
    """A wrong config: its keys (None for a text without), its text, and every line that loading it has to say."""

    name: str
    keys: dict[str, Any] | None
    text: str
    says: tuple[str, ...]


def config(name: str = "small") -> dict[str, Any]:
    """A copy of the config of a good home, keys without the `homebrain:` prefix."""
    return copy.deepcopy(_config(name))


@cache
def _config(name: str) -> dict[str, Any]:
    keys = yaml.safe_load(GOOD[name].read_text())["config"]
    return {key.removeprefix("homebrain:"): value for key, value in keys.items() if key.startswith("homebrain:")}


def changed(config: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """The config after each change: `{path, set: value}`, `{path, append: value}` or `{path, remove: true}`."""
    result = copy.deepcopy(config)
    for change in changes:
        *way, last = steps(change["path"])
        holder: Any = result
        for step in way:
            holder = holder[step]
        if "set" in change:
            holder[last] = change["set"]
        elif "append" in change:
            holder[last].append(change["append"])
        else:
            del holder[last]
    return result


def steps(path: str) -> list[str | int]:
    """`nodes[0].labels["a.b"]` is `["nodes", 0, "labels", "a.b"]`."""
    found = re.findall(r'\[(\d+)\]|\["([^"]*)"\]|([^.\[\]]+)', path)
    return [int(index) if index else quoted or plain for index, quoted, plain in found]


def stack_file(config: dict[str, Any]) -> str:
    """The config as the text of a stack's config file."""
    return yaml.safe_dump({"config": {f"homebrain:{key}": value for key, value in config.items()}}, sort_keys=False)


@cache
def wrong_homes() -> tuple[WrongHome, ...]:
    """Every document in `wrong/`: a `change` to a good home (`small` unless `home` names another), or a `text`."""
    homes = []
    for file in sorted((HERE / "wrong").glob("*.yaml")):
        document = yaml.safe_load(file.read_text())
        keys = None if "text" in document else changed(config(document.get("home", "small")), document["change"])
        text = document["text"] if keys is None else stack_file(keys)
        homes.append(WrongHome(file.stem, keys, text, tuple(document["says"])))
    return tuple(homes)
