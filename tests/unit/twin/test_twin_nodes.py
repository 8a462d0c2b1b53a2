"""A node's description as a Node object."""

from __future__ import annotations

from typing import Any

import pytest

import home
from twin import nodes
from twin.api import FIELD_MANAGER, Manifest


def node(**fields: Any) -> home.Node:
    known = {"name": "k3s-gpu", "role": "agent", "version": "v1.34.3+k3s1", "arch": "amd64", "cpus": 16}
    return home.Node.model_validate({**known, "memory": "16Gi", **fields})


def test_a_node_offers_its_capacity_less_what_the_system_keeps() -> None:
    status = nodes.status(node(localStorage="1900G"), "192.168.0.5")["status"]
    gibibyte = 2**20
    assert status["capacity"] == {
        "cpu": "16",
        "memory": f"{16 * gibibyte}Ki",
        "pods": "110",
        "ephemeral-storage": "1855468750Ki",
    }
    assert status["allocatable"]["memory"] == f"{16 * gibibyte - 512 * 1024}Ki"
    assert status["allocatable"]["ephemeral-storage"] == "1762695312Ki"
    assert status["nodeInfo"]["kubeletVersion"] == "v1.34.3+k3s1"


def test_even_a_tiny_machine_keeps_half_of_its_memory_for_pods() -> None:
    assert nodes.status(node(memory="512Mi"), "192.0.2.1")["status"]["allocatable"]["memory"] == "262144Ki"


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"addresses": {"lan": "192.168.0.5", "tailnet": "100.64.0.5"}}, "192.168.0.5"),
        ({"addresses": {"lan": "192.168.0.5", "tailnet": "100.64.0.5"}, "joinedOver": "tailnet"}, "100.64.0.5"),
        ({"addresses": {"lan": "192.168.0.5"}, "joinedOver": "tailnet"}, "192.168.0.5"),
        ({}, "192.0.2.3"),
    ],
)
def test_a_node_is_known_by_the_address_over_which_it_joined(fields: dict[str, Any], address: str) -> None:
    assert nodes.address(node(**fields), 2) == address


def test_only_a_node_that_is_to_answer_is_given_a_kubelet() -> None:
    assert "twin.homebrain.io/kubelet" in nodes.manifest(node(), "ready", None)["metadata"]["labels"]
    assert "twin.homebrain.io/kubelet" not in nodes.manifest(node(), "unknown", None)["metadata"]["labels"]


def test_the_labels_that_kubernetes_sets_win_over_the_homes_own() -> None:
    labels = nodes.manifest(node(labels={"kubernetes.io/arch": "riscv64", "a": "b"}), "ready", None)["metadata"][
        "labels"
    ]
    assert (labels["kubernetes.io/arch"], labels["a"]) == ("amd64", "b")


def taint_keys(manifest: Manifest) -> list[tuple[str, str]]:
    return [(taint["key"], taint["effect"]) for taint in manifest["spec"].get("taints", [])]


def test_a_new_node_that_is_unknown_takes_no_pods_from_the_start() -> None:
    own = {"key": "batch", "effect": "NoSchedule"}
    new = nodes.manifest(node(taints=[own]), "unknown", None)
    unreachable = "node.kubernetes.io/unreachable"
    assert taint_keys(new) == [("batch", "NoSchedule"), (unreachable, "NoSchedule"), (unreachable, "NoExecute")]


def test_the_taints_that_kubernetes_set_stay_and_others_follow_the_description() -> None:
    existing = {
        "spec": {
            "taints": [
                {"key": "old", "effect": "NoSchedule"},
                {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"},
            ]
        }
    }
    assert taint_keys(nodes.manifest(node(), "ready", existing)) == [("node.kubernetes.io/not-ready", "NoExecute")]


def as_applied(manifest: Manifest) -> Manifest:
    """The object as the API server gives it back after the twin applied it."""
    fields = {
        f"f:{field}": {".": {}, **{f"f:{key}": {} for key in manifest["metadata"][field]}}
        for field in ("labels", "annotations")
    }
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:metadata": fields}}
    metadata = {**manifest["metadata"], "managedFields": [entry]}
    metadata["labels"] = {**metadata["labels"], "set-by": "somebody-else"}
    return {**manifest, "metadata": metadata}


def test_a_node_that_is_as_described_needs_nothing() -> None:
    described = node(labels={"a": "b"}, gpu={"model": "GTX 1650", "vram": "4Gi"})
    existing = as_applied(nodes.manifest(described, "ready", None))
    assert nodes.same(nodes.manifest(described, "ready", existing), existing)
    for changed in (
        nodes.manifest(described, "unknown", existing),
        nodes.manifest(node(gpu={"model": "GTX 1650", "vram": "4Gi"}), "ready", existing),
        nodes.manifest(node(labels={"a": "c"}, gpu={"model": "GTX 1650", "vram": "4Gi"}), "ready", existing),
        nodes.manifest(node(labels={"a": "b"}), "ready", existing),
    ):
        assert not nodes.same(changed, existing)
