"""Objects of the Kubernetes API as plain data, and how one is handed to a Pulumi resource class."""

from __future__ import annotations

import re
from typing import Any

import pulumi

Manifest = dict[str, Any]
"""One object of the Kubernetes API, or a part of one, in the API's own camelCase."""


def arguments(manifest: Manifest, namespace: pulumi.Input[str] | None = None) -> dict[str, Any]:
    """The keyword arguments with which a resource class of pulumi_kubernetes declares `manifest`.

    namespace: replaces the plain name in the manifest; pass a Namespace's output, so that Pulumi creates that first.
    """
    fields = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    if namespace is not None:
        fields["metadata"] = manifest["metadata"] | {"namespace": namespace}
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): value for key, value in fields.items()}
