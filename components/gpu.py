"""The home's GPUs: what makes a card, or slices of it, something that a pod can ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

from components import names
from components.deployed import DeployedWorkload
from components.workload import (
    ROOT,
    Container,
    Deviation,
    EveryGpu,
    Files,
    GpuMemory,
    HostPath,
    Mount,
    Resources,
    Slices,
    Workload,
)
from home import GpuShare, Home, Node
from home.versions import Image

CONFIG_FOLDER = "/config"
CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class GpuArgs:
    """plugins: one device plugin for each card that is shared by counting. namespace: the handle of the room's
    namespace."""

    plugins: tuple[Workload, ...]
    namespace: pulumi.Input[str]


class Gpu(pulumi.ComponentResource):
    """The home's GPUs.

    Reads the RuntimeClass `nvidia`, which K3s makes when it finds the NVIDIA container runtime on a node. Creates an
    NVIDIA device plugin for each node whose card is sliced or given out whole, with that node's own sharing config. A
    card that is shared without limits gets none: nothing counts it.
    """

    runtime_class: pulumi.Output[str]
    """The handle of the runtime that shows a pod its GPU."""

    def __init__(self, name: str, args: GpuArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the plugins; the preview fails when the cluster has no RuntimeClass `nvidia`."""
        super().__init__("homebrain:gpu:Gpu", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        runtime = kubernetes.node.v1.RuntimeClass.get("nvidia", names.RUNTIME_CLASS_NVIDIA, opts=child)
        for plugin in args.plugins:
            DeployedWorkload(plugin, args.namespace, opts=child)

        self.runtime_class = runtime.metadata["name"]
        self.register_outputs({"runtimeClass": self.runtime_class})


def plugins(home: Home, images: Mapping[str, Image]) -> tuple[Workload, ...]:
    """One device plugin for each node in service whose card is counted.

    One a node, not one for all: each node then reads just its own config, and no plugin needs a token for the API
    server to look up which of several is meant.
    """
    counted = [node for node in home.nodes_in_service if node.gpu is not None and node.gpu.slices > 0]
    return tuple(device_plugin(node, images["nvidia-device-plugin"]) for node in counted)


def device_plugin(node: Node, image: Image) -> Workload:
    """The device plugin of one node: tells its kubelet how many `nvidia.com/gpu` there are."""
    config = Files("sharing", {CONFIG_FILE: yaml.safe_dump(sharing_config(node), sort_keys=False)})
    return Workload(
        name=f"nvidia-device-plugin-{node.name}",
        namespace=names.GPU,
        kind="DaemonSet",
        nodes=(node.name,),
        priority=names.PRIORITY_NODE_CRITICAL,
        user=ROOT,
        containers=(
            Container(
                name="device-plugin",
                image=image.reference,
                resources=Resources(cpu="10m", memory="64Mi", memory_limit="128Mi"),
                env={"CONFIG_FILE": f"{CONFIG_FOLDER}/{CONFIG_FILE}"},
                mounts=(
                    Mount(CONFIG_FOLDER, config),
                    Mount("/var/lib/kubelet/device-plugins", HostPath("/var/lib/kubelet/device-plugins")),
                ),
                gpu=EveryGpu(),
            ),
        ),
        deviations={
            Deviation.ROOT_USER: "the kubelet's plugin folder belongs to root",
            Deviation.HOST_PATH: "registers with the kubelet through a socket in its plugin folder",
            Deviation.EVERY_GPU: "finds the node's cards in order to offer them to pods",
            Deviation.NO_PROBES: "serves no health endpoint; the kubelet drops the slices when its socket goes",
        },
    )


def use_of(share: GpuShare | None) -> Slices | EveryGpu | None:
    """How a container gets what the app takes of a card: counted slices, or the whole card where nothing counts."""
    if share is None:
        return None
    memory = GpuMemory(share.vram, share.processes)
    return Slices(share.slices, memory) if share.slices else EveryGpu(memory)


def deviations_of(*shares: GpuShare | None) -> dict[Deviation, str]:
    """What a workload with these shares has to name."""
    if any(isinstance(use_of(share), EveryGpu) for share in shares):
        return {Deviation.EVERY_GPU: "its node shares the card without limits: pods see it without asking for it"}
    return {}


def sharing_config(node: Node) -> dict[str, Any]:
    """The device plugin's config file for one node.

    Time-slicing wants at least 2 replicas; a card that is given out whole has no `sharing` at all.
    """
    config: dict[str, Any] = {
        "version": "v1",
        "flags": {"migStrategy": "none", "plugin": {"deviceListStrategy": "envvar", "deviceIDStrategy": "uuid"}},
    }
    if node.gpu is not None and node.gpu.sharing.mode == "time-slicing":
        config["sharing"] = {
            "timeSlicing": {
                "renameByDefault": False,
                # Two slices give a pod no more of the card than one: say no rather than let somebody believe it.
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": names.GPU_RESOURCE, "replicas": node.gpu.sharing.replicas}],
            }
        }
    return config
