"""A policy that is well formed: its rules, its tests, and the answers that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tailnet.context import NOBODY, Context
from tailnet.ports import Ports, protocol
from tailnet.selectors import Machine, Names, machines, matches


@dataclass(frozen=True)
class Rule:
    """A rule of either kind. place: as in `grants[0]`. targets: of grants all have all ports; of acls each its own."""

    place: str
    sources: tuple[str, ...]
    targets: tuple[tuple[str, tuple[Ports, ...]], ...]
    postures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Test:
    """One of the policy's own. accept and deny: destinations with their port. protocol: empty where it isn't said."""

    place: str
    source: str
    accept: tuple[tuple[str, int], ...]
    deny: tuple[tuple[str, int], ...]
    protocol: str
    has_posture: bool


@dataclass(frozen=True)
class Answer:
    """Whether one may reach the other, and which rule makes it so."""

    allowed: bool
    why: str


@dataclass(frozen=True)
class Policy:
    """A tailnet's policy. document: the whole file as plain data."""

    names: Names
    rules: tuple[Rule, ...]
    tests: tuple[Test, ...]
    tag_owners: Mapping[str, tuple[str, ...]]
    postures: frozenset[str]
    document: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """The logins of each group."""
        return self.names.groups

    def may(self, source: str, destination: str, port: int, protocol: str = "tcp", context: Context = NOBODY) -> Answer:
        """Whether `source` may open a connection to a port of `destination`.

        Either is a login, a tag, a group (all of its members), a host, an address or a network (all of it). A rule
        that wants a device's posture counts; the answer says which one it wants. Raises `ValueError` for a name that
        the policy doesn't know, or for a protocol that is none.
        """
        far = self._machines(destination, context)
        answers = [self._may(one, other, port, protocol) for one in self._machines(source, context) for other in far]
        return next((one for one in answers if not one.allowed), answers[0] if answers else _NOBODY_THERE)

    def failed_tests(self, context: Context = NOBODY) -> tuple[str, ...]:
        """What of the policy's own tests doesn't come out as it says, a sentence each."""
        return tuple(failed for test in self.tests for failed in self._failures(test, context))

    def _machines(self, name: str, context: Context) -> tuple[Machine, ...]:
        if name.startswith("group:") and name not in self.groups:
            raise ValueError(f'there is no group "{name}" in the policy')
        return machines(name, self.names, context)

    def _may(self, source: Machine, destination: Machine, port: int, proto: str) -> Answer:
        number = protocol(proto)
        conditional = None
        for rule in self.rules:
            if not any(matches(one, source, destination, self.names, source=True) for one in rule.sources):
                continue
            for selector, ports in rule.targets:
                if any(one.cover(number, port) for one in ports) and matches(
                    selector, destination, source, self.names, source=False
                ):
                    if not rule.postures:
                        return Answer(True, f"{rule.place} allows it")
                    conditional = Answer(True, f"{rule.place} allows it to devices of {' or '.join(rule.postures)}")
        return conditional or Answer(False, "nothing allows it")

    def _failures(self, test: Test, context: Context) -> list[str]:
        # Where no protocol is said, either of the two that have ports is asked about.
        protocols = (test.protocol,) if test.protocol else ("tcp", "udp")
        failures = []
        for expected, destinations in ((True, test.accept), (False, test.deny)):
            for destination, port in destinations:
                answers = [self._asked(test, destination, port, each, context) for each in protocols]
                allowed = next((one for one in answers if one.allowed), None)
                if (allowed is not None) is not expected:
                    found = f"may reach it: {allowed.why}" if allowed else "may not reach it: nothing allows it"
                    wanted = "accepts" if expected else "denies"
                    failures.append(f"{test.place}: {wanted} {destination}:{port}, but {test.source} {found}")
        return failures

    def _asked(self, test: Test, destination: str, port: int, proto: str, context: Context) -> Answer:
        answer = self.may(test.source, destination, port, proto, context)
        # Without attributes, a test's device meets no posture.
        if answer.allowed and " to devices of " in answer.why and not test.has_posture:
            return Answer(False, "nothing allows it to a device without that posture")
        return answer


_NOBODY_THERE = Answer(False, "nobody is there")
