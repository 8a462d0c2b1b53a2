"""What the engine runs: starts the pack and serves it until the engine is done."""

from __future__ import annotations

import io
import sys
from pathlib import Path

# The engine runs this folder as a program, so Python looks for modules here; the package is found from one above.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from pulumi_policy import PolicyPack  # noqa: E402

from policies import pack  # noqa: E402
from policies.exceptions import ExceptionsError  # noqa: E402

# The SDK writes the port that it serves on and doesn't flush it: left in a buffer, the engine would wait for ever.
sys.stdout = io.TextIOWrapper(io.FileIO(sys.stdout.fileno(), "w", closefd=False), write_through=True)

try:
    policies = pack.default().policies()
except ExceptionsError as error:
    sys.exit(str(error))
PolicyPack(name=pack.NAME, policies=policies)
