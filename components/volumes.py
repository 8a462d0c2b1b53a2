"""Claims on volumes: local disk, and shares of the NAS."""

from __future__ import annotations

import pulumi

from components import names
from components.manifests import Manifest


def local_claim(name: str, size: str, storage_class: pulumi.Input[str]) -> Manifest:
    """A claim on the local disk of the node where its pod runs. `size` is a Kubernetes quantity.

    K3s' local disk doesn't enforce the size. A claim that matters wants a storage class that retains.
    """
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "labels": names.labels(name),
            # Bound when its first pod is scheduled, not before. Pulumi knows that of a new claim; an update of a bound
            # one it would watch for five minutes and then give up on.
            "annotations": {names.ANNOTATION_SKIP_AWAIT: "true"},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": size}},
        },
    }
