"""The adapter between the policy SDK and the rules: the only module that knows Pulumi, besides `props`.

The SDK converts every resource once for each policy that it is given, so there are few: one that takes each resource as
it comes, and two that take the stack at its end, of which one may only advise. Which rule a message follows from, the
message says.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies import exceptions, wording
from policies.evaluation import Evaluation
from policies.exceptions import RuleException
from policies.props import element, plain
from policies.resource import Resource
from policies.rule import Enforcement
from policies.rules import RULES

NAME: Final = "homebrain"

_URL = "https://kubernetes.io/docs/concepts/security/"
_CONFIG = PolicyConfigSchema(
    properties={
        "rules": {
            "type": "object",
            "properties": {name: {"type": "string", "enum": [str(each) for each in Enforcement]} for name in RULES},
            "additionalProperties": False,
        }
    }
)


class Pack:
    """The engine policies of one run, and the evaluation that they share."""

    def __init__(self, granted: Iterable[RuleException], today: datetime.date | None = None) -> None:
        self._evaluation = Evaluation(granted, today)
        # The SDK serves several calls at once, should the engine make them.
        self._lock = threading.Lock()

    def policies(self) -> list[Policy]:
        """The policies, in the order in which they must run."""
        return [
            ResourceValidationPolicy(
                name="homebrain-resources",
                display_name="Resources of the home",
                description="Every resource keeps the home's rules.",
                validate=self._resource,
                enforcement_level=EnforcementLevel.MANDATORY,
                config_schema=_CONFIG,
                severity=Severity.HIGH,
                url=_URL,
            ),
            StackValidationPolicy(
                name="homebrain-stack",
                display_name="The home as a whole",
                description="The stack as a whole keeps the home's rules.",
                validate=self._stack,
                enforcement_level=EnforcementLevel.MANDATORY,
                severity=Severity.HIGH,
                url=_URL,
            ),
            StackValidationPolicy(
                name="homebrain-notes",
                display_name="Notes",
                description="What the home's rules have to say without refusing anything.",
                validate=self._notes,
                enforcement_level=EnforcementLevel.ADVISORY,
                severity=Severity.LOW,
                url=_URL,
            ),
        ]

    def _resource(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = _resource(args)
        if resource is None:
            return
        with self._lock:
            self._evaluation.enforcement = _enforcement(args.get_config())
            _report(report, wording.refusals(self._evaluation.judge(resource)))

    def _stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        with self._lock:
            self._meet_namespaces(args)
            _report(report, wording.refusals(self._evaluation.conclude()))

    def _notes(self, args: StackValidationArgs, report: ReportViolation) -> None:
        with self._lock:
            self._meet_namespaces(args)
            self._evaluation.conclude()
            _report(report, wording.notes(self._evaluation.judgements()))

    def _meet_namespaces(self, args: StackValidationArgs) -> None:
        # Namespaces that the program reads, or that a targeted update leaves alone, never come by as resources to
        # judge.
        for each in args.resources:
            if each.resource_type.endswith(":Namespace") and (namespace := _resource(each)):
                self._evaluation.add_namespace(namespace)


def default() -> Pack:
    """The pack as the engine runs it. Raises `ExceptionsError` when `exceptions.yaml` is wrong."""
    return Pack(exceptions.load(exceptions.FILE, RULES))


def _resource(args: ResourceValidationArgs | PolicyResource) -> Resource | None:
    """The resource as plain data; None, and no work done, when no rule reads its type."""
    bare = Resource(args.urn, args.resource_type, args.name)
    if not Evaluation.wants(bare):
        return None
    props = plain(args.props)
    provider = args.provider.props if args.provider is not None else {}
    return Resource(
        args.urn,
        args.resource_type,
        args.name,
        props if isinstance(props, dict) else {},
        element(provider, "namespace"),
    )


def _enforcement(config: Mapping[str, Any]) -> dict[str, Enforcement]:
    """Enforcement by rule name. The engine has held the config against its schema."""
    return {name: Enforcement(level) for name, level in config.get("rules", {}).items()}


def _report(report: Callable[[str, str | None], None], messages: Iterable[wording.Message]) -> None:
    for text, urn in messages:
        report(text, urn or None)
