"""`python -m brain`: serve the API, as the environment says."""

from __future__ import annotations

import signal
import sys

from fastapi import FastAPI

from brain.app import create_app
from brain.services import watched
from brain.serving import serve
from brain.settings import Settings


def application(settings: Settings) -> FastAPI:
    """The service, with the services that it watches."""
    adapters, clients = watched(settings)
    return create_app(settings, adapters, clients=clients)


def main() -> None:
    """Serve until told to stop, which is no failure: then the exit code is 0."""
    # The server handles the signal while it serves, and raises it again when it has finished. As the first process of a
    # container, this one would also be deaf to it until then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = Settings()
    serve(application(settings), settings)


if __name__ == "__main__":
    main()
