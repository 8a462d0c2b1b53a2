"""The API server of the twin that runs on this machine, if one does: the demo's cluster."""

from __future__ import annotations

import base64
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True)
class ApiServer:
    """Where it is, and what it is asked with. The token has all rights on the twin, and none anywhere else."""

    url: str
    token: str
    authority: str


def find(kubeconfig: Path) -> ApiServer | None:
    """The API server of a kubeconfig as the twin writes it; none if there is none, or if it doesn't answer."""
    try:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster = config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        found = ApiServer(cluster["server"], config["users"][0]["user"]["token"], authority)
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        return None
    return found if _answers(found) else None


def _answers(server: ApiServer) -> bool:
    trusted = ssl.create_default_context(cadata=server.authority)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted))
    request = urllib.request.Request(f"{server.url}/readyz", headers={"Authorization": f"Bearer {server.token}"})
    try:
        with opener.open(request, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False
