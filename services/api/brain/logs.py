"""Log lines as JSON, one a line, without anything that could be a secret.

What an exception says is left out, since it may quote what it choked on; its kind and where it was raised are told.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final

FIELDS: Final = "fields"
"""The attribute of a record that holds more than a message: `log.info("…", extra={FIELDS: {…}})`."""


class JsonFormatter(logging.Formatter):
    """A record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["at"] = frames(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


def frames(trace: TracebackType | None) -> list[str]:
    """Where an exception came along, innermost last, without source lines."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)[-8:]]


def configure(level: int = logging.INFO) -> None:
    """Let all loggers write this way, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    # Each costs a system call or a search for every line, and none is told.
    logging.logProcesses = logging.logThreads = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers, root.level = [handler], level
    # They tell whole addresses, with what is searched for.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
