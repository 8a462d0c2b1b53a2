"""Probes: Kubernetes can tell whether what runs is well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import PodCheck
from policies.fault import Fault
from policies.parameters import Parameters
from policies.rule import Rule, Severity
from policies.workloads import Workload

PROBED: Final = Rule(
    "probes",
    "Every container that goes on running has a readiness or a liveness probe",
    Severity.MEDIUM,
    "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
)


def probed(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Containers without either. A container whose work ends has none to have."""
    for container in workload.pod.running_containers():
        readiness, liveness = container.get("readinessProbe"), container.get("livenessProbe")
        if readiness.absent and liveness.absent:
            yield Fault(
                readiness.path,
                "missing, as is livenessProbe",
                "either",
                "say how to ask the container whether it can serve",
            )
        elif not (_set(readiness.value) or _set(liveness.value)):
            yield Fault.unknown(readiness if readiness.unknown else liveness)


def _set(value: object) -> bool:
    return isinstance(value, dict)


CHECKS: Final = (PodCheck(PROBED, probed, about=lambda workload: not workload.ends),)
