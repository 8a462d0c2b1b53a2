"""The twin's stack config, made from the home's own.

Every key is taken over but three kinds: what leads to the real cluster leads to the twin's, each secret becomes a
throwaway one, and the salt of the home's passphrase stays behind. Documents are stack config files as plain data; the
engine encrypts the secrets afterwards, so none is ever written in clear.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PROJECT = "homebrain"

Step = str | int
Place = tuple[Step, ...]
"""Where a value stands below `config`: the key of the file, then keys and list positions."""

_PLACEHOLDER = ""
"""Stands where a secret belongs until the engine has set it."""


def derive(home: Mapping[str, Any], kubeconfig: Path) -> dict[str, Any]:
    """The twin's document for a home's document, without values for the secrets in it.

    A secret at any depth is left as a placeholder: `secret_places` of the same document names them all.
    """
    config = {key: _without_secrets(value) for key, value in _taken_over(home)}
    return {"config": {**config, f"{PROJECT}:kubeconfig": str(kubeconfig)}}


def secret_places(home: Mapping[str, Any], required: Iterable[str] = ()) -> tuple[Place, ...]:
    """Every place where the twin needs a secret: those set in the home's document, and the keys it requires unset.

    `required` are names without the project's prefix.
    """
    places: dict[Place, None] = dict.fromkeys(_secrets_below(dict(_taken_over(home)), ()))
    return tuple(places | dict.fromkeys((f"{PROJECT}:{key}",) for key in required))


def outside(home: Mapping[str, Any]) -> dict[str, str]:
    """The names that the home has outside, as the services that give them know them: `domain`, `tailnet`."""
    config = home.get("config") or {}
    names = {name: config.get(f"{PROJECT}:{name}") for name in ("domain", "tailnet")}
    return {name: value for name, value in names.items() if isinstance(value, str)}


def keep(document: dict[str, Any], previous: Mapping[str, Any], places: Iterable[Place]) -> tuple[Place, ...]:
    """Take the secrets and the salt of the twin's previous document over; say which secrets are still missing."""
    if "encryptionsalt" in previous:
        document["encryptionsalt"] = previous["encryptionsalt"]
    missing = []
    for place in places:
        value = _at(previous.get("config") or {}, place)
        if not _is_secret(value):
            value = _PLACEHOLDER
            missing.append(place)
        _put(document["config"], place, value)
    return tuple(missing)


def path(place: Place) -> str:
    """A place in the syntax of `pulumi config set --path`."""
    key, *steps = place
    return str(key) + "".join(f"[{json.dumps(step, ensure_ascii=False)}]" for step in steps)


def throwaway() -> str:
    """A secret for the twin: random, and recognisable as worth nothing elsewhere."""
    return f"twin-{secrets.token_urlsafe(18)}"


def _taken_over(home: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys of a home's config that don't lead to its cluster, in whatever namespace."""
    for key, value in (home.get("config") or {}).items():
        if key.rpartition(":")[2] not in ("kubeconfig", "context"):
            yield key, value


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"secure"}


def _without_secrets(value: Any) -> Any:
    if _is_secret(value):
        return _PLACEHOLDER
    if isinstance(value, Mapping):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def _secrets_below(value: Any, place: Place) -> Iterator[Place]:
    if _is_secret(value):
        yield place
        return
    steps: Iterable[tuple[Step, Any]] = ()
    if isinstance(value, Mapping):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    for step, item in steps:
        yield from _secrets_below(item, (*place, step))


def _at(value: Any, place: Place) -> Any:
    for step in place:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _put(value: Any, place: Place, new: Any) -> None:
    *steps, last = place
    for step in steps:
        value = value[step]
    value[last] = new
