"""The Pod Security Standards of Kubernetes 1.33, baseline and restricted, as pure functions on plain data.

    >>> violations({"metadata": {}, "spec": {"hostPID": True, "containers": []}}, "baseline")
    ['spec.hostPID is true, allowed is false or nothing: give the pod namespaces of its own. [Host Namespaces]']

One module a control, named after it and with its source. Verdicts are those of the API server's PodSecurity admission
with its default feature gates. Standards of other versions than 1.33 can be asked for; those before 1.25 are judged as
1.25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.fault import Fault
from policies.pod import Pod, read
from policies.pod_security import (
    app_armor,
    capabilities,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes,
    host_process,
    privilege_escalation,
    privileged,
    proc_mount,
    run_as_non_root,
    run_as_user,
    se_linux,
    seccomp,
    sysctls,
    volume_types,
)
from policies.pod_security.control import KUBERNETES, LEVELS, Control, Level, Version

__all__ = ["CONTROLS", "KUBERNETES", "LEVELS", "Control", "Level", "Version", "controls", "faults", "violations"]

CONTROLS: Final = (
    host_process.CONTROL,
    host_namespaces.CONTROL,
    privileged.CONTROL,
    capabilities.BASELINE,
    host_path_volumes.CONTROL,
    host_ports.CONTROL,
    host_probes.CONTROL,
    app_armor.CONTROL,
    se_linux.CONTROL,
    proc_mount.CONTROL,
    seccomp.BASELINE,
    sysctls.CONTROL,
    volume_types.CONTROL,
    privilege_escalation.CONTROL,
    run_as_non_root.CONTROL,
    run_as_user.CONTROL,
    seccomp.RESTRICTED,
    capabilities.RESTRICTED,
)
"""Every control, in the standard's order."""


def controls(level: Level, version: Version = KUBERNETES) -> tuple[Control, ...]:
    """The controls that apply at a level. Raises `ValueError` for a level that doesn't exist."""
    if level not in LEVELS:
        raise ValueError(f"there is no level {level!r}; the levels are {', '.join(LEVELS)}")
    if level == "privileged":
        return ()
    current = [control for control in CONTROLS if control.since <= version]
    if level == "baseline":
        return tuple(control for control in current if control.level == "baseline")
    replaced = {control.replaces for control in current}
    return tuple(control for control in current if control.name not in replaced)


def faults(pod: Pod, level: Level, version: Version = KUBERNETES) -> Iterator[tuple[Control, Fault]]:
    """What a pod does that its level forbids, and what can't be decided yet."""
    for control in controls(level, version):
        # Many questions may hang on one unknown value; it is told once a control.
        for fault in dict.fromkeys(control.check(pod, version)):
            yield control, fault


def violations(pod: object, level: Level, version: Version = KUBERNETES) -> list[str]:
    """What a pod does that its level forbids, one sentence for each; none when the pod passes.

    pod: a plain dict with `metadata` and `spec` as in the API. A value that isn't known yet is
    `policies.unknown.UNKNOWN`, and what
    depends on it is a sentence too: the pod has not passed.
    level: "baseline" or "restricted" ("privileged" forbids nothing). Raises `ValueError` for any other.
    """
    whole, misshapen = read(pod)
    found = [(control.title, fault) for control, fault in faults(whole, level, version)]
    if level != "privileged":
        found[:0] = [("Well-formed", fault) for fault in misshapen]
    return [f"{fault.sentence} [{title}]" for title, fault in found]
