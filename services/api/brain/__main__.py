"""`python -m brain`: serve the API, as the environment says."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from brain.app import create_app
from brain.services import watched
from brain.settings import Settings


def application(settings: Settings) -> FastAPI:
    """The service, with the services that it watches."""
    adapters, clients = watched(settings)
    return create_app(settings, adapters, clients=clients)


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    uvicorn.run(
        application(settings),
        host=settings.host,
        port=settings.port,
        # Whoever is in front is known by its address, which nobody may write over.
        proxy_headers=False,
        server_header=False,
        access_log=False,
    )


if __name__ == "__main__":
    main()
