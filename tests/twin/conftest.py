"""Twins for the tests: real ones, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from twin.api import Api
from twin.cluster import Twin

HOME = Path(__file__).parent / "home.yaml"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin that runs, one for all the tests of a module."""
    running = Twin(tmp_path_factory.mktemp("twin") / "state", HOME)
    running.up()
    try:
        yield running
    finally:
        running.reset()


@pytest.fixture
def api(twin: Twin) -> Api:
    """Its API server, with all rights."""
    return twin.api()
