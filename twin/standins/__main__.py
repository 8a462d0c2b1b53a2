"""`python -m twin.standins SERVICE --folder DIR`: one stand-in as a plugin process, as the engine starts it."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from twin.standins import SERVICES, server
from twin.standins.kinds import Home


def main() -> None:
    """Serve one stand-in until the engine ends."""
    parser = argparse.ArgumentParser(prog="python -m twin.standins", description="Serve one stand-in to the engine.")
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument(
        "--folder", type=Path, required=True, help="where the stand-ins of this twin keep their records"
    )
    parser.add_argument("--domain", default="", help="the zone of the home's Cloudflare account")
    parser.add_argument("--tailnet", default="", help="the DNS name of the home's tailnet")
    arguments, _ = parser.parse_known_args()  # the engine appends its own address, which a stand-in has no use for
    module = importlib.import_module(f"twin.standins.{arguments.service}")
    server.serve(module.SERVICE, arguments.folder, Home(arguments.domain, arguments.tailnet))


if __name__ == "__main__":
    main()
