"""The parameters of the rules: what a stack's policy config file may set, besides enforcement levels and exceptions.

{"homebrain-resources": {"registries": ["docker.io", "ghcr.io/immich-app"]}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final


@dataclass(frozen=True)
class Parameters:
    """What the rules go by, each list as short as the home allows.

    registries: where images may come from, as a registry (`ghcr.io`) or a part of one (`ghcr.io/immich-app`).
    disposable_storage_classes: classes of which a claim holds nothing that matters: it may be deleted.
    digests: the digest of each `repository:tag` that `versions.yaml` pins.
    """

    registries: tuple[str, ...] = (
        "docker.io",
        "ghcr.io",
        "nvcr.io/nvidia",
        "quay.io",
        "registry.k8s.io",
    )
    disposable_storage_classes: tuple[str, ...] = ("local-path",)
    digests: Mapping[str, str] = field(default_factory=dict)


CONFIGURABLE: Final[Mapping[str, str]] = {
    "registries": "registries",
    "disposableStorageClasses": "disposable_storage_classes",
}
"""The parameters that a policy config file may set: its key, and the attribute of `Parameters`."""

SCHEMA: Final[Mapping[str, Any]] = {
    key: {"type": "array", "items": {"type": "string", "minLength": 1}} for key in CONFIGURABLE
}
"""The JSON Schema of each key."""


def configured(config: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of `Parameters` that a policy config sets. The engine has held it against `SCHEMA`."""
    return {attribute: tuple(config[key]) for key, attribute in CONFIGURABLE.items() if key in config}


DEFAULTS: Final = Parameters()
assert set(CONFIGURABLE.values()) <= {each.name for each in fields(Parameters)}
