"""What the twin would hold of a home, made of what the program registers: objects, records, and the pods that follow.

Nothing is written down by hand here. A snapshot of a running twin differs in ids, addresses and in what the API server
fills in; `tests/twin/test_exposure.py` reads one back as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

import home
from components.plan import plan
from exposure import Exposure
from home.exposure import expected, planned_of
from render import Evaluation, Registration, evaluate, stack
from render.program import COMPUTED, Secret, api_object
from twin.exposure.reading import read_back
from twin.exposure.snapshot import KINDS, Credential, Place, Snapshot
from twin.standins.cloudflare import TUNNEL
from twin.standins.record import Entry
from twin.standins.tailscale import TAILNET_KEY

Object = dict[str, Any]

ROOT = Path(__file__).parents[1]
HOMELAB = ROOT / "Pulumi.homelab.yaml"
CONTROLLERS = ("Deployment", "StatefulSet", "DaemonSet")
OPENED_BY = {TUNNEL: "tunnel", TAILNET_KEY: "key"}

# As K3s has it, so that DNS leads somewhere.
CORE_DNS: Object = {
    "kind": "Pod",
    "metadata": {"name": "coredns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
    "spec": {"containers": [{"name": "coredns", "ports": [{"containerPort": 53, "protocol": "UDP"}]}]},
    "status": {"phase": "Running", "podIP": "10.42.0.2"},
}


def described(config: Mapping[str, Any], name: str = "test") -> Exposure:
    """The map of who should reach what of the home with this config, by key without the project's name."""
    here = home.load(config)
    documents = yaml.safe_load_all(yaml.safe_dump_all(plan(here, home.versions.load()).connections))
    return expected(here, planned_of(documents), name)


def found(config: Mapping[str, Any], snapshot: Snapshot, name: str = "test") -> Exposure:
    """The map read back from a snapshot of that home."""
    return read_back(snapshot, home.load(config), name)


def config_of(path: Path = HOMELAB) -> dict[str, Any]:
    """The plain config of a stack's file."""
    return dict(stack.read(path).values)


def snapshot_of(config: Mapping[str, Any]) -> Snapshot:
    """What the twin would hold of the home with this config."""
    secrets = {one.key: stack.PLACEHOLDER for one in home.secrets.required(home.load(config))}
    evaluation = evaluate(config, secrets)
    objects = [*_objects(evaluation), CORE_DNS]
    entries = [_entry(one) for one in evaluation.registrations if one.custom and not one.read]
    return Snapshot(
        objects=tuple(one for one in objects if one["kind"] in KINDS),
        cloudflare=tuple(one for one in entries if one.type.startswith("cloudflare:")),
        tailscale=tuple(one for one in entries if one.type.startswith("tailscale:")),
        credentials=dict(_credentials(evaluation)),
    )


def _entry(one: Registration) -> Entry:
    outputs = {key: _redacted(value) for key, value in COMPUTED.get(one.type, {}).items()}
    return Entry(one.name, one.type, one.urn, _redacted(one.inputs), outputs)


def _redacted(value: Any) -> Any:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _redacted(one) for key, one in value.items()}
    return [_redacted(one) for one in value] if isinstance(value, list) else value


def _credentials(evaluation: Evaluation) -> Iterator[tuple[Place, Credential]]:
    """What Secrets open: a Secret made of a tunnel's token or of a key depends on that."""
    opening = {one.urn: Credential(OPENED_BY[one.type], one.name) for one in _of(evaluation, OPENED_BY)}  # type: ignore[arg-type]
    for one in _of(evaluation, ("kubernetes:core/v1:Secret",)):
        metadata = one.inputs["metadata"]
        for urn in one.depends_on:
            if urn in opening:
                for key in getattr(data := one.inputs["stringData"], "value", data):
                    yield Place(metadata["namespace"], metadata["name"], key), opening[urn]


def _of(evaluation: Evaluation, types: Iterable[str]) -> list[Registration]:
    return [one for one in evaluation.registrations if one.type in types and not one.read]


def _objects(evaluation: Evaluation) -> Iterator[Object]:
    addresses = iter(range(10, 250))
    for registration in evaluation.registrations:
        if not registration.type.startswith("kubernetes:") or registration.read:
            continue
        one = _redacted(api_object(registration))
        kind = one["kind"]
        if kind == "Namespace":
            # Every namespace has its name as a label: the API server sees to that.
            name = one["metadata"]["name"]
            labels = {**(one["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": name}
            yield {**one, "metadata": {**one["metadata"], "labels": labels}}
            continue
        yield one
        if kind in CONTROLLERS:
            yield from _run(one, addresses)


def _run(controller: Object, addresses: Iterator[int]) -> Iterator[Object]:
    """The pods that a controller keeps, each with an address, and the ReplicaSet in between."""
    kind, metadata = controller["kind"], controller["metadata"]
    owner = {"kind": kind, "name": metadata["name"], "controller": True}
    if kind == "Deployment":
        name = f"{metadata['name']}-5d8f"
        yield {
            "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": metadata["namespace"], "ownerReferences": [owner]},
        }
        owner = {"kind": "ReplicaSet", "name": name, "controller": True}
    template = controller["spec"]["template"]
    for number in range(controller["spec"].get("replicas", 1)):
        yield {
            "kind": "Pod",
            "metadata": {
                "name": f"{owner['name']}-{number}",
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "ownerReferences": [owner],
            },
            "spec": template["spec"],
            "status": {"phase": "Running", "podIP": f"10.42.0.{next(addresses)}"},
        }
