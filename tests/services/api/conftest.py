"""Asynchronous tests of the API run on asyncio, as it does: mark them `anyio`."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
