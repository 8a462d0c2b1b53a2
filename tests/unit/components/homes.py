"""The owner's home as plain config, for tests that change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_STACK = yaml.safe_load((Path(__file__).parents[3] / "Pulumi.homelab.yaml").read_text(encoding="utf-8"))
HOMELAB: dict[str, Any] = {
    key.removeprefix("homebrain:"): value for key, value in _STACK["config"].items() if key.startswith("homebrain:")
}
