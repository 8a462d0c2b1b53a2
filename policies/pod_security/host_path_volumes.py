"""HostPath Volumes: pods must not mount folders of the node.

Source: k8s.io/pod-security-admission v0.33.4, policy/check_hostPathVolumes.go.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies.fault import Fault, must
from policies.pod import Pod
from policies.pod_security.control import Control, Version


def _check(pod: Pod, version: Version) -> Iterator[Fault]:
    for volume in pod.volumes():
        yield from must(
            volume.get("hostPath"),
            lambda value: value is None,
            allowed="nothing",
            fix="keep the data in a claim, or take it from a ConfigMap or Secret",
            found="set",
        )


CONTROL = Control("host-path-volumes", "HostPath Volumes", "baseline", _check)
