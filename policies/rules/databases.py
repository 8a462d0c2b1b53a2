"""Databases: on local disk, never on a share of the network, whose locks and flushes a database can't trust."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.check import StackCheck
from policies.fault import Fault
from policies.field import Field
from policies.parameters import Parameters
from policies.pod import Pod
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.rules.images import repository
from policies.shape import TEXT, Shape, cut
from policies.stack import Stack
from policies.workloads import Workload, bears_pods

LOCAL_DISK: Final = Rule(
    "database-on-local-disk",
    "Databases keep their data on local disk, not on a network share",
    Severity.HIGH,
    "https://www.postgresql.org/docs/current/creating-cluster.html#CREATING-CLUSTER-FILESYSTEM",
)

_DATABASE: Final = re.compile(
    r"(^|[/_-])(postgres(ql)?|postgis|timescaledb|mariadb|mysql|mongo(db)?|valkey|redis)($|[_-])"
)
_SHARE_DRIVERS: Final = frozenset(("nfs.csi.k8s.io", "smb.csi.k8s.io"))
_SHARE_SOURCES: Final = ("nfs", "cifs", "azureFile", "glusterfs", "cephfs")

_CLAIM: Shape = {
    "metadata": {"name": TEXT, "namespace": TEXT},
    "spec": {"volumeName": TEXT, "storageClassName": TEXT},
}
_VOLUME: Shape = {
    "metadata": {"name": TEXT},
    "spec": {"csi": {"driver": TEXT}, **{source: {} for source in _SHARE_SOURCES}},
}
_CLASS: Shape = {"metadata": {"name": TEXT}, "provisioner": TEXT}


def on_a_share(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource, Fault]]:
    """Databases that write to a share: mounted outright, or by a claim whose volume or class is one."""
    shares = _Shares(stack)
    for resource, workload in stack.workloads():
        for container in workload.pod.lasting_containers():
            image = container.get("image")
            if image.unknown or not _is_database(image.value):
                continue
            for mount in container.get("volumeMounts").items():
                if mount.get("readOnly").value is True:
                    continue
                yield from ((resource, fault) for fault in _faults(mount, resource, workload, shares))


class _Shares:
    """Which claims of a stack are shares of the network."""

    def __init__(self, stack: Stack) -> None:
        volumes = [_read(one, _VOLUME) for one in stack.of_kind("PersistentVolume")]
        classes = [_read(one, _CLASS) for one in stack.of_kind("StorageClass")]
        self._volumes = {one.get("metadata", "name").value: _is_share(one.get("spec")) for one in volumes}
        self._classes = {one.get("metadata", "name").value: one.get("provisioner").value for one in classes}
        self._claims = {}
        for one in stack.of_kind("PersistentVolumeClaim"):
            claim = _read(one, _CLAIM)
            metadata = claim.get("metadata")
            namespace = metadata.get("namespace").value or one.namespace or "default"
            self._claims[namespace, metadata.get("name").value] = claim.get("spec")

    def claim(self, namespace: object, name: object) -> tuple[bool, Field | None]:
        """Whether a claim is a share; and the place that keeps one from telling, if any."""
        spec = self._claims.get((namespace, name))
        if spec is None:
            return False, None
        volume, storage_class = spec.get("volumeName"), spec.get("storageClassName")
        for place in (volume, storage_class):
            if place.unknown:
                return False, Field(f"{place.path} of its claim", place.value)
        provisioner = self._classes.get(storage_class.value)
        return bool(self._volumes.get(volume.value)) or provisioner in _SHARE_DRIVERS, None


def _faults(mount: Field, resource: Resource, workload: Workload, shares: _Shares) -> Iterator[Fault]:
    volume = _mounted(mount, workload.pod)
    if volume is None:
        return
    fault = Fault(
        volume.path, "a network share under a database", "local disk", "claim it from a class on the node's own disk"
    )
    if volume.unknown:
        yield Fault.unknown(volume)
    elif _is_share(volume):
        yield fault
    else:
        name = volume.get("persistentVolumeClaim", "claimName")
        namespace = workload.namespace.value or resource.namespace or "default"
        found, cause = (False, name) if name.unknown else shares.claim(namespace, name.value)
        if cause is not None:
            yield Fault.unknown(cause)
        elif found:
            yield fault


def _mounted(mount: Field, pod: Pod) -> Field | None:
    name = mount.get("name")
    if name.unknown:
        return name
    for volume in pod.volumes():
        if volume.unknown or volume.get("name").unknown or volume.get("name").value == name.value:
            return volume
    return None


def _is_share(source: Field) -> bool:
    return source.get("csi", "driver").value in _SHARE_DRIVERS or any(
        isinstance(source.get(one).value, dict) for one in _SHARE_SOURCES
    )


def _is_database(image: object) -> bool:
    return _DATABASE.search(repository(image)) is not None


def _read(resource: Resource, shape: Shape) -> Field:
    return Field("", cut(resource.props, shape)[0])


CHECKS: Final = (
    StackCheck(
        LOCAL_DISK,
        about=bears_pods,
        reads=lambda one: (
            (one.group == "core" and one.kind in ("PersistentVolume", "PersistentVolumeClaim"))
            or (one.group == "storage.k8s.io" and one.kind == "StorageClass")
        ),
        faults=on_a_share,
    ),
)
