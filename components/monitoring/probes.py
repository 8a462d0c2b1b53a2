"""What monitoring knocks at: each app from inside, each public door from outside, the NAS, and the API server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from components.doors import Front, Opening
from components.flows import API_SERVER_PORT, Flow, ToAddress, ToApiServer, ToInternet
from home import Home

Door = Literal["cluster", "public", "network"]
"""From where: inside the cluster, the internet, or the home's networks."""

_HTTP: Final = {"preferred_ip_protocol": "ip4", "ip_protocol_fallback": False}
MODULES: Final[dict[str, Any]] = {
    # A page, or being sent on to one.
    "http": {"prober": "http", "timeout": "10s", "http": {**_HTTP, "follow_redirects": True}},
    # A door that asks who somebody is answers so when it works: by its own page, or a refusal.
    "asking": {
        "prober": "http",
        "timeout": "10s",
        "http": {**_HTTP, "follow_redirects": False, "valid_status_codes": [302, 401, 403]},
    },
    "tcp": {"prober": "tcp", "timeout": "5s", "tcp": _HTTP},
    # Until when a certificate holds that only the cluster itself trusts.
    "certificate": {
        "prober": "tcp",
        "timeout": "5s",
        "tcp": {**_HTTP, "tls": True, "tls_config": {"insecure_skip_verify": True}},
    },
}
"""The ways of knocking, as the blackbox exporter is told them."""

_PORTS: Final = {"smb": 445, "nfs": 2049}


@dataclass(frozen=True)
class Probed:
    """Something to knock at.

    target: what people call it. address: a URL, or host and port. module: how. flows: the connections that it takes.
    node: the machine on which it runs, where that is one.
    """

    target: str
    door: Door
    address: str
    module: str
    flows: tuple[Flow, ...]
    node: str | None = None


def probed(
    home: Home, fronts: Iterable[Front], public: Iterable[Opening], api_servers: tuple[str, ...]
) -> list[Probed]:
    """Everything to knock at. `fronts` are those of all apps, `public` the openings of the public door."""
    return [
        *(_front(home, one) for one in fronts),
        *(_public(one) for one in public),
        *_nas(home),
        *_api_servers(home, api_servers),
    ]


def _front(home: Home, front: Front) -> Probed:
    app = home.apps.by_name.get(front.app)
    return Probed(
        front.app, "cluster", front.address + front.health, "http", (front.flow,), node=app.node if app else None
    )


def _public(opening: Opening) -> Probed:
    """From the cluster out to Cloudflare and back in by the tunnel, as a visitor comes."""
    audience = opening.audience
    return Probed(
        opening.front.app,
        "public",
        f"https://{audience.public}{'' if audience.asks else opening.front.health}",
        "asking" if audience.asks else "http",
        (ToInternet("knocks at the home's own public names, as a visitor does"),),
    )


def _nas(home: Home) -> Iterator[Probed]:
    if home.nas is None:
        return
    address = home.nas.addresses.lan
    for port in sorted({_PORTS[share.protocol] for share in home.nas.shares}):
        flow = ToAddress("whether the NAS answers", f"{address}/32", (port,))
        yield Probed("nas", "network", f"{address}:{port}", "tcp", (flow,))


def _api_servers(home: Home, cidrs: tuple[str, ...]) -> Iterator[Probed]:
    for node in home.nodes_in_service:
        address = node.addresses.lan or node.addresses.tailnet
        if node.role == "server" and address:
            flow = ToApiServer("until when the API server's certificate holds", cidrs)
            yield Probed("api-server", "network", f"{address}:{API_SERVER_PORT}", "certificate", (flow,), node.name)
