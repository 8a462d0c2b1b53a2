"""GPUs: who asks for a card, who sees one, and whether what they ask for is there.

Kubernetes counts slices and nothing else. Slices share the card's memory, so each pod declares what it takes of that
in its annotations: `homebrain.io/vram` (a quantity) and `homebrain.io/gpu-processes` (how many of its processes hold a
CUDA context; one where it isn't said).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml

from policies.check import PodCheck, StackCheck
from policies.fault import Fault, must
from policies.field import Field
from policies.machines import describes, machines
from policies.parameters import Parameters
from policies.pod import Pod
from policies.quantity import amount
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import ANY, TEXT, Shape, cut
from policies.stack import Stack
from policies.unknown import UNKNOWN
from policies.workloads import Workload, bears_pods

RUNTIME: Final = Rule(
    "gpu-runtime",
    "A pod that requests a GPU runs on NVIDIA's runtime, without which it wouldn't see it",
    Severity.HIGH,
    "https://docs.k3s.io/advanced#nvidia-container-runtime",
)
VISIBLE: Final = Rule(
    "gpu-visible-devices",
    "NVIDIA_VISIBLE_DEVICES is set on NVIDIA's runtime where no GPU is requested, and nowhere else",
    Severity.HIGH,
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#gpu-enumeration",
)
SLICES: Final = Rule(
    "gpu-slices",
    "No node is asked for more slices of its GPUs than its sharing config makes",
    Severity.HIGH,
    "https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus",
)
MEMORY: Final = Rule(
    "gpu-memory",
    "Pods declare the GPU memory that they take, and together they keep within the card",
    Severity.HIGH,
    "https://github.com/NVIDIA/k8s-device-plugin#with-cuda-time-slicing",
)

GPU: Final = "nvidia.com/gpu"
VRAM: Final = "homebrain.io/vram"
PROCESSES: Final = "homebrain.io/gpu-processes"
_VARIABLE = "NVIDIA_VISIBLE_DEVICES"
_RUNTIME = "nvidia"
_CONFIG_MAP: Shape = {"metadata": {"name": TEXT, "namespace": TEXT}, "data": {ANY: TEXT}}


def runtimes(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Pods that request a GPU on another runtime than NVIDIA's."""
    for container in workload.pod.lasting_containers():
        requested = _requested(container)
        if requested.unknown or amount(requested.value):
            for fault in must(
                workload.pod.spec.get("runtimeClassName"),
                lambda value: value == _RUNTIME,
                allowed="`nvidia`",
                fix="set it to nvidia",
                vocabulary=("nvidia",),
            ):
                yield Fault.unknown(requested) if requested.unknown else fault


