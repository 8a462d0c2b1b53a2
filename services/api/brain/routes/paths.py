"""Where what programs ask is served: its version is the first thing in every path."""

from __future__ import annotations

from typing import Final

VERSION: Final = "1"
API: Final = f"/api/v{VERSION}"
