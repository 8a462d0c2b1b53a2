"""Rules on what the machines give: slices of their GPUs, the memory of those, versions that go together."""

from __future__ import annotations

from typing import Any

import yaml

from policies.unknown import UNKNOWN
from tests.policies.cases.case import Case, Declared, Json, core, edited, room, running
from tests.policies.cases.pods import ON_GPU

HOSTNAME = "kubernetes.io/hostname"


def cluster(**gpu: Any) -> Declared:
    """The component that describes the machines."""
    server = {"name": "master", "role": "server", "version": "v1.33.6+k3s1", "gpu": gpu} if gpu else {}
    return described(server or {"name": "master", "role": "server", "version": "v1.33.6+k3s1"})


def described(*nodes: Json) -> Declared:
    """The component with these machines."""
    return Declared("homebrain:cluster:Cluster", "cluster", {"nodes": list(nodes)})


def plugin(config: Any) -> tuple[Declared, ...]:
    """A device plugin on the node `master`, with its sharing config."""
    return (
        core("ConfigMap", "sharing", {"data": {"config.yaml": config}}, namespace="room"),
        running(
            edited(
                ("spec.nodeSelector", {HOSTNAME: "master"}),
                ("spec.volumes", [{"name": "sharing", "configMap": {"name": "sharing"}}]),
            ),
            name="plugin",
            kind="DaemonSet",
        ),
    )


def sliced(replicas: Any) -> str:
    """The config of a device plugin that cuts each card."""
    resources = [{"name": "nvidia.com/gpu", "replicas": replicas}]
    return yaml.safe_dump({"version": "v1", "flags": {}, "sharing": {"timeSlicing": {"resources": resources}}})


def app(name: str = "app", node: Any = "master", vram: Any = "1Gi", processes: str = "1", **spec: Any) -> Declared:
    """An app with a slice."""
    annotations = {"homebrain.io/vram": vram, "homebrain.io/gpu-processes": processes}
    edits = [*ON_GPU, ("metadata.annotations", annotations if vram is not None else {})]
    match = {"matchExpressions": [{"key": HOSTNAME, "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [match]}}
    return running(edited(*edits, ("spec.affinity", {"nodeAffinity": required} if node else None)), name=name, **spec)


CARD = {"count": 1, "memory": "4Gi", "contextOverhead": "150Mi"}
AGENT = {"name": "agent", "role": "agent", "version": "v1.34.3+k3s1"}
SERVER = {"name": "master", "role": "server", "version": "v1.33.6+k3s1"}

SLICES = [
    Case("gpu-slices", "as many as there are", (*room(), *plugin(sliced(2)), app("one"), app("two"))),
    Case("gpu-slices", "two cards", (*room(), *plugin(sliced(2)), cluster(count=2, memory="8Gi"), app(replicas=4))),
    Case("gpu-slices", "on any node", (*room(), *plugin(sliced(2)), app(node=None, replicas=9))),
    Case("gpu-slices", "without a plugin in the stack", (*room(), app(replicas=9))),
    Case(
        "gpu-slices",
        "one too many",
        (*room(), *plugin(sliced(2)), app("one"), app("two"), app("three")),
        ("nvidia.com/gpu, with what else runs on master, is 3, allowed is 2, as DaemonSet plugin shares its cards",),
    ),
    Case(
        "gpu-slices",
        "too many pods of one",
        (*room(), *plugin("version: v1\nflags: {}\n"), app(replicas=2)),
        ("is 2, allowed is 1",),
    ),
    Case(
        "gpu-slices",
        "a config unknown",
        (*room(), *plugin(UNKNOWN), app()),
        ("the config of DaemonSet plugin is not known yet",),
        undecided=True,
    ),
    Case(
        "gpu-slices",
        "replicas unknown",
        (*room(), *plugin(sliced(2)), app(replicas=UNKNOWN)),
        ("spec.replicas is not known yet",),
        undecided=True,
    ),
]
MEMORY = [
    Case("gpu-memory", "within the card", (*room(), cluster(**CARD), app("one", vram="2Gi"), app("two", vram="1Gi"))),
    Case("gpu-memory", "on a card that nobody describes", (*room(), app(vram="80Gi"))),
    Case(
        "gpu-memory",
        "more than the card",
        (*room(), cluster(**CARD), app("one", vram="2Gi"), app("two", vram="1900Mi")),
        ("the memory of the GPU of master is 4248 MiB with what else runs there, CUDA contexts included, allowed is",),
    ),
    Case(
        "gpu-memory",
        "more than the card by its contexts alone",
        (*room(), cluster(**CARD), app(vram="3500Mi", processes="4")),
        ("the memory of the GPU of master is 4100 MiB",),
    ),
    Case(
        "gpu-memory",
        "not declared",
        (*room(), cluster(**CARD), app(vram=None)),
        ("spec.template.metadata.annotations[homebrain.io/vram] is missing, allowed is an amount of memory",),
    ),
    Case(
        "gpu-memory",
        "declared without sense",
        (*room(), cluster(**CARD), app(vram="lots")),
        ("spec.template.metadata.annotations[homebrain.io/vram] is a text that isn't shown here",),
    ),
    Case(
        "gpu-memory",
        "a budget unknown",
        (*room(), cluster(**CARD), app(vram=UNKNOWN)),
        ("homebrain.io/vram] is not known yet",),
        undecided=True,
    ),
]
VERSIONS = [
    Case("kubelet-skew", "together", (described(SERVER, {**AGENT, "version": "v1.33.1+k3s1"}),)),
    Case("kubelet-skew", "a little behind", (described(SERVER, {**AGENT, "version": "v1.30.9+k3s1"}),)),
    Case(
        "kubelet-skew",
        "an agent that is newer",
        (described(SERVER, AGENT),),
        ("the kubelet of agent (v1.34.3+k3s1) is newer than the API server",),
    ),
    Case(
        "kubelet-skew",
        "an agent far behind",
        (described(SERVER, {**AGENT, "version": "v1.29.1+k3s1"}),),
        ("the kubelet of agent (v1.29.1+k3s1) is more than 3 minor versions older",),
    ),
    Case(
        "kubelet-skew",
        "a version unknown",
        (described(SERVER, {**AGENT, "version": UNKNOWN}),),
        ("nodes[1].version is not known yet",),
        undecided=True,
    ),
]

CASES: tuple[Case, ...] = (*SLICES, *MEMORY, *VERSIONS)
