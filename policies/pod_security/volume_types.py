"""Volume Types: only volumes that come from the cluster itself or from a claim.

A volume without a source is an emptyDir, as the API server makes it one.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_restrictedVolumes.go; k8s.io/kubernetes v1.33.4,
pkg/apis/core/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import ADMITTED_VOLUMES, Pod
from policies.pod_security import host_path_volumes
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for volume in pod.volumes():
        sources = {name: source for name, source in volume.entries() if name != "name" and not source.absent}
        admitted = [source for name, source in sources.items() if name in ADMITTED_VOLUMES]
        if any(not source.unknown for source in admitted):
            continue
        others = [source for name, source in sources.items() if name not in ADMITTED_VOLUMES]
        for other in [volume] if volume.unknown else others:
            for fault in must(
                other,
                lambda value: value is None,
                allowed=f"one of {', '.join(sorted(ADMITTED_VOLUMES))}",
                fix="mount a claim of the storage instead",
                found="set",
            ):
                yield Fault.unknown(admitted[0]) if admitted else fault


CONTROL = Control("restricted-volumes", "Volume Types", "restricted", _check, replaces=host_path_volumes.CONTROL.name)
