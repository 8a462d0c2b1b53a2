"""A resource of the stack as the rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from policies.field import Field


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    urn: the engine's name for it.
    type: its Pulumi type token, as in `kubernetes:apps/v1:Deployment`.
    name: its name in the program.
    props: its properties as plain data, in the API's camelCase.
    namespace: the namespace that its provider puts it into when it names none itself; may be UNKNOWN.
    protected: whether Pulumi refuses to delete it.
    """

    urn: str
    type: str
    name: str
    props: Mapping[str, object] = field(default_factory=dict)
    namespace: object = None
    protected: bool = False

    @property
    def kind(self) -> str:
        """The last part of the type token, as in `Deployment`."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def group(self) -> str | None:
        """The API group of a Kubernetes resource, as in `apps`; "core" for the oldest. None for any other resource."""
        package, _, rest = self.type.partition(":")
        if package != "kubernetes":
            return None
        group_version = rest.partition(":")[0]
        # `apiextensions.CustomResource` makes tokens out of a bare apiVersion: `kubernetes:v1:Pod`.
        return group_version.rpartition("/")[0] or "core"

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"{self.kind} {self.name}"

    @property
    def root(self) -> Field:
        """Its properties as a place to read from."""
        return Field("", self.props)
