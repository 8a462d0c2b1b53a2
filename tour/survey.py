"""What can be learnt of a home without an engine: the program is evaluated, then everybody who has a say is asked."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import home
import references
from home import Home, fit, skew
from home.fit import Demand, Fit
from home.skew import Skew
from policies.evaluation import Judgement
from policies.workloads import bears_pods
from policy_report.judging import judged, mapped
from references import Problem
from render import Evaluation, evaluate, stack

Object = Mapping[str, Any]
"""An object of the Kubernetes API as plain data; a secret value in it is the text `[secret]`."""


@dataclass(frozen=True)
class Survey:
    """One home, and what was said about it.

    name: of the home's stack or file. source: the config file, as it was named. objects: what the program declares,
    sorted by kind, namespace and name. judged: how many workloads the policies looked at. problems: what doesn't fit
    together between the objects.
    """

    name: str
    source: str
    home: Home
    evaluation: Evaluation
    objects: tuple[Object, ...]
    demands: tuple[Demand, ...]
    fit: Fit
    skew: Skew
    judged: int
    judgements: tuple[Judgement, ...]
    problems: tuple[Problem, ...]


def survey(source: Path, *, stack_name: str = "homelab", today: datetime.date | None = None) -> Survey:
    """Look at the home that a stack's config file describes; secrets are replaced by placeholders before anything runs.

    today: the day by which exceptions to policies expire.

    Raises `home.HomeError` for a home that is described wrongly or can never fit, `OSError` where there is no such
    file, `policies.exceptions.ExceptionsError` when the policies' exceptions can't be read.
    """
    here = home.load_file(source)
    config = stack.read(source)
    evaluation = evaluate(config.values, config.secrets, stack=stack_name)
    # The program registers things side by side; what is said about them must not depend on which came first.
    objects = tuple(sorted(map(_visible, evaluation.objects), key=_identity))
    demands = fit.demands_of(objects)
    found = judged(evaluation.registrations, today)
    judgements = sorted(found.evaluation.judgements(), key=lambda one: (one.finding.resource, one.finding.rule.name))
    return Survey(
        name=_name(source),
        source=str(source),
        home=here,
        evaluation=evaluation,
        objects=objects,
        demands=demands,
        fit=fit.weigh(here, demands),
        skew=skew.look(here),
        judged=sum(bears_pods(one) for one in found.resources),
        judgements=tuple(judgements),
        problems=tuple(sorted(references.problems(objects), key=str)),
    )


def _name(source: Path) -> str:
    """`homelab` for Pulumi.homelab.yaml, `one-node` for one-node.yaml."""
    return re.sub(r"^Pulumi\.|\.ya?ml$", "", source.name)


def _identity(one: Object) -> tuple[str, str, str]:
    metadata = one["metadata"]
    return one["kind"], metadata.get("namespace") or "", metadata.get("name") or ""


def _visible(value: Any) -> Any:
    return mapped(value, str)
