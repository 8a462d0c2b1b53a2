"""The Pod Security level of each namespace, by its own label.

A namespace without the label counts as restricted, and so does one that the stack doesn't declare: what isn't known to
be lax is held to be strict. As in the API server, a label that names no level means restricted.
"""

from __future__ import annotations

from typing import Final

from policies.field import Field
from policies.pod_security import LEVELS, Level
from policies.resource import Resource
from policies.shape import ANY, TEXT, cut
from policies.unknown import UNKNOWN

LABEL: Final = "pod-security.kubernetes.io/enforce"
ALL_LEVELS: Final = frozenset(LEVELS)
STRICTEST: Final[Level] = "restricted"


def is_namespace(resource: Resource) -> bool:
    """Whether it declares a namespace."""
    return resource.group == "core" and resource.kind == "Namespace"


class Namespaces:
    """The namespaces that a stack declares, and the levels that each may have."""

    def __init__(self) -> None:
        self._named: dict[str, frozenset[Level]] = {}
        self._unnamed: dict[str, frozenset[Level]] = {}

    def add(self, resource: Resource) -> None:
        """Take in a resource for which `is_namespace` holds."""
        whole, _ = cut(resource.props, {"metadata": {"name": TEXT, "labels": {ANY: TEXT}}})
        metadata = Field("", whole).get("metadata")
        levels = _levels(metadata.get("labels", LABEL).value)
        name = metadata.get("name").value
        if isinstance(name, str):
            self._named[name] = levels
            self._unnamed.pop(resource.urn, None)
        else:
            self._unnamed[resource.urn] = levels

    def declares(self, name: object) -> bool:
        """Whether a namespace of this name has been taken in."""
        return isinstance(name, str) and name in self._named

    def levels(self, name: object) -> list[Level]:
        """The levels that may apply to a pod in the namespace `name`, from the laxest to the strictest; most often one.

        name: None means the namespace `default`; UNKNOWN means that it may be any.
        """
        if self.declares(name):
            possible = self._named[str(name)]
        else:
            # It may be one of those whose name isn't known yet, and if the name asked for isn't, any at all.
            some = [*self._unnamed.values(), *(self._named.values() if name is UNKNOWN else ())]
            possible = frozenset((STRICTEST,)).union(*some)
        return [level for level in LEVELS if level in possible]


def _levels(label: object) -> frozenset[Level]:
    if label is UNKNOWN:
        return ALL_LEVELS
    return frozenset(level for level in LEVELS if level == label) or frozenset((STRICTEST,))
