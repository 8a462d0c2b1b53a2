"""`python -m twin.standins SERVICE --folder DIR`: one stand-in as a plugin process, as the engine starts it."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from twin.standins import SERVICES, server


def main() -> None:
    """Serve one stand-in until the engine ends."""
    parser = argparse.ArgumentParser(prog="python -m twin.standins", description="Serve one stand-in to the engine.")
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the stand-ins of this twin keep their records"
    )
    arguments, _ = parser.parse_known_args()  # the engine appends its own address, which a stand-in has no use for
    module = importlib.import_module(f"twin.standins.{arguments.service}")
    server.serve(arguments.service, module.KINDS, arguments.folder)


if __name__ == "__main__":
    main()
