"""Pods: the fields of one that rules read, and the ways to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from policies.fault import Fault
from policies.field import Field
from policies.rule import Rule, Severity
from policies.shape import ANY, FLAG, INTEGER, QUANTITY, TEXT, Shape, cut

WELL_FORMED = Rule(
    "well-formed",
    "A workload's fields are of the kinds that Kubernetes takes",
    Severity.HIGH,
    "https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/",
)

# Kubernetes 1.33, k8s.io/api/core/v1/types.go, VolumeSource.
ADMITTED_VOLUMES = frozenset(
    (
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret",
    )
)  # fmt: skip
"""The kinds of volume that the restricted level admits."""
OTHER_VOLUMES = frozenset(
    (
        "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "fc", "flexVolume", "flocker",
        "gcePersistentDisk", "gitRepo", "glusterfs", "hostPath", "iscsi", "nfs", "photonPersistentDisk",
        "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
    )
)  # fmt: skip
"""The kinds of volume that it doesn't."""

_HOSTNAME = "kubernetes.io/hostname"
_PROFILE: Shape = {"type": TEXT}
_SECURITY_OF_BOTH: Mapping[str, Shape] = {
    "appArmorProfile": _PROFILE,
    "runAsNonRoot": FLAG,
    "runAsUser": INTEGER,
    "seLinuxOptions": {"type": TEXT, "user": TEXT, "role": TEXT},
    "seccompProfile": _PROFILE,
    "windowsOptions": {"hostProcess": FLAG},
}
_HANDLER: Shape = {"httpGet": {"host": TEXT}, "tcpSocket": {"host": TEXT}}
_CONTAINER: Shape = {
    "args": [TEXT],
    "command": [TEXT],
    "env": [{"name": TEXT, "value": TEXT, "valueFrom": {}}],
    "image": TEXT,
    "lifecycle": {"postStart": _HANDLER, "preStop": _HANDLER},
    "livenessProbe": _HANDLER,
    "ports": [{"hostPort": INTEGER}],
    "readinessProbe": _HANDLER,
    "resources": {"limits": {ANY: QUANTITY}, "requests": {ANY: QUANTITY}},
    "restartPolicy": TEXT,
    "securityContext": {
        **_SECURITY_OF_BOTH,
        "allowPrivilegeEscalation": FLAG,
        "capabilities": {"add": [TEXT], "drop": [TEXT]},
        "privileged": FLAG,
        "procMount": TEXT,
    },
    "startupProbe": _HANDLER,
    "volumeMounts": [{"name": TEXT, "mountPath": TEXT, "readOnly": FLAG}],
}
_VOLUME: Shape = {source: {} for source in sorted(ADMITTED_VOLUMES | OTHER_VOLUMES)} | {
    "configMap": {"name": TEXT},
    "csi": {"driver": TEXT},
    "image": {"reference": TEXT},
    "name": TEXT,
    "persistentVolumeClaim": {"claimName": TEXT},
    "projected": {"sources": [{"serviceAccountToken": {}}]},
}
_NODE_TERM: Shape = {"matchExpressions": [{"key": TEXT, "operator": TEXT, "values": [TEXT]}]}
POD: Mapping[str, Shape] = {
    "metadata": {"annotations": {ANY: TEXT}},
    "spec": {
        "affinity": {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_NODE_TERM]}}
        },
        "automountServiceAccountToken": FLAG,
        "containers": [_CONTAINER],
        "ephemeralContainers": [_CONTAINER],
        "hostIPC": FLAG,
        "hostNetwork": FLAG,
        "hostPID": FLAG,
        "initContainers": [_CONTAINER],
        "nodeName": TEXT,
        "nodeSelector": {ANY: TEXT},
        "os": {"name": TEXT},
        "restartPolicy": TEXT,
        "runtimeClassName": TEXT,
        "securityContext": {**_SECURITY_OF_BOTH, "sysctls": [{"name": TEXT}]},
        "volumes": [_VOLUME],
    },
}
"""What rules read of a pod."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod or pod template, cut down to the shape `POD`. `whole` is the place where it is found."""

    whole: Field

    @property
    def spec(self) -> Field:
        """Its spec."""
        return self.whole.get("spec")

    @property
    def security(self) -> Field:
        """The security context that its containers share."""
        return self.spec.get("securityContext")

    @property
    def annotations(self) -> Field:
        """Its annotations."""
        return self.whole.get("metadata", "annotations")

    def containers(self) -> Iterator[Field]:
        """Every container: init, regular and ephemeral ones."""
        yield from self.lasting_containers()
        yield from self.spec.get("ephemeralContainers").items()

    def lasting_containers(self) -> Iterator[Field]:
        """Init and regular containers: those that a workload can declare."""
        yield from self.spec.get("initContainers").items()
        yield from self.spec.get("containers").items()

    def running_containers(self) -> Iterator[Field]:
        """Regular containers, and init containers that go on beside them (sidecars)."""
        for container in self.spec.get("initContainers").items():
            if container.get("restartPolicy").value == "Always":
                yield container
        yield from self.spec.get("containers").items()

    def volumes(self) -> Iterator[Field]:
        """Its volumes."""
        return self.spec.get("volumes").items()

    def nodes(self) -> Field:
        """The names of the only nodes that may run it, as a tuple of texts; nothing there where any may."""
        spec = self.spec
        by_label = spec.get("nodeSelector", _HOSTNAME)
        for named in (spec.get("nodeName"), by_label):
            if named.unknown:
                return named
            if named.value:
                return Field(named.path, (named.value,))
        required = spec.get("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        names: list[object] = []
        for term in required.get("nodeSelectorTerms").items():
            found = [one for one in term.get("matchExpressions").items() if one.unknown or _names_nodes(one)]
            if not found:
                return Field(required.path, None)
            values = found[0].get("values")
            for value in values.items():
                if value.unknown:
                    return value
                names.append(value.value)
        return Field(required.path, tuple(names) or None)


def _names_nodes(expression: Field) -> bool:
    return expression.get("key").value == _HOSTNAME and expression.get("operator").value == "In"


def without_spec(pod: Pod) -> Iterator[Fault]:
    """A fault when there is no spec to judge."""
    if pod.spec.absent:
        yield Fault(pod.spec.path, "missing", "the spec of a pod", "write what the pod runs")


def read(pod: object) -> tuple[Pod, list[Fault]]:
    """A bare pod from plain data, and a fault for everything in it that has the wrong kind."""
    whole, faults = cut(pod, POD)
    found = Pod(Field("", whole))
    return found, faults or list(without_spec(found))
