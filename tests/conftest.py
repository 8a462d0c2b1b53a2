"""Which tests need what: everything outside the fast tier carries the mark `engine`."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
BEYOND_THE_FAST_TIER = ("twin", "engine", "real")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by folder, so that no test can forget to say it."""
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in BEYOND_THE_FAST_TIER:
            item.add_marker("engine")
