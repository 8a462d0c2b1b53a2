"""Serving an application with uvicorn, as it is meant to be served."""

from __future__ import annotations

from typing import Final

import uvicorn
from fastapi import FastAPI

from brain import logs
from brain.settings import Settings

KEPT_ALIVE_FOR: Final = 95
"""Seconds that an idle connection stays. Longer than those in front keep theirs, 90 s with cloudflared: whoever closes
first must be who asks, or a request meets a connection that is just going.
https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/configure-tunnels/origin-parameters/
"""
LEFT_TO_FINISH: Final = 3
"""Seconds that what is under way has at the end. Streams of events have no end of their own."""
LARGEST_HEAD: Final = 32 * 1024
"""Bytes of a request's head. The tokens of Cloudflare Access take a few thousand."""
MOST_CONNECTIONS: Final = 1024
"""At once; the next is answered 503."""


def config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How it is served."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        # Whose address somebody has is what their connection says, never a header that anybody can write.
        proxy_headers=False,
        server_header=False,
        ws="none",
        # The guard writes a line for each answer, without what was asked for.
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEPT_ALIVE_FOR,
        timeout_graceful_shutdown=LEFT_TO_FINISH,
        limit_concurrency=MOST_CONNECTIONS,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve it until told to stop."""
    logs.configure()
    uvicorn.Server(config(app, settings)).run()
