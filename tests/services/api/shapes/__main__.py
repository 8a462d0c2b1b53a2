"""Writes the recorded shapes anew, as the pinned clients say them now."""

from __future__ import annotations

import asyncio

from tests.services.api.clients import install
from tests.services.api.shapes import ENDPOINTS, derived, path, written


async def write() -> None:
    """All of them."""
    clients = install()
    for client in ENDPOINTS:
        path(client).write_text(written(await derived(clients, client)), encoding="utf-8")
        print(f"wrote {path(client).name}")


if __name__ == "__main__":
    asyncio.run(write())
