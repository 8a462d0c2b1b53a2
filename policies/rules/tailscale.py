"""The tailnet door: its policy lets nobody reach everything, and says itself whom it keeps out.

Property names are those of pulumi-tailscale 0.29.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import tailnet
from policies.check import ResourceCheck
from policies.fault import Fault
from policies.field import Field
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import TEXT, Shape, cut

NOT_ALL_TO_ALL: Final = Rule(
    "tailnet-not-all-to-all",
    "No rule of the tailnet's policy lets everybody reach everything",
    Severity.CRITICAL,
    "https://tailscale.com/kb/1337/policy-syntax",
)
TAKEN: Final = Rule(
    "tailnet-policy",
    "The tailnet's policy is well formed, and its own tests hold",
    Severity.HIGH,
    "https://tailscale.com/kb/1337/policy-syntax",
)
DENY_TESTED: Final = Rule(
    "tailnet-deny-tested",
    "The tailnet's policy has tests of what it denies",
    Severity.MEDIUM,
    "https://tailscale.com/kb/1337/policy-syntax#tests",
)

_ACL: Shape = {"acl": TEXT}
_EVERYBODY = frozenset(("*", "autogroup:danger-all"))
_EVERYTHING = frozenset(("*", "*:*", "0.0.0.0/0", "::/0"))


def refused(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """What Tailscale would refuse when the policy is saved, which its provider tells no sooner.

    Where in the policy something is wrong is told, and not what stands there.
    """
    document = yield from _document(resource)
    if document is None:
        return
    fix = "see what `python -m tailnet check` says of it"
    try:
        policy = tailnet.parse(document)
    except tailnet.PolicyError as error:
        for place in dict.fromkeys(_place(problem) for problem in error.problems):
            yield Fault(f"{place} of its policy", "nothing that Tailscale takes", "a policy that is well formed", fix)
        return
    for place in dict.fromkeys(_place(failure) for failure in policy.failed_tests()):
        yield Fault(f"{place} of its policy", "a test that fails", "tests that hold", fix)


def _place(problem: str) -> str:
    # Up to the section and its index: names of groups, hosts and tags are the policy's own.
    found = re.match(r"[A-Za-z]+(\[[0-9]+\])?", problem)
    return found[0] if found else "a part"


def all_to_all(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """Rules from everybody to everything, whatever the ports."""
    document = yield from _document(resource)
    if document is None:
        return
    for kind in ("grants", "acls"):
        for rule in Field("", document).get(kind).items():
            sources = {str(one.value) for one in rule.get("src").items()}
            destinations = {str(one.value).removesuffix(":*") or "*" for one in rule.get("dst").items()}
            if sources & _EVERYBODY and destinations & _EVERYTHING:
                yield Fault(
                    f"{rule.path} of its policy", "from everybody to everything", "a rule that names one end",
                    "name who may reach what; nothing is allowed that no rule allows",
                )  # fmt: skip
    if "grants" not in document and "acls" not in document:
        yield Fault(
            "its policy", "without rules, which Tailscale takes for one that allows everything", "grants",
            "add `grants`, an empty list for none",
        )  # fmt: skip


def untested(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """A policy that no test holds to denying something."""
    document = yield from _document(resource)
    if document is not None and not any(one.get("deny").value for one in Field("", document).get("tests").items()):
        yield Fault(
            "its policy", "without a test of what it denies", "`tests` with `deny`",
            "add tests of who must not reach what: Tailscale refuses a policy that fails one",
        )  # fmt: skip


def _document(resource: Resource) -> Iterator[Fault] | Any:
    whole, misshapen = cut(resource.props, _ACL)
    yield from misshapen
    text = Field("", whole).get("acl")
    if text.unknown:
        yield Fault.unknown(text)
        return None
    try:
        document = tailnet.read(str(text.value or ""))
    except tailnet.PolicyError:
        document = None
    if not isinstance(document, Mapping):
        yield Fault(
            text.path, "no policy that can be read", "a policy file", "hold it against `python -m tailnet check`"
        )
        return None
    return document


def _is_acl(resource: Resource) -> bool:
    return resource.type.startswith("tailscale:") and resource.kind == "Acl"


CHECKS: Final = (
    ResourceCheck(TAKEN, _is_acl, refused),
    ResourceCheck(NOT_ALL_TO_ALL, _is_acl, all_to_all),
    ResourceCheck(DENY_TESTED, _is_acl, untested),
)
