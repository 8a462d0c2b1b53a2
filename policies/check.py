"""Checks: a rule, what it looks at, and the pure function that finds what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.fault import Fault
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule
from policies.stack import Stack
from policies.workloads import Workload


def _any(workload: Workload) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class PodCheck:
    """A rule on the pods that a resource makes, whatever its kind.

    faults: what of one pod breaks the rule. about: whether the rule has something to say about such pods at all.
    """

    rule: Rule
    faults: Callable[[Workload, Parameters], Iterator[Fault]]
    about: Callable[[Workload], bool] = _any


@dataclass(frozen=True, slots=True)
class ResourceCheck:
    """A rule on resources that shows in each by itself.

    about: whether the rule judges resources of this type; asked before their properties are read.
    """

    rule: Rule
    about: Callable[[Resource], bool]
    faults: Callable[[Resource, Parameters], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class StackCheck:
    """A rule that only the stack as a whole shows.

    about: whether the rule judges resources of this type. reads: whether it needs to know of those besides.
    faults: each with the resource that breaks the rule, None where it is none of the stack's.
    """

    rule: Rule
    about: Callable[[Resource], bool]
    reads: Callable[[Resource], bool]
    faults: Callable[[Stack, Parameters], Iterator[tuple[Resource | None, Fault]]]
