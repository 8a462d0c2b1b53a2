"""The names that more than one room uses: namespaces, classes, priorities, labels. One place, so that they agree."""

from __future__ import annotations

from typing import Final

PART_OF: Final = "homebrain"

# Namespaces, one a room.
GPU: Final = "gpu"
STORAGE: Final = "storage"
MEDIA: Final = "media"
PHOTOS: Final = "photos"
TUNNEL: Final = "tunnel"
TAILNET: Final = "tailnet"
MONITORING: Final = "monitoring"
# What watches from inside each machine: it sees the machine's folders, so it lives apart from the rest.
NODE_AGENTS: Final = "node-agents"
NOTIFICATIONS: Final = "notifications"
BRAIN: Final = "brain"

# Where K3s puts pods, and so where requests through a door come from. Services are in 10.43.0.0/16.
POD_NETWORK: Final = "10.42.0.0/16"

# Classes that K3s brings along.
RUNTIME_CLASS_NVIDIA: Final = "nvidia"
STORAGE_CLASS_LOCAL: Final = "local-path"

# Classes of the home's own.
STORAGE_CLASS_RETAINING: Final = "local-path-retain"
PRIORITY_DATA: Final = "home-data"
PRIORITY_INTERACTIVE: Final = "home-interactive"
PRIORITY_BATCH: Final = "home-batch"

# Kubernetes' own class for what a node can't do without.
PRIORITY_NODE_CRITICAL: Final = "system-node-critical"

GPU_RESOURCE: Final = "nvidia.com/gpu"
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
LABEL_HOSTNAME: Final = "kubernetes.io/hostname"
LABEL_NAMESPACE: Final = "kubernetes.io/metadata.name"
LABEL_POD_SECURITY: Final = "pod-security.kubernetes.io"

# A deviation from the hardened default, and why; the policy report lists every one.
ANNOTATION_DEVIATION: Final = "homebrain.io/deviation"
# Changes when a file of the pod changes, and so rolls the pod.
ANNOTATION_CONFIG: Final = "homebrain.io/config"
# What else the pod was told when it started; changes when that does, and so rolls it.
ANNOTATION_TOLD: Final = "homebrain.io/told"
# What a pod takes of its node's GPU: memory at its peak, and how many processes hold a CUDA context besides.
ANNOTATION_VRAM: Final = "homebrain.io/vram"
ANNOTATION_GPU_PROCESSES: Final = "homebrain.io/gpu-processes"
# Tells the Kubernetes provider not to wait for an object to become ready.
ANNOTATION_SKIP_AWAIT: Final = "pulumi.com/skipAwait"


def labels(name: str) -> dict[str, str]:
    """The labels that every object of the workload `name` carries."""
    return {LABEL_NAME: name, LABEL_PART_OF: PART_OF, LABEL_MANAGED_BY: "pulumi"}


def selector(name: str) -> dict[str, str]:
    """The labels by which the pods of the workload `name` are found; never more, since a selector can't change."""
    return {LABEL_NAME: name}
