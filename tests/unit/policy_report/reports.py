"""Reports for the tests: the owner's home, and one in which every verdict is given."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from policies.evaluation import Evaluation
from policies.exceptions import RuleException
from policies.parameters import Parameters
from policies.resource import Resource
from policies.unknown import UNKNOWN
from policy_report.judging import Judged, judged
from policy_report.report import Report, report
from render import evaluate, stack
from tests.policies.cases.case import Declared, room, running
from tests.policies.cases.machines import AGENT, SERVER, described
from tests.policies.pods import changed

HOMELAB = Path(__file__).parents[3] / "Pulumi.homelab.yaml"
TODAY = datetime.date(2026, 11, 25)
GRANTED = (
    RuleException("unprivileged", "Deployment/driver", "mounts for others"),
    RuleException("probes", "Deployment/quiet", "answers nobody", expires=datetime.date(2020, 1, 31)),
    RuleException("probes", "Deployment/gone", "was there once"),
    RuleException("host-path", "DaemonSet/exporter", "reads the node", room="monitoring"),
)


@cache
def homelab() -> Report:
    """The report on the owner's home."""
    config = stack.read(HOMELAB)
    return report("homelab", judged(evaluate(config.values, config.secrets).registrations, TODAY), TODAY)


@cache
def mixed() -> Report:
    """A report in which every verdict is given, to names as long as they may be among others."""
    privileged = changed("spec.containers.0.securityContext.privileged", True)
    program = (
        *room("privileged"),
        *room("restricted", "r" * 63),
        running(privileged, name="driver"),
        running(changed("spec.containers.0.image", "nginx:latest"), name="n" * 63, namespace="r" * 63),
        running(changed("spec.containers.0.image", UNKNOWN), name="later"),
        running(changed("spec.containers.0.readinessProbe", None), name="quiet"),
        described(SERVER, AGENT),
        Declared("kubernetes:core/v1:Secret", "unread", {"metadata": {"name": "unread", "namespace": "room"}}),
    )
    return report("mixed", of(program), TODAY)


def of(program: Iterable[Declared]) -> Judged:
    """A program, judged with the exceptions above."""
    evaluation = Evaluation(GRANTED, TODAY, parameters=Parameters())
    resources = tuple(
        Resource(f"urn:{one.token}::{one.name}", one.token, one.name, one.props, protected=one.protect)
        for one in program
    )
    for one in resources:
        if evaluation.wants(one):
            evaluation.judge(one)
    evaluation.conclude()
    return Judged(resources, evaluation, GRANTED)
