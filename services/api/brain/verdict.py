"""Whether a service is all right, with reasons in plain words. Imports nothing of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Verdict(StrEnum):
    """How a service is, from best to worst; `unsupported` and `unknown` say that nobody can tell.

    healthy: all that it is for works. degraded: it answers, and something of it doesn't work or won't for long. down:
    it doesn't answer, or not as itself. unsupported: it answers, in a version that isn't known here. unknown: it
    couldn't be asked, for want of a key, say.
    """

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"
    DOWN = "down"

    @property
    def severity(self) -> int:
        """Higher is worse."""
        return list(Verdict).index(self)


class Record(BaseModel):
    """Anything that is handed on: frozen, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Report(Record):
    """What one service is like.

    service: its name, as in addresses. title: as people call it. reasons: sentences; empty when it is healthy. facts:
    figures for the page, plain data by name. at: when it was asked.
    """

    service: str
    title: str
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}
    at: datetime


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them; `unknown` for none."""
    return max(verdicts, key=lambda one: one.severity, default=Verdict.UNKNOWN)
