"""`python -m brain`: serve the API, as the environment says."""

from __future__ import annotations

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
    """Serve until told to stop."""
    settings = Settings()
    serve(application(settings), settings)


if __name__ == "__main__":
    main()
