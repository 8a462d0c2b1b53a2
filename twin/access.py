"""Who may sign in at the API server of a twin: random tokens, and a kubeconfig for each."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

from twin.state import State, write_private

ADMIN = "admin"
# These two get their rights, by name, from Kubernetes itself; the next two from manifests/access.yaml.
CONTROLLER_MANAGER = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"
KWOK = "twin:kwok"
CONTROLLERS = "twin:controllers"

_GROUPS: Mapping[str, str] = {ADMIN: "system:masters", CONTROLLER_MANAGER: "", SCHEDULER: "", KWOK: "", CONTROLLERS: ""}

# The name of the cluster and of the context in every kubeconfig.
CONTEXT = "twin"


def issue_tokens(path: Path) -> None:
    """Write a new token for everybody, in the form that the API server reads."""
    lines = [f'{secrets.token_hex(32)},{user},{user},"{groups}"' for user, groups in _GROUPS.items()]
    write_private(path, "\n".join(lines) + "\n")


def write_kubeconfigs(state: State, port: int) -> None:
    """Write the kubeconfigs of the admin and of every part, for the API server at `port`."""
    lines = (state.pki / "tokens.csv").read_text().splitlines()
    tokens = {user: token for token, user, *_ in (line.split(",") for line in lines)}
    authority = base64.b64encode((state.pki / "ca.crt").read_bytes()).decode()
    for user in _GROUPS:
        path = state.kubeconfig if user == ADMIN else kubeconfig_of(state, user)
        write_private(path, _kubeconfig(f"https://127.0.0.1:{port}", authority, user, tokens[user]))


def kubeconfig_of(state: State, user: str) -> Path:
    """Where the kubeconfig of a part lies."""
    return state.kubeconfigs / _short(user)


def _kubeconfig(server: str, authority: str, user: str, token: str) -> str:
    name = _short(user)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": name, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": name}}],
        "current-context": CONTEXT,
    }
    return yaml.safe_dump(config, sort_keys=False)


def _short(user: str) -> str:
    return user.rpartition(":")[2]
