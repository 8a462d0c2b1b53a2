"""The stack as a whole: the resources that have come by, for rules that need more than one of them."""

from __future__ import annotations

from collections.abc import Iterator

from policies.resource import Resource
from policies.workloads import Workload, bears_pods, workloads


class Stack:
    """Resources by kind. Those that are there without being judged come first, so that what is blamed is the rest."""

    def __init__(self) -> None:
        self._judged: dict[str, dict[str, Resource]] = {}
        self._beside: dict[str, dict[str, Resource]] = {}

    def add(self, resource: Resource) -> None:
        """Take in a resource that is judged. One that comes again replaces what it was."""
        self._judged.setdefault(resource.kind, {})[resource.urn] = resource

    def add_beside(self, resource: Resource) -> None:
        """Take in a resource that is in the stack and isn't judged."""
        self._beside.setdefault(resource.kind, {})[resource.urn] = resource

    def of_kind(self, *kinds: str) -> Iterator[Resource]:
        """The resources of some kinds."""
        for kind in kinds:
            yield from self._beside.get(kind, {}).values()
            yield from self._judged.get(kind, {}).values()

    def workloads(self) -> Iterator[tuple[Resource, Workload]]:
        """Every pod that a resource makes, with the resource."""
        for resource in self.of_kind(*dict.fromkeys((*self._beside, *self._judged))):
            if bears_pods(resource):
                for workload in workloads(resource):
                    yield resource, workload
