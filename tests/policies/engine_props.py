"""Resources as the policy SDK hands them to a pack, for tests without an engine."""

from __future__ import annotations

from typing import Any

from pulumi_policy import (
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY, deserialize_properties
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.exceptions import RuleException
from policies.pack import Pack
from policies.unknown import UNKNOWN

OPTIONS = PolicyResourceOptions(True, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
TYPE = "kubernetes:core/v1:Pod"
CLOSED: tuple[str, dict[str, Any]] = (
    "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    {"metadata": {"namespace": "media"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
)
"""What denies all traffic in the namespace `media`."""


def secret(value: Any) -> dict[str, Any]:
    """A secret as it comes over the wire."""
    return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": value}


def wired(value: Any) -> Any:
    """Plain data as it comes over the wire: numbers as floats, unknown values as the engine's own sign for them."""
    if value is UNKNOWN:
        return UNKNOWN_STRING_VALUE
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, dict):
        return {key: wired(each) for key, each in value.items()}
    return [wired(each) for each in value] if isinstance(value, list) else value


def received(props: dict[str, Any]) -> Any:
    """Properties as a policy receives them."""
    return unknown_checking_proxy(deserialize_properties(wired(props)))


def messages(
    *resources: tuple[str, dict[str, Any]],
    exceptions: tuple[RuleException, ...] = (),
    read: tuple[tuple[str, dict[str, Any]], ...] = (),
    provider: PolicyProviderResource | None = None,
    **config: Any,
) -> dict[str, list[str]]:
    """What each policy of the pack reports about resources of (type, properties), by the policy's name.

    read: resources that are in the stack though the program doesn't declare them, besides `CLOSED`.
    config: of the policy that takes each resource.
    """
    per_resource, of_stack, notes = Pack(exceptions).policies()
    assert isinstance(per_resource, ResourceValidationPolicy)
    told: dict[str, list[str]] = {policy.name: [] for policy in (per_resource, of_stack, notes)}
    stack = []
    for index, (token, props) in enumerate([*resources, *read, CLOSED]):
        name, urn, has = f"r{index}", f"urn:{index}", received(props)
        stack.append(PolicyResource(token, has, urn, name, OPTIONS, provider, None, [], {}))
        if index < len(resources):
            args = ResourceValidationArgs(token, has, urn, name, OPTIONS, provider, config)
            per_resource.validate(args, _into(told[per_resource.name]))
    for policy in (of_stack, notes):
        assert isinstance(policy, StackValidationPolicy)
        policy.validate(StackValidationArgs(stack), _into(told[policy.name]))
    return told


def _into(told: list[str]) -> ReportViolation:
    def report(text: str, urn: str | None = None) -> None:
        told.append(text)

    return report
