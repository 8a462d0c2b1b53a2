"""What can be learnt of a home without an engine: the program is evaluated, then everybody who has a say is asked."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import home
import references
from home import Home, fit, skew
from home.fit import Demand, Fit
from home.skew import Skew
from policies import exceptions
from policies.evaluation import Evaluation as Policies
from policies.evaluation import Judgement
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rules import RULES, images
from policies.workloads import bears_pods
from references import Problem
from render import Evaluation, Registration, evaluate, stack
from render.program import Secret

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
    judged, judgements = _judged(evaluation.registrations, today)
    return Survey(
        name=_name(source),
        source=str(source),
        home=here,
        evaluation=evaluation,
        objects=objects,
        demands=demands,
        fit=fit.weigh(here, demands),
        skew=skew.look(here),
        judged=judged,
        judgements=judgements,
        problems=tuple(sorted(references.problems(objects), key=str)),
    )


def _name(source: Path) -> str:
    """`homelab` for Pulumi.homelab.yaml, `one-node` for one-node.yaml."""
    return re.sub(r"^Pulumi\.|\.ya?ml$", "", source.name)


def _identity(one: Object) -> tuple[str, str, str]:
    metadata = one["metadata"]
    return one["kind"], metadata.get("namespace") or "", metadata.get("name") or ""


def _judged(registrations: Iterable[Registration], today: datetime.date | None) -> tuple[int, tuple[Judgement, ...]]:
    """How many workloads the policies looked at, and their judgements."""
    parameters = Parameters(digests=images.digests(home.versions.FILE))
    policies = Policies(exceptions.load(exceptions.FILE, RULES), today, parameters=parameters)
    resources = [_resource(one) for one in registrations if not one.read]
    wanted = [one for one in resources if policies.wants(one)]
    for resource in sorted(wanted, key=lambda one: one.urn):
        policies.judge(resource)
    policies.conclude()
    bearing = sum(bears_pods(one) for one in wanted)
    ordered = sorted(policies.judgements(), key=lambda one: (one.finding.resource, one.finding.rule.name))
    return bearing, tuple(ordered)


def _resource(registration: Registration) -> Resource:
    # As from the engine: secrets out of their wrappers, since the rules see to it that none is shown.
    inputs = _bare(registration.inputs)
    return Resource(registration.urn, registration.type, registration.name, inputs, protected=registration.protect)


def _visible(value: Any) -> Any:
    return _mapped(value, str)


def _bare(value: Any) -> Any:
    return _mapped(value, lambda secret: _bare(secret.value))


def _mapped(value: Any, of_secret: Any) -> Any:
    if isinstance(value, Secret):
        return of_secret(value)
    if isinstance(value, Mapping):
        return {key: _mapped(one, of_secret) for key, one in value.items()}
    if isinstance(value, list):
        return [_mapped(one, of_secret) for one in value]
    return value
