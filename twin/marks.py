"""The labels and annotations by which the parts of a twin tell each other things."""

from __future__ import annotations

from typing import Final

# On the nodes that are to answer: kwok plays their kubelets.
ANSWERING: Final = ("twin.homebrain.io/kubelet", "kwok")

# On what the twin itself put into the cluster.
MANAGED_BY: Final = ("app.kubernetes.io/managed-by", "homebrain-twin")

# The cards of a node, as JSON: {"model": "...", "count": 1}. What pods can ask for is the device plugin's to say.
GPU: Final = "twin.homebrain.io/gpu"

# On a device plugin's pod: what it registered when it started, as JSON: {"nvidia.com/gpu": 4}.
DEVICES: Final = "twin.homebrain.io/devices"
