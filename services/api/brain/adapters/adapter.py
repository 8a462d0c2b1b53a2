"""What an adapter is: one service, asked in its own way, answering in ours.

A new service is one module with a class of this shape, best made of `service.Service`; its name in
`adapters/__init__.py`; and in `brain/services.py`, when there is one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import BaseModel

from brain.verdict import Report

Role = Literal["owner", "family", "guest", "program"]


@dataclass(frozen=True)
class Call:
    """One read-only question that a service can be asked, described so that a program, or a language model, can use it.

    name: as in `photos.search`. what: one sentence, of what it answers. arguments, result: their models, of which JSON
    Schemas are made. roles: who may ask. run: asks; raises `brain.upstream.UpstreamError`.
    """

    name: str
    what: str
    arguments: type[BaseModel]
    result: type[BaseModel]
    roles: frozenset[Role]
    run: Callable[[Any], Awaitable[BaseModel]]


class Adapter(Protocol):
    """One service."""

    name: str
    """As in addresses: `immich`."""
    title: str
    """As people call it: `Photos`."""
    roles: frozenset[Role]
    """Who may see its report."""

    async def look(self) -> Report:
        """How it is, now. Never raises: what goes wrong is the report."""
        ...

    @property
    def calls(self) -> Mapping[str, Call]:
        """What it can be asked, by name."""
        ...
