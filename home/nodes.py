"""The machines of the cluster and their GPUs. Imports the values and nothing else of ours."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from home.quantities import to_bytes
from home.record import FrozenMapping, Record
from home.values import Address, Count, Day, LabelKey, Labels, LabelValue, Name, Size, Text, Version


class Sharing(Record):
    """How the pods of a node share its cards."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"mode": {"const": "time-slicing"}}},
            "then": {"required": ["mode", "replicas"], "properties": {"replicas": {"minimum": 2}}},
            "else": {"properties": {"replicas": False}},
        }
    )

    mode: Literal["exclusive", "time-slicing", "unlimited"] = Field(examples=["exclusive"])
    """`exclusive`: one pod a card. `time-slicing`: `replicas` pods a card, each asking for a slice. `unlimited`: the
    node has no device plugin; pods see the card without asking for it, and nothing counts them."""
    replicas: Count | None = None
    """Into how many slices each card is cut, 2 or more; only with `time-slicing`. Slices share the card's memory."""


class Gpu(Record):
    """The cards of one node, all of one kind."""

    model: Text = Field(examples=["GTX 1650"])
    """The card, such as GTX 1650."""
    vram: Size
    """The memory of one card, such as 4Gi."""
    count: Count = 1
    """How many such cards the node has."""
    context_overhead: Size = "150Mi"
    """What the CUDA context of each process takes of a card before the app has stored anything. An assumption: it
    differs by driver; `nvidia-smi` shows it as the memory of an idle process."""
    sharing: Sharing = Sharing(mode="exclusive")
    """How pods share the card; `exclusive` when left out."""

    @property
    def vram_bytes(self) -> int:
        """The memory of one card in bytes."""
        return to_bytes(self.vram)

    @property
    def context_overhead_bytes(self) -> int:
        """What one CUDA context takes, in bytes."""
        return to_bytes(self.context_overhead)

    @property
    def slices(self) -> int:
        """How many `nvidia.com/gpu` the node offers: 0 when sharing is unlimited, since nothing is counted there."""
        match self.sharing.mode:
            case "time-slicing":
                return self.count * (self.sharing.replicas or 1)
            case "exclusive":
                return self.count
            case "unlimited":
                return 0


class Taint(Record):
    """A mark that keeps pods off the node unless they tolerate it."""

    key: LabelKey = Field(examples=["dedicated"])
    """The taint's key, such as `dedicated`."""
    value: LabelValue | None = None
    """The taint's value, when it has one."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    """What happens to pods that don't tolerate the taint."""


class Addresses(Record):
    """Where a machine answers. Both may be missing: a machine behind NAT has no LAN address."""

    lan: Address | None = None
    """The address in one of the home's networks."""
    tailnet: Address | None = None
    """The address in the tailnet, from 100.64.0.0/10."""
    tailnet_key_expires: Day | None = None
    """The day on which the machine's key in the tailnet ends, as Tailscale's console shows it; an alert comes two weeks
    before. Leave out where it doesn't: a machine with a tag."""


class Node(Record):
    """One machine of the cluster."""

    name: Name = Field(examples=["k3s-master"])
    """The node's name in the cluster (`kubectl get nodes`)."""
    role: Literal["server", "agent"]
    """`server` runs the control plane and pods, `agent` only pods."""
    state: Literal["ready", "unknown"] = "ready"
    """`unknown` for a machine that belongs to the home but does not answer: nothing waits for it."""
    hardware: Text | None = None
    """The machine and its processor."""
    system: Text | None = None
    """The operating system, and what it runs in when that is a virtual machine."""
    version: Version = Field(examples=["v1.33.6+k3s1"])
    """The K3s version as `kubectl get nodes` shows it, such as v1.33.6+k3s1."""
    arch: Literal["amd64", "arm64"]
    """The processor's architecture."""
    cpus: Count
    """The CPUs that Kubernetes sees: threads, not cores."""
    memory: Size
    """The memory that Kubernetes sees, such as 32Gi."""
    local_storage: Size | None = None
    """The size of the local disk that holds volumes, such as 1900G."""
    addresses: Addresses = Addresses()
    """Where the node answers."""
    joined_over: Literal["lan", "tailnet"] = "lan"
    """The network over which the node reaches the control plane."""
    labels: Labels = Field(default_factory=lambda: FrozenMapping({}))
    """Labels that the node carries beside those that Kubernetes sets itself."""
    taints: tuple[Taint, ...] = ()
    """Taints that the node carries."""
    gpu: Gpu | None = None
    """The node's GPUs; leave out for a node without."""
    assumed: tuple[str, ...] = ()
    """The keys of this node whose values nobody has measured yet; output marks them."""

    @property
    def memory_bytes(self) -> int:
        """`memory` in bytes."""
        return to_bytes(self.memory)

    @property
    def local_storage_bytes(self) -> int | None:
        """`local_storage` in bytes, when it is known."""
        return None if self.local_storage is None else to_bytes(self.local_storage)
