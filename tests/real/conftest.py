"""The owner's home as the program renders it, for the servers to be started from."""

from __future__ import annotations

from pathlib import Path

import pytest

from render import Evaluation, evaluate, stack
from tests.real import missing

HOMELAB = Path(__file__).parents[2] / "Pulumi.homelab.yaml"


@pytest.fixture(scope="session")
def homelab() -> Evaluation:
    """Everything that it declares."""
    assert missing() == [], "packages of Debian that these tests need"
    config = stack.read(HOMELAB)
    return evaluate(config.values, {**config.secrets, "nasPassword": "correct horse"})
