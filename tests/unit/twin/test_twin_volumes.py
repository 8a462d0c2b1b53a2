"""What the twin's provisioner answers to a claim."""

from __future__ import annotations

from typing import Any

import pytest

from twin.api import Manifest
from twin.controllers import volumes

ASKED = "volume.kubernetes.io/storage-provisioner"
SELECTED = "volume.kubernetes.io/selected-node"
LOCAL = "rancher.io/local-path"


def claim(*modes: str, **annotations: str) -> Manifest:
    metadata = {"name": "data", "namespace": "room", "uid": "1234", "annotations": annotations}
    spec = {"accessModes": list(modes or ("ReadWriteOnce",)), "resources": {"requests": {"storage": "10Gi"}}}
    return {"metadata": metadata, "spec": spec}


def storage_class(provisioner: str = LOCAL, mode: str = "WaitForFirstConsumer", **fields: Any) -> Manifest:
    return {"metadata": {"name": "c"}, "provisioner": provisioner, "volumeBindingMode": mode, **fields}


@pytest.mark.parametrize(
    ("annotations", "mode", "asked"),
    [
        ({}, "WaitForFirstConsumer", False),
        ({ASKED: LOCAL}, "WaitForFirstConsumer", False),
        ({ASKED: LOCAL, SELECTED: "n"}, "WaitForFirstConsumer", True),
        ({ASKED: LOCAL}, "Immediate", True),
        ({ASKED: "another", SELECTED: "n"}, "WaitForFirstConsumer", False),
    ],
)
def test_a_claim_asks_when_kubernetes_says_whose_turn_it_is(
    annotations: dict[str, str], mode: str, asked: bool
) -> None:
    assert volumes.is_asked(claim(**annotations), storage_class(mode=mode)) is asked


def test_a_claim_that_has_its_volume_or_is_leaving_asks_for_nothing() -> None:
    bound, leaving = claim(**{ASKED: LOCAL, SELECTED: "n"}), claim(**{ASKED: LOCAL, SELECTED: "n"})
    bound["spec"]["volumeName"] = "v"
    leaving["metadata"]["deletionTimestamp"] = "now"
    assert not volumes.is_asked(bound, storage_class())
    assert not volumes.is_asked(leaving, storage_class())


def test_a_local_volume_lies_on_the_node_that_the_scheduler_selected() -> None:
    made = volumes.volume(claim(**{SELECTED: "k3s-master"}), storage_class(reclaimPolicy="Retain"))
    spec = made["spec"]
    assert made["metadata"]["name"] == "pvc-1234"
    assert spec["local"] == {"path": "/var/lib/rancher/k3s/storage/pvc-1234_room_data"}
    (term,) = spec["nodeAffinity"]["required"]["nodeSelectorTerms"]
    (expression,) = term["matchExpressions"]
    assert expression == {"key": "kubernetes.io/hostname", "operator": "In", "values": ["k3s-master"]}
    assert spec["persistentVolumeReclaimPolicy"] == "Retain"
    assert spec["capacity"] == {"storage": "10Gi"}
    assert spec["claimRef"]["uid"] == "1234"


def test_a_local_volume_is_for_one_node_only() -> None:
    with pytest.raises(volumes.RefusedError, match="only supports ReadWriteOnce"):
        volumes.volume(claim("ReadWriteOnce", "ReadWriteMany", **{SELECTED: "n"}), storage_class())
    with pytest.raises(volumes.RefusedError, match="no node was specified"):
        volumes.volume(claim(), storage_class(mode="Immediate"))


def test_a_drivers_volume_carries_what_its_class_says_but_no_names_of_secrets() -> None:
    parameters = {"source": "//nas/share", "csi.storage.k8s.io/node-stage-secret-name": "credentials"}
    answer = volumes.volume(
        claim("ReadWriteMany"), storage_class("smb.csi.k8s.io", parameters=parameters, mountOptions=["ro"])
    )
    assert answer["spec"]["csi"] == {
        "driver": "smb.csi.k8s.io",
        "volumeHandle": "pvc-1234",
        "volumeAttributes": {"source": "//nas/share"},
    }
    assert answer["spec"]["mountOptions"] == ["ro"]
    assert "nodeAffinity" not in answer["spec"]


@pytest.mark.parametrize(
    ("phase", "policy", "goes"),
    [("Released", "Delete", True), ("Released", "Retain", False), ("Bound", "Delete", False)],
)
def test_a_volume_goes_with_its_claim_only_where_its_policy_says_so(phase: str, policy: str, goes: bool) -> None:
    spec = {"persistentVolumeReclaimPolicy": policy}
    assert volumes.is_to_go({"metadata": {"name": "v"}, "spec": spec, "status": {"phase": phase}}) is goes