def visible_devices(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Containers that see more cards than they were given, or fewer.

    On NVIDIA's runtime the image's own default decides, most often "all", where nothing is requested and nothing is
    set. Where a GPU is requested, the kubelet appends the pod's own value after the device plugin's, which hides the
    card that the pod was given.
    """
    runtime = workload.pod.spec.get("runtimeClassName")
    for container in workload.pod.lasting_containers():
        requested, variable = _requested(container), _variable(container)
        unknown = [place for place in (requested, variable) if place.unknown]
        if requested.unknown or not amount(requested.value):
            if runtime.unknown or runtime.value == _RUNTIME:
                unknown += [runtime] if runtime.unknown else []
                if variable.absent or unknown:
                    missing = Fault(
                        f"{container.path}.env", "without NVIDIA_VISIBLE_DEVICES", "one that has it",
                        "set it to `void` for a container without a GPU, to `all` for one that watches them all",
                    )  # fmt: skip
                    yield Fault.unknown(unknown[0]) if unknown else missing
        elif not variable.absent:
            forbidden = Fault(
                variable.path, "NVIDIA_VISIBLE_DEVICES beside a request for a GPU", "nothing",
                "take it out: the device plugin says which card the container got",
            )  # fmt: skip
            yield Fault.unknown(variable) if variable.unknown else forbidden


def too_many_slices(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource, Fault]]:
    """Nodes of which more is asked than their device plugin offers, by the sharing config that it is given.

    A pod that may run on several nodes counts for none of them. A node whose plugin the stack doesn't have isn't
    judged.
    """
    offered = _offered(stack)
    for node, asking in _asking(stack).items():
        if node not in offered:
            continue
        plugin, slices = offered[node]
        total = 0.0
        for resource, workload in asking:
            wanted = _slices(workload)
            if wanted.unknown or slices is UNKNOWN:
                yield resource, Fault.unknown(wanted if wanted.unknown else Field(f"the config of {plugin}", UNKNOWN))
                continue
            total += wanted.value  # type: ignore[operator]
            if total > slices:  # type: ignore[operator]
                yield (
                    resource,
                    Fault(
                        f"{GPU}, with what else runs on {node},",
                        f"{total:.0f}",
                        f"{slices}, as {plugin} shares its cards",
                        "ask for fewer, raise `sharing.replicas` of the node, or move it to another",
                    ),
                )


def too_much_memory(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource, Fault]]:
    """Pods that don't say what they take of a card, and cards that are too small for what is said.

    How large a node's cards are, the program's description of the machines says; without one, only the declarations
    are asked for. Each process takes its CUDA context on top.
    """
    cards = {one.name: one for one in machines(stack) if one.memory}
    for node, asking in _asking(stack).items():
        card = cards.get(node)
        total = 0.0
        for resource, workload in asking:
            annotations = workload.pod.annotations
            declared = Field(f"{annotations.path}[{VRAM}]", annotations.get(VRAM).value)
            for fault in must(
                declared,
                lambda value: amount(value) is not None,
                allowed="an amount of memory such as 512Mi",
                fix="declare what the pod takes of the card at its peak",
            ):
                yield resource, fault
                break
            else:
                if card is None:
                    continue
                processes = amount(annotations.get(PROCESSES).value or 1) or 1
                total += ((amount(declared.value) or 0) + processes * card.context) * _pods(workload)
                if total > card.memory:
                    yield (
                        resource,
                        Fault(
                            f"the memory of the GPU of {node}",
                            f"{total / 2**20:.0f} MiB with what else runs there, CUDA contexts included",
                            f"{card.memory / 2**20:.0f} MiB",
                            "lower the budgets (`vram`) of its apps, or move one to another node",
                        ),
                    )


def _requested(container: Field) -> Field:
    """How many GPUs a container asks for. Extended resources are the same in requests and limits, or only in limits."""
    limits = container.get("resources", "limits")
    return limits if limits.unknown else limits.get(GPU)


def _variable(container: Field) -> Field:
    """The place of the variable, wherever its value comes from; nothing there where it isn't set."""
    for variable in container.get("env").items():
        if variable.unknown or variable.get("name").unknown:
            return variable.get("name")
        if variable.get("name").value == _VARIABLE:
            return variable
    return Field(f"{container.path}.env", None)


def _slices(workload: Workload) -> Field:
    """How many slices all pods of a workload hold on one node."""
    total = 0.0
    for container in workload.pod.lasting_containers():
        requested = _requested(container)
        if requested.unknown:
            return requested
        total += amount(requested.value) or 0
    if workload.replicas.unknown:
        return workload.replicas
    return Field("", total * _pods(workload))


def _pods(workload: Workload) -> int:
    replicas = workload.replicas.value
    return replicas if isinstance(replicas, int) else 1


def _asking(stack: Stack) -> dict[str, list[tuple[Resource, Workload]]]:
    """The workloads that ask for a GPU, by the one node that may run them."""
    asking: dict[str, list[tuple[Resource, Workload]]] = {}
    for resource, workload in stack.workloads():
        nodes = workload.pod.nodes().value
        if isinstance(nodes, tuple) and len(nodes) == 1 and _asks(workload.pod):
            asking.setdefault(str(nodes[0]), []).append((resource, workload))
    return asking


def _asks(pod: Pod) -> bool:
    # On a card that is shared without limits nothing is requested: what is declared says it.
    declared = pod.annotations.get(VRAM)
    return not declared.absent or any(
        _requested(one).unknown or amount(_requested(one).value) for one in pod.lasting_containers()
    )


def _offered(stack: Stack) -> dict[str, tuple[str, object]]:
    """What each node's device plugin offers: the plugin's label, and how many slices, which may be UNKNOWN."""
    maps = {}
    for one in stack.of_kind("ConfigMap"):
        place = Field("", cut(one.props, _CONFIG_MAP)[0])
        maps[place.get("metadata", "name").value] = place.get("data")
    cards = {one.name: one.cards for one in machines(stack)}
    offered: dict[str, tuple[str, object]] = {}
    for resource, workload in stack.workloads():
        if workload.kind != "DaemonSet":
            continue
        nodes = workload.pod.nodes().value
        for volume in workload.pod.volumes():
            data = maps.get(volume.get("configMap", "name").value)
            replicas = _replicas(data) if data is not None else None
            for node in nodes if isinstance(nodes, tuple) and replicas is not None else ():
                count = replicas * (cards.get(node) or 1) if isinstance(replicas, int) else replicas
                offered[str(node)] = resource.label, count
    return offered


def _replicas(data: Field) -> object:
    """Into how many slices a device plugin's config cuts each card; None when the data is no such config."""
    if data.unknown:
        return UNKNOWN
    for _, file in data.entries():
        if file.unknown:
            return UNKNOWN
        try:
            config = yaml.safe_load(str(file.value))
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        if isinstance(config, dict) and config.get("version") == "v1" and {"flags", "sharing"} & config.keys():
            sharing = Field("", config).get("sharing", "timeSlicing", "resources")
            for entry in sharing.items():
                if entry.get("name").value == GPU and isinstance(entry.get("replicas").value, int):
                    return entry.get("replicas").value
            return 1
    return None


CHECKS: Final = (
    PodCheck(RUNTIME, runtimes),
    PodCheck(VISIBLE, visible_devices),
    StackCheck(
        SLICES,
        about=bears_pods,
        reads=lambda one: describes(one) or (one.group == "core" and one.kind == "ConfigMap"),
        faults=too_many_slices,
    ),
    StackCheck(MEMORY, about=bears_pods, reads=describes, faults=too_much_memory),
)
