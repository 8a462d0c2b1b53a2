"""Which tests need what: everything outside the fast tier carries the mark `engine`."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
BEYOND_THE_FAST_TIER = ("twin", "engine", "real")

# Whoever runs the tests may have the interrupt ignored, as a shell does in the background, and all that tests start
# would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long a test takes says how busy the machine is, not whether it passes.
settings.register_profile("homebrain", deadline=None)
settings.load_profile("homebrain")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, so that no test can forget to say it."""
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in BEYOND_THE_FAST_TIER:
            item.add_marker("engine")
