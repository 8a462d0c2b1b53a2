"""The programs of the home's monitoring, built as `tools/` pins them: where a test finds them.

    done = subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True)

There are prometheus, promtool, alertmanager, amtool, node_exporter and blackbox_exporter. They have no web interface,
and otherwise are what the images run: docs/real-parts.md.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.real import in_ci
from tools.workplace import Workplace

ROOT = Path(__file__).parents[2]
BUILD = "python3 tools/bootstrap.py test-tools"


def program(name: str) -> Path:
    """The program of that name, at the pinned version.

    Where it was not built, the test that asks is skipped, or fails with CI=true. Raises `LookupError` for a name that
    `tools/` doesn't pin for tests.
    """
    place = Workplace(ROOT, os.environ, for_tests=True)
    if name not in {tool.name for pin in place.pins for tool in pin.folder.tools}:
        raise LookupError(f"tools/ pins no {name} for tests")
    found = place.tool(name)
    if not (place.tools_ready() and os.access(found, os.X_OK)):
        leave_out = pytest.fail if in_ci() else pytest.skip
        leave_out(f"{name} is not there as tools/ pins it; this builds it: {BUILD}")
    return found
