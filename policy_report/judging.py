"""The program's resources, put before the policies as the engine would put them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import home
from policies import exceptions
from policies.evaluation import Evaluation
from policies.exceptions import RuleException
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rules import RULES, images
from render import Registration
from render.program import Secret


@dataclass(frozen=True)
class Judged:
    """resources: everything that the program registers and a policy would be shown. granted: the exceptions."""

    resources: tuple[Resource, ...]
    evaluation: Evaluation
    granted: tuple[RuleException, ...]


def judged(registrations: Iterable[Registration], today: datetime.date | None = None) -> Judged:
    """Every resource of a program, judged. today: the day by which exceptions expire.

    Raises `policies.exceptions.ExceptionsError` when the exceptions can't be read.
    """
    granted = exceptions.load(exceptions.FILE, RULES)
    evaluation = Evaluation(granted, today, parameters=Parameters(digests=images.digests(home.versions.FILE)))
    # The program registers things side by side; what is said about them must not depend on which came first.
    resources = tuple(sorted((_resource(one) for one in registrations if not one.read), key=lambda one: one.urn))
    for resource in resources:
        if evaluation.wants(resource):
            evaluation.judge(resource)
    evaluation.conclude()
    return Judged(resources, evaluation, granted)


def _resource(registration: Registration) -> Resource:
    # As from the engine: secrets out of their wrappers, since the rules see to it that none is shown.
    inputs = _bare(registration.inputs)
    return Resource(registration.urn, registration.type, registration.name, inputs, protected=registration.protect)


def _bare(value: Any) -> Any:
    return mapped(value, lambda secret: _bare(secret.value))


def mapped(value: Any, of_secret: Callable[[Secret], Any]) -> Any:
    """Plain data with something else in the place of each secret."""
    if isinstance(value, Secret):
        return of_secret(value)
    if isinstance(value, Mapping):
        return {key: mapped(one, of_secret) for key, one in value.items()}
    if isinstance(value, list):
        return [mapped(one, of_secret) for one in value]
    return value
