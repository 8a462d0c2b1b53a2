"""A tailnet's policy as the twin's stand-in for Tailscale holds it, put to the questions of the map.

The policy is judged by the package `tailnet`. What Tailscale lets through where nobody has written a policy: everything
(https://tailscale.com/docs/reference/syntax/policy-file, "default policy").
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import tailnet
from exposure.shape import Protocol
from twin.standins.record import Entry
from twin.standins.tailscale import ACL

NOBODY_WROTE_ONE: Final = '{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}'

ANYBODY_ELSE: Final = "anybody else in the tailnet"
ADMINISTRATORS: Final = "administrators of the tailnet"
SHARED_WITH: Final = "people of other tailnets"

# Addresses of nobody (RFC 2606), which stand for people whom no policy calls by name.
_LOGINS: Final = {
    ANYBODY_ELSE: "anybody-else@tailnet.invalid",
    ADMINISTRATORS: "administrator@tailnet.invalid",
    SHARED_WITH: "shared-with@tailnet.invalid",
}
_OF_OTHERS = "autogroup:shared"
_ROLES = ("owner", "admin", "it-admin", "network-admin", "billing-admin", "auditor")


class HeldRules:
    """What one policy says. Answers are remembered: the map asks for the same often."""

    def __init__(self, text: str, people: Iterable[str]) -> None:
        """text: the policy file. people: addresses of the home's people. Raises `tailnet.PolicyError`."""
        document = tailnet.read(text)
        self._policy = tailnet.parse(json.dumps(_with_others(document)))
        self._document: Mapping[str, Any] = document
        self._context = tailnet.Context(roles={_LOGINS[ADMINISTRATORS]: _ROLES})
        self._people = frozenset(one.lower() for one in people)
        self.may = functools.cache(self._may)

    @property
    def tag_owners(self) -> Mapping[str, Sequence[str]]:
        """Who may give a machine which tag."""
        return self._policy.tag_owners

    @property
    def strangers(self) -> Mapping[str, str]:
        """People who don't belong to the home, by what a way calls them: whom the policy names, and kinds of others."""
        members = (one for group in self._policy.groups.values() for one in group)
        sources = (one for rule in self._policy.rules for one in rule.sources if "@" in one and "*" not in one)
        named = {one.lower() for one in (*members, *sources)} - self._people - set(_LOGINS.values())
        return {**{one: one for one in sorted(named)}, **_LOGINS}

    @property
    def funnels(self) -> Sequence[str]:
        """To whom the policy lets machines show themselves to the whole internet."""
        return [
            target
            for attribute in self._document.get("nodeAttrs") or ()
            if "funnel" in (attribute.get("attr") or ())
            for target in attribute.get("target") or ()
        ]

    @property
    def ports(self) -> frozenset[int]:
        """Every port at which what the policy says may change."""
        given = (one for rule in self._policy.rules for _, ports in rule.targets for one in ports)
        return frozenset(port for one in given for port in (one.first, one.last + 1))

    def members(self, name: str) -> frozenset[str]:
        """The addresses of the people whom a name stands for: a group, an address, `autogroup:member`."""
        if name in ("autogroup:member", "autogroup:members"):
            return self._people | {_LOGINS[ANYBODY_ELSE]}
        return frozenset(one.lower() for one in self._policy.groups.get(name, (name,)))

    def _may(self, source: str, target: str, port: int, protocol: Protocol) -> bool:
        return self._policy.may(source, target, port, protocol, self._context).allowed


def rules_of(held: Iterable[Entry], people: Iterable[str]) -> HeldRules:
    """The rules of the tailnet of which the stand-in for Tailscale holds this."""
    texts = [str(entry.inputs["acl"]) for entry in held if entry.type == ACL]
    return _rules(texts[-1] if texts else NOBODY_WROTE_ONE, frozenset(people))


# A map that is drawn again mostly meets the policy that it met before.
@functools.lru_cache(maxsize=4)
def _rules(text: str, people: frozenset[str]) -> HeldRules:
    return HeldRules(text, people)


def _with_others(document: Mapping[str, Any]) -> dict[str, Any]:
    """The policy, with somebody in the place of people of other tailnets, so that one can ask about them."""
    changed = dict(document)
    for section in ("grants", "acls"):
        if section in document:
            changed[section] = [{**rule, **dict(_sources(rule))} for rule in document[section]]
    return changed


def _sources(rule: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for key in ("src", "users"):
        if key in rule:
            yield key, [_LOGINS[SHARED_WITH] if one == _OF_OTHERS else one for one in rule[key]]
