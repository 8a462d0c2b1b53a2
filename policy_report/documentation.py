"""`docs/policies.md`: every rule and every exception, as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from policies import parameters
from policies.exceptions import RuleException
from policies.parameters import DEFAULTS
from policies.rule import Rule
from policies.rules import RULES, SUBJECTS

_HEAD = """\
# Policies

The rules that every resource of a home keeps, and what may break them. Made by `make policies-doc` from `policies/`; a
test holds it true. `make policy-report` shows what each says of each resource of a home.

The engine runs them in each preview and `up` that names the pack: `pulumi preview -s homelab --policy-pack policies`,
or make. A rule that meets a value which isn't known yet says so and is decided at `up`; it neither passes nor refuses.
Messages name the resource, the field, what was found, what is allowed and the way out, and show no value that could be
a secret.
"""
_CONFIG = """\
## A stack's own config

`policies/config/<stack>.json` is found by make and by the twin; plain Pulumi takes it with `--policy-pack-config`. The
engine refuses a config that doesn't fit.

| key | what it sets | unless said |
| --- | --- | --- |
| `rules` | enforcement by rule: `mandatory`, `advisory` or `disabled` | as in the tables above |
| `exceptions` | further exceptions, as below, `expires` as a text | none |
"""
_EXCEPTIONS = """\
## Exceptions

They are data, in [`policies/exceptions.yaml`](../policies/exceptions.yaml): a program can't except itself. One that has
expired, or that nothing needs, is itself reported; one that belongs to a room counts as unused only where a stack has
that room, so the file serves every home, and rooms that are still to come have theirs already.

To add one, name the rule, the resource as `Kind/name` (`*` for any part of the name), why it must be so and, where it
is for a while, the last day on which it holds.
"""


def document(exceptions: Iterable[RuleException]) -> str:
    """The page, with its last line's end."""
    return "\n".join(
        (_HEAD, *_subjects(), _CONFIG.rstrip(), *_parameters(), "", _EXCEPTIONS, *_granted(exceptions), "")
    )


def _subjects() -> Iterator[str]:
    for subject, rules in SUBJECTS.items():
        yield f"## {subject}"
        yield ""
        yield "| rule | what it demands | severity | enforcement |"
        yield "| --- | --- | --- | --- |"
        yield from map(_rule, rules)
        yield ""


def _rule(rule: Rule) -> str:
    framework = f" ({rule.framework})" if rule.framework else ""
    return f"| [`{rule.name}`]({rule.url}) | {rule.summary}{framework} | {rule.severity} | {rule.enforcement} |"


def _parameters() -> Iterator[str]:
    told = {
        "registries": "where images may come from: registries, or parts of one",
        "disposableStorageClasses": "classes whose claims hold nothing that matters",
    }
    for key, attribute in parameters.CONFIGURABLE.items():
        yield f"| `{key}` | {told[key]} | {', '.join(f'`{each}`' for each in getattr(DEFAULTS, attribute))} |"
    example = {"homebrain-resources": {"rules": {"probes": "advisory"}, "registries": ["docker.io", "ghcr.io"]}}
    yield ""
    yield "```json"
    yield json.dumps(example, indent=2)
    yield "```"


def _granted(exceptions: Iterable[RuleException]) -> Iterator[str]:
    yield "| rule | resource | room | reason | until |"
    yield "| --- | --- | --- | --- | --- |"
    for one in exceptions:
        until = one.expires.isoformat() if one.expires else "for good"
        rule = f"[`{one.rule}`]({RULES[one.rule].url})"
        yield f"| {rule} | `{one.resource}` | {one.room or 'any'} | {one.reason} | {until} |"
