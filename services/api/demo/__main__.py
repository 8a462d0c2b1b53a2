"""`python -m demo`: a little home on this machine, and the API in front of it. Ends with ctrl-c."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from brain.__main__ import application
from brain.settings import Settings
from demo import immich, jellyfin, twin
from demo.immich import Immich
from demo.jellyfin import Jellyfin
from demo.prometheus import Prometheus
from demo.serving import serving

PORT: Final = 8080
WHO: Final = "noi@demo.invalid"
KUBECONFIG: Final = Path(".twin/kubeconfig")


class TailnetProxy:
    """Stands in for the tailnet's proxy: whoever comes from this machine is the demo's owner, whatever they say."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the proxy does, takes such headers away and puts its own."""
        if scope["type"] == "http":
            rest = [one for one in scope["headers"] if not one[0].startswith(b"tailscale-")]
            scope = {**scope, "headers": [*rest, (b"tailscale-user-login", WHO.encode())]}
        await self._application(scope, receive, send)


def now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Options:
    """What is asked of the demo. exposure: a file with the map of who reaches what, if there is one."""

    port: int | None
    immich: str
    jellyfin: str
    kubeconfig: Path
    exposure: Path | None


async def run(options: Options) -> None:
    """Everything, until a signal to end."""
    stop = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stop.set)
    key = secrets.token_urlsafe(24)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homebrain-demo-")))
        key_file = _private(folder / "key", key)
        settings: dict[str, Any] = {
            "home": "a little home",
            "immich_url": await stack.enter_async_context(serving(Immich(options.immich, key, now).application)),
            "immich_key_file": key_file,
            "jellyfin_url": await stack.enter_async_context(serving(Jellyfin(options.jellyfin, key, now).application)),
            "jellyfin_key_file": key_file,
            "prometheus_url": await stack.enter_async_context(serving(Prometheus(now).application)),
            "tailnet_proxies": (ip_network("127.0.0.1/32"),),
            "roles": {WHO: "owner"},
            "exposure_file": options.exposure,
        }
        cluster = await asyncio.to_thread(twin.find, options.kubeconfig)
        if cluster is not None:
            settings |= {
                "kubernetes_url": cluster.url,
                "kubernetes_key_file": _private(folder / "token", cluster.token),
                "kubernetes_ca_file": _private(folder / "ca.crt", cluster.authority),
            }
        brain = TailnetProxy(application(Settings(**settings)))
        address = await stack.enter_async_context(serving(brain, port=PORT if options.port is None else options.port))
        print(f"The home's page:  {address}/")
        print(f"The same as data: {address}/api/v1/overview")
        print(f"Stand-ins:        Immich {options.immich}, Jellyfin {options.jellyfin}, Prometheus")
        print(f"Cluster:          {'the twin that runs here' if cluster else 'none; `make up` brings a twin up'}")
        print("You are Noi, the owner. It ends with ctrl-c.", flush=True)
        await stop.wait()
    print("\nEnded.")


def _private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo", description="A little home, and the API in front of it.")
    parser.add_argument("--port", type=int, help=f"where the API listens; 0 for any that is free ({PORT})")
    parser.add_argument("--immich", choices=immich.VERSIONS, default=immich.VERSIONS[-1], help="which version it plays")
    parser.add_argument("--jellyfin", choices=jellyfin.VERSIONS, default=jellyfin.VERSIONS[-1], help="the same")
    parser.add_argument("--kubeconfig", type=Path, default=KUBECONFIG, help=f"of a twin ({KUBECONFIG})")
    parser.add_argument("--exposure", type=Path, help="the map that `python -m home exposure --json` prints")
    options = Options(**vars(parser.parse_args(arguments)))
    try:
        asyncio.run(run(options))
    except OSError as problem:
        print(f"Port {options.port or PORT} can't be had: {problem.strerror}. Another one: --port 0", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
