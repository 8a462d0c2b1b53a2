"""Traffic: every namespace denies all of it, both ways, before anything is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import StackCheck
from policies.fault import Fault
from policies.field import Field
from policies.namespaces import is_namespace
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import ANY, TEXT, Shape, cut
from policies.stack import Stack
from policies.unknown import UNKNOWN

DEFAULT_DENY: Final = Rule(
    "default-deny",
    "Every namespace has a NetworkPolicy that denies all traffic, both ways",
    Severity.HIGH,
    "https://kubernetes.io/docs/concepts/services-networking/network-policies/#default-deny-all-ingress-and-all-egress-traffic",
)

_POLICY: Shape = {
    "metadata": {"namespace": TEXT},
    "spec": {
        "podSelector": {"matchLabels": {ANY: TEXT}, "matchExpressions": [{}]},
        "policyTypes": [TEXT],
        "ingress": [{}],
        "egress": [{}],
    },
}


def open_namespaces(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource, Fault]]:
    """Namespaces of the stack that nothing closes.

    A namespace with an unknown name, and one that a policy which isn't known yet may close, are undecided.
    """
    closed: set[object] = set()
    in_doubt: list[Field] = []
    for policy in stack.of_kind("NetworkPolicy"):
        place = Field("", cut(policy.props, _POLICY)[0])
        for field in _unknown(place):
            in_doubt.append(Field(f"{field.path} of {policy.label}", UNKNOWN))
            break
        else:
            if _denies_all(place.get("spec")):
                closed.add(place.get("metadata", "namespace").value or policy.namespace or "default")
    for namespace in stack.of_kind("Namespace"):
        name = Field("", cut(namespace.props, {"metadata": {"name": TEXT}})[0]).get("metadata", "name")
        if name.unknown:
            yield namespace, Fault.unknown(name)
        elif name.value not in closed:
            yield (
                namespace,
                Fault.unknown(in_doubt[0])
                if in_doubt
                else Fault(
                    "its traffic",
                    "denied by no NetworkPolicy",
                    "what a policy names, on top of one that denies all",
                    "add a NetworkPolicy with an empty podSelector and both policyTypes, and without rules",
                ),
            )


def _unknown(policy: Field) -> Iterator[Field]:
    """The places that keep one from telling what the policy closes."""
    spec = policy.get("spec")
    for place in (
        policy.get("metadata", "namespace"),
        spec.get("podSelector", "matchLabels"),
        spec.get("podSelector", "matchExpressions"),
        spec.get("policyTypes"),
        *spec.get("policyTypes").items(),
        spec.get("ingress"),
        spec.get("egress"),
    ):
        if place.unknown:
            yield place


def _denies_all(spec: Field) -> bool:
    selector = spec.get("podSelector")
    types = spec.get("policyTypes").value
    return (
        not selector.get("matchLabels").value
        and not selector.get("matchExpressions").value
        and isinstance(types, list)
        and {"Ingress", "Egress"} <= set(types)
        and not spec.get("ingress").value
        and not spec.get("egress").value
    )


CHECKS: Final = (
    StackCheck(
        DEFAULT_DENY,
        about=is_namespace,
        reads=lambda one: one.kind == "NetworkPolicy" and one.group == "networking.k8s.io",
        faults=open_namespaces,
    ),
)
