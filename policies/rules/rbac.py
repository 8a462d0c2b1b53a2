"""Permissions: each is named, and none is everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import ResourceCheck
from policies.fault import Fault, must
from policies.field import Field
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import TEXT, Shape, cut

NO_WILDCARDS: Final = Rule(
    "rbac-no-wildcards",
    "Roles name what they allow, without wildcards",
    Severity.HIGH,
    "https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege",
)
NO_CLUSTER_ADMIN: Final = Rule(
    "rbac-no-cluster-admin",
    "Nobody is made cluster-admin",
    Severity.CRITICAL,
    "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles",
)

_PARTS = ("apiGroups", "resources", "verbs", "nonResourceURLs")
_ROLE: Shape = {"rules": [{part: [TEXT] for part in _PARTS}]}
_BINDING: Shape = {"roleRef": {"kind": TEXT, "name": TEXT}, "subjects": [{"kind": TEXT, "name": TEXT}]}


def wildcards(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """Places of a role that stand for everything. `pods/*` and `/metrics/*` stand for more than they name as well."""
    whole, misshapen = cut(resource.props, _ROLE)
    yield from misshapen
    for rule in Field("", whole).get("rules").items():
        for part in _PARTS:
            for named in rule.get(part).items():
                yield from must(
                    named,
                    lambda value: "*" not in str(value),
                    allowed="names without `*`",
                    fix="name each thing that is really asked for",
                    found="`*`, or ends in it",
                )


def administrators(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """Bindings to the role that may do everything, or of the group that no rule holds back."""
    whole, misshapen = cut(resource.props, _BINDING)
    yield from misshapen
    binding = Field("", whole)
    yield from must(
        binding.get("roleRef", "name"),
        lambda value: value != "cluster-admin",
        allowed="a role of the home's own",
        fix="write a role that names what is really asked for",
        vocabulary=("cluster-admin",),
    )
    for subject in binding.get("subjects").items():
        yield from must(
            subject.get("name"),
            lambda value: value != "system:masters",
            allowed="another group",
            fix="bind a group of the home's own; this one is admitted to everything, whatever roles say",
            vocabulary=("system:masters",),
        )


def _of_rbac(*kinds: str) -> frozenset[str]:
    return frozenset((*kinds, *(f"{kind}Patch" for kind in kinds)))


_ROLES = _of_rbac("Role", "ClusterRole")
_BINDINGS = _of_rbac("RoleBinding", "ClusterRoleBinding")
_GROUP = "rbac.authorization.k8s.io"

CHECKS: Final = (
    ResourceCheck(NO_WILDCARDS, lambda one: one.group == _GROUP and one.kind in _ROLES, wildcards),
    ResourceCheck(NO_CLUSTER_ADMIN, lambda one: one.group == _GROUP and one.kind in _BINDINGS, administrators),
)
