"""The owner's home as plain config, for tests that change it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from home import secrets
from render import Evaluation, evaluate
from tests.homes import changed

_STACK = yaml.safe_load((Path(__file__).parents[3] / "Pulumi.homelab.yaml").read_text(encoding="utf-8"))
HOMELAB: dict[str, Any] = {
    key.removeprefix("homebrain:"): value for key, value in _STACK["config"].items() if key.startswith("homebrain:")
}

_HIDDEN = {secret.key: "correct horse" for secret in secrets.ALL}


def rendered(*edits: dict[str, Any]) -> Evaluation:
    """What the program makes of the owner's home with some edits, as `tests.homes.changed` takes them."""
    return _rendered(yaml.safe_dump(changed(HOMELAB, list(edits))))


@cache
def _rendered(text: str) -> Evaluation:
    return evaluate(yaml.safe_load(text), _HIDDEN, stack="homelab")
