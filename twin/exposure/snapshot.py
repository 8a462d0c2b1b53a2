"""What the twin holds at one moment, as far as it says who reaches what. Holds no secret.

`take` reads the twin; everything else works on the plain data that it returns, so that tests can take a home's objects
and records from elsewhere, and change one thing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from twin.api import Api
from twin.standins.record import Entry, Record

Object = Mapping[str, Any]

KINDS: Final = ("Namespace", "Pod", "ReplicaSet", "Job", "Service", "EndpointSlice", "NetworkPolicy", "ConfigMap")
"""The kinds of objects that are looked at. Secrets are not among them: see `Credential`."""


class Place(NamedTuple):
    """Where a credential is kept: a key of a Secret."""

    namespace: str
    secret: str
    key: str


class Credential(NamedTuple):
    """What of a credential is no secret: the id of the tunnel that a token is for, or of an auth key of the tailnet."""

    kind: Literal["tunnel", "key"]
    id: str


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment.

    objects: of the API server, of the kinds in `KINDS`. cloudflare, tailscale: what the stand-ins hold. credentials:
    what the Secrets of the cluster open, where that is one of these services.
    """

    objects: tuple[Object, ...] = ()
    cloudflare: tuple[Entry, ...] = ()
    tailscale: tuple[Entry, ...] = ()
    credentials: Mapping[Place, Credential] = field(default_factory=dict)

    def of_kind(self, kind: str) -> tuple[Object, ...]:
        """The objects of one kind."""
        return tuple(one for one in self.objects if one["kind"] == kind)


def take(api: Api, standins: Path) -> Snapshot:
    """What the twin holds now. `standins`: the folder of the stand-ins' records."""
    return Snapshot(
        objects=tuple(one for kind in KINDS for one in api.list(kind)),
        cloudflare=tuple(Record(standins, "cloudflare").entries()),
        tailscale=tuple(Record(standins, "tailscale").entries()),
        credentials=credentials(
            (
                Place(one["metadata"]["namespace"], one["metadata"]["name"], key),
                base64.b64decode(value).decode("latin1"),
            )
            for one in api.list("Secret")
            for key, value in (one.get("data") or {}).items()
        ),
    )


def credentials(values: Iterable[tuple[Place, str]]) -> dict[Place, Credential]:
    """What each value opens; those that open neither a tunnel nor the tailnet are left out."""
    known = ((place, credential_of(value)) for place, value in values)
    return {place: credential for place, credential in known if credential is not None}


def credential_of(value: str) -> Credential | None:
    """What a tunnel's token or an auth key tells of itself; None for any other text.

    A token is JSON in base64 whose `t` is the tunnel (cloudflare/cloudflared, `connection/connection.go`). A key reads
    `tskey-auth-<id>-<secret>` (https://tailscale.com/kb/1277/key-prefixes).
    """
    if found := re.fullmatch(r"tskey-auth-([A-Za-z0-9]+)-[A-Za-z0-9]+", value.strip()):
        return Credential("key", found[1])
    try:
        token = json.loads(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return None
    tunnel = token.get("t") if isinstance(token, dict) else None
    return Credential("tunnel", tunnel) if isinstance(tunnel, str) else None
