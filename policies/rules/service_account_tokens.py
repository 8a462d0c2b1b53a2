"""Tokens for the API server: a pod gets none unless it is named in `exceptions.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import PodCheck
from policies.fault import Fault, must
from policies.parameters import Parameters
from policies.rule import Rule, Severity
from policies.workloads import Workload

WITHOUT_TOKEN: Final = Rule(
    "service-account-token",
    "No pod holds a token for the API server",
    Severity.HIGH,
    "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
)


def tokens(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Ways in which a pod comes by a token: mounted by default, or as a volume of its own."""
    yield from must(
        workload.pod.spec.get("automountServiceAccountToken"),
        lambda value: value is False,
        allowed="false",
        fix="set it to false, or name the workload in exceptions.yaml with what it asks the API server for",
    )
    for volume in workload.pod.volumes():
        for source in volume.get("projected", "sources").items():
            yield from must(
                source.get("serviceAccountToken"),
                lambda value: value is None,
                allowed="nothing",
                fix="take it out, or name the workload in exceptions.yaml with what it asks the API server for",
                found="set",
            )


CHECKS: Final = (PodCheck(WITHOUT_TOKEN, tokens),)
