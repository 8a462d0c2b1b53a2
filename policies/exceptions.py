"""Exceptions: what may break a rule, and why. They are data, in `exceptions.yaml` beside this module.

A program can't except itself: nothing on a resource does. The deviations that workloads record in their annotations
explain them to people, and count for nothing here.
"""

from __future__ import annotations

import contextlib
import datetime
import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from policies.resource import Resource
from policies.rule import Enforcement, Rule, Severity

FILE: Final = Path(__file__).with_name("exceptions.yaml")

_URL = "https://www.pulumi.com/docs/insights/policy/"
EXPIRED: Final = Rule(
    "exception-expired",
    "Exceptions hold until the day they name",
    Severity.MEDIUM,
    _URL,
    enforcement=Enforcement.ADVISORY,
)
UNUSED: Final = Rule(
    "exception-unused",
    "Exceptions are there because something needs them",
    Severity.LOW,
    _URL,
    enforcement=Enforcement.ADVISORY,
)

_RESOURCE = re.compile(r"[A-Z][A-Za-z]*/[^/\s]+")


class ExceptionsError(Exception):
    """The exceptions can't be read; `problems` says where and why, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class RuleException:
    """A rule that a resource may break.

    rule: the rule's name.
    resource: `Kind/name`, where `*` stands for any part of the name.
    reason: why it must be so.
    room: the namespace that the resource belongs to; where a stack doesn't have that, nothing can need the exception.
    expires: the last day on which it holds; None means for good.
    """

    rule: str
    resource: str
    reason: str
    room: str | None = None
    expires: datetime.date | None = None

    def covers(self, rule: Rule, resource: Resource) -> bool:
        """Whether it is about this rule and this resource, expired or not."""
        kind, _, name = self.resource.partition("/")
        return self.rule == rule.name and kind == resource.kind and fnmatch.fnmatchcase(resource.name, name)

    def expired(self, today: datetime.date) -> bool:
        """Whether it held once and holds no longer."""
        return self.expires is not None and self.expires < today


_KEYS = tuple(each.name for each in fields(RuleException))


def load(path: Path, rules: Collection[str]) -> tuple[RuleException, ...]:
    """The exceptions in a YAML file; `rules` are the names that exist.

    Raises `ExceptionsError` with every mistake at once.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ExceptionsError([f"{path.name}: {error}"]) from error
    entries = document.get("exceptions") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise ExceptionsError([f"{path.name}: wants a list named `exceptions`, which may be empty"])
    return _read(entries, rules, path.name)


def configured(entries: Iterable[object], rules: Collection[str]) -> tuple[RuleException, ...]:
    """The exceptions in a policy config, where a day is a text. Raises `ExceptionsError` like `load`."""
    return _read([_with_day(entry) for entry in entries], rules, "the policies' config")


def _read(entries: list[Any], rules: Collection[str], source: str) -> tuple[RuleException, ...]:
    problems = [
        f"{source}, exceptions[{index}]{problem}"
        for index, entry in enumerate(entries)
        for problem in _problems(entry, rules)
    ]
    if problems:
        raise ExceptionsError(problems)
    return tuple(RuleException(**entry) for entry in entries)


def _with_day(entry: object) -> object:
    if isinstance(entry, Mapping) and isinstance(entry.get("expires"), str):
        with contextlib.suppress(ValueError):
            return {**entry, "expires": datetime.date.fromisoformat(entry["expires"])}
    return entry


def _problems(entry: Any, rules: Collection[str]) -> list[str]:
    if not isinstance(entry, Mapping):
        return [" is not a mapping of rule, resource, reason, room and expires"]
    problems = [f".{key}: there is no such key" for key in entry if key not in _KEYS]
    rule, resource, reason = (entry.get(key) for key in ("rule", "resource", "reason"))
    if not isinstance(rule, str) or rule not in rules:
        problems.append(f".rule: there is no rule {rule!r}; the rules are {', '.join(sorted(rules))}")
    if not isinstance(resource, str) or not _RESOURCE.fullmatch(resource):
        problems.append(f".resource: {resource!r} is not of the form Kind/name")
    if not isinstance(reason, str) or not reason.strip():
        problems.append(".reason: an exception needs one")
    room = entry.get("room")
    if room is not None and not (isinstance(room, str) and room):
        problems.append(f".room: {room!r} is not the name of a namespace")
    expires = entry.get("expires")
    # A point in time is a date to Python, but can't be compared with one.
    if isinstance(expires, datetime.datetime) or not isinstance(expires, datetime.date | None):
        problems.append(f".expires: {expires!r} is not a day, as in 2030-01-31")
    return problems
