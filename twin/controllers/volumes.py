"""The twin's provisioner: answers claims with volumes as K3s' local-path does, and as a declared CSI driver would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.api import Api, ApiError, Manifest
from twin.controllers.cache import Objects
from twin.controllers.events import Recorder

LOCAL_PATH = "rancher.io/local-path"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"

# Set by the controller manager on a claim that no existing volume fits: from then on it is the provisioner's turn.
_ASKED = "volume.kubernetes.io/storage-provisioner"
# Set by the scheduler, for classes that wait for the first pod.
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_FOLDER = "/var/lib/rancher/k3s/storage"
_ONE_NODE_MODES = {"ReadWriteOnce", "ReadWriteOncePod"}


class RefusedError(Exception):
    """The provisioner says no, with this message."""


def provisions(provisioner: str, objects: Objects) -> bool:
    """Whether anybody answers for this provisioner: local-path always, others while their CSIDriver is declared."""
    return provisioner == LOCAL_PATH or objects.get("CSIDriver", provisioner) is not None


def is_asked(claim: Mapping[str, Any], storage_class: Mapping[str, Any]) -> bool:
    """Whether it is the provisioner's turn to answer the claim."""
    annotations = claim["metadata"].get("annotations", {})
    return bool(
        not claim["spec"].get("volumeName")
        and "deletionTimestamp" not in claim["metadata"]
        and annotations.get(_ASKED) == storage_class["provisioner"]
        and (storage_class.get("volumeBindingMode") != "WaitForFirstConsumer" or annotations.get(_SELECTED_NODE))
    )


def volume(claim: Mapping[str, Any], storage_class: Mapping[str, Any]) -> Manifest:
    """The volume that answers the claim. Raises `RefusedError` for what the provisioner can't do."""
    metadata, spec = claim["metadata"], claim["spec"]
    provisioner = storage_class["provisioner"]
    name = f"pvc-{metadata['uid']}"
    answer: Manifest = {
        "capacity": {"storage": spec["resources"]["requests"]["storage"]},
        "accessModes": spec["accessModes"],
        "volumeMode": spec.get("volumeMode", "Filesystem"),
        "storageClassName": storage_class["metadata"]["name"],
        "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            **{key: metadata[key] for key in ("namespace", "name", "uid")},
        },
    }
    if storage_class.get("mountOptions"):
        answer["mountOptions"] = storage_class["mountOptions"]
    if provisioner == LOCAL_PATH:
        node = metadata.get("annotations", {}).get(_SELECTED_NODE)
        if not set(spec["accessModes"]) <= _ONE_NODE_MODES:
            raise RefusedError("NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes")
        if not node:
            raise RefusedError("configuration error, no node was specified")
        answer["local"] = {"path": f"{_FOLDER}/{name}_{metadata['namespace']}_{metadata['name']}"}
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
        answer["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    else:
        parameters = {
            key: value for key, value in (storage_class.get("parameters") or {}).items() if "secret-name" not in key
        }
        answer["csi"] = {"driver": provisioner, "volumeHandle": name, "volumeAttributes": parameters}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: provisioner}},
        "spec": answer,
    }


def is_to_go(stored: Mapping[str, Any]) -> bool:
    """Whether a volume's claim is gone and its policy is to go with it."""
    return bool(
        stored.get("status", {}).get("phase") == "Released"
        and stored["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        and "deletionTimestamp" not in stored["metadata"]
    )


def reconcile(api: Api, objects: Objects, recorder: Recorder) -> None:
    """Answer the claims that ask, and remove the volumes that are to go."""
    for claim in objects.all("PersistentVolumeClaim"):
        storage_class = objects.get("StorageClass", claim["spec"].get("storageClassName") or "")
        if storage_class is None or not is_asked(claim, storage_class):
            continue
        if not provisions(storage_class["provisioner"], objects):
            continue
        _provision(api, claim, storage_class, recorder)
    for stored in objects.all("PersistentVolume"):
        provisioner = stored["metadata"].get("annotations", {}).get(PROVISIONED_BY, "")
        if is_to_go(stored) and provisions(provisioner, objects):
            api.delete("PersistentVolume", stored["metadata"]["name"])


def _provision(api: Api, claim: Mapping[str, Any], storage_class: Mapping[str, Any], recorder: Recorder) -> None:
    try:
        answer = volume(claim, storage_class)
    except RefusedError as refusal:
        name = storage_class["metadata"]["name"]
        recorder.tell(claim, "ProvisioningFailed", f'failed to provision volume with StorageClass "{name}": {refusal}')
        return
    try:
        api.create(answer)
    except ApiError as error:
        # Made a moment ago; the claim just hasn't heard of it yet.
        if error.status != 409:
            raise
        return
    message = f"Successfully provisioned volume {answer['metadata']['name']}"
    recorder.tell(claim, "ProvisioningSucceeded", message, kind="Normal")
