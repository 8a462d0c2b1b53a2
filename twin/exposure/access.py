"""Whom Cloudflare Access lets through to a name, by the applications and policies that Cloudflare holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from exposure.shape import PROGRAMS
from twin.standins.cloudflare import ACCESS_APPLICATION, ACCESS_POLICY, SERVICE_TOKEN
from twin.standins.record import Entry

EVERYBODY: Final = "anybody who signs in"

# Without identity: what these lets through comes with no token of Access.
_BYPASS = "bypass"
_ORDER: Final[Mapping[str, int]] = {_BYPASS: 0, "non_identity": 0, "allow": 1, "deny": 1}


@dataclass(frozen=True)
class Verdict:
    """What Access does with visitors of a name, below one path of it.

    anybody: whom it lets through without asking: everybody, or those of whom it says so; None asks everyone. whom: whom
    it lets through once they have said who they are. tag: the audience for which it then signs that; None where no
    application covers the name, and Access isn't asked at all.
    """

    path: str
    anybody: tuple[str, ...] | None
    whom: tuple[str, ...]
    tag: str | None


class Access:
    """The Access applications of the account."""

    def __init__(self, held: Iterable[Entry], people: Mapping[str, str]) -> None:
        """held: what the stand-in for Cloudflare holds. people: names of the home's people by their address."""
        entries = tuple(held)
        self._people = people
        self._applications = [entry for entry in entries if entry.type == ACCESS_APPLICATION]
        self._policies = {entry.id: entry.inputs for entry in entries if entry.type == ACCESS_POLICY}
        self._tokens = frozenset(entry.id for entry in entries if entry.type == SERVICE_TOKEN)

    def of(self, hostname: str) -> list[Verdict]:
        """What becomes of visitors of a name: first for all of it, then below each path that has an application of its
        own. The most specific application decides
        (https://developers.cloudflare.com/cloudflare-one/access-controls/policies/app-paths/)."""
        covering: dict[str, tuple[int, Entry]] = {}
        for entry in self._applications:
            for host, path in _covered(entry.inputs):
                if _matches(host, hostname):
                    rank = len(host.replace("*", ""))
                    if path not in covering or rank > covering[path][0]:
                        covering[path] = (rank, entry)
        verdicts = [self._verdict(path, entry) for path, (_, entry) in sorted(covering.items())]
        return verdicts if "" in covering else [Verdict("", (), (), None), *verdicts]

    def _verdict(self, path: str, entry: Entry) -> Verdict:
        anybody: tuple[str, ...] | None = None
        whom: set[str] = set()
        turned_away: set[str] = set()
        spared: set[str] | None = None
        for policy in self._in_order(entry.inputs):
            decision = policy.get("decision")
            included = set(self._described(policy.get("includes") or ()))
            excluded = set(self._described(policy.get("excludes") or ()))
            if decision == _BYPASS:
                anybody = () if EVERYBODY in included else (*(anybody or ()), *sorted(included))
                if EVERYBODY in included:
                    # Nobody is asked any more.
                    return Verdict(path, (), (), None)
            elif decision == "deny":
                if EVERYBODY in included:
                    spared = excluded if spared is None else spared & excluded
                turned_away |= included - excluded - {EVERYBODY}
            elif EVERYBODY not in excluded:
                whom |= self._required(_narrowed(included, spared) - excluded - turned_away, policy)
        return Verdict(path, anybody, tuple(sorted(whom)), entry.outputs.get("aud"))

    def _in_order(self, application: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """An application's policies as they are tried: what asks for no identity first, then the others by precedence
        (https://developers.cloudflare.com/cloudflare-one/access-controls/policies/#order-of-execution)."""
        given: Sequence[Mapping[str, Any]] = application.get("policies") or ()
        placed = []
        for number, one in enumerate(given, 1):
            # Its own, or one that several applications share.
            policy = one if one.get("decision") else self._policies.get(one.get("id") or "", {})
            decision = policy.get("decision") or ""
            if decision in _ORDER:
                placed.append(((_ORDER[decision], one.get("precedence") or number, number), policy))
        return [policy for _, policy in sorted(placed, key=lambda one: one[0])]

    def _required(self, included: set[str], policy: Mapping[str, Any]) -> set[str]:
        """Those who are included and meet what is required besides. Requirements of which nobody can tell here who
        meets them keep nobody out: the map had better show too much than too little."""
        for required in policy.get("requires") or ():
            if "email" in required:
                included = _narrowed(included, {self._name(required["email"]["email"])})
        return included

    def _described(self, rules: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        for rule in rules:
            for kind, given in rule.items():
                match kind:
                    case "email":
                        yield self._name(given["email"])
                    case "everyone":
                        yield EVERYBODY
                    case "emailDomain":
                        yield f"anybody at {given['domain']}"
                    case "serviceToken":
                        if given["tokenId"] in self._tokens:
                            yield PROGRAMS
                    case "anyValidServiceToken":
                        yield "programs with any service token of the account"
                    case "ip":
                        yield f"anybody at {given['ip']}"
                    case _:
                        words = re.sub(r"([A-Z])", lambda found: f" {found[1].lower()}", kind)
                        yield f"those whom a rule about {words} lets in"

    def _name(self, email: str) -> str:
        return self._people.get(email.lower(), email)


def _narrowed(included: set[str], to: set[str] | None) -> set[str]:
    """Those of the included who are in `to`; None narrows nothing."""
    if to is None:
        return included
    return set(to) if EVERYBODY in included else included & to


def _covered(application: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names that an application covers, and the path below which it does; an empty path is all of it."""
    given = {application.get("domain"), *(application.get("selfHostedDomains") or ())}
    for destination in application.get("destinations") or ():
        if destination.get("type", "public") == "public":
            given.add(destination.get("uri"))
    for one in sorted(filter(None, given)):
        host, _, path = one.lower().partition("/")
        yield host, f"/{path}".rstrip("/*") if path else ""


def _matches(pattern: str, hostname: str) -> bool:
    """A `*` stands for any number of letters within one label."""
    parts = "[^.]*".join(map(re.escape, pattern.split("*")))
    return re.fullmatch(parts, hostname.lower()) is not None
