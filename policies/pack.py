"""The adapter between the policy SDK and the rules: the only module that knows Pulumi, besides `props`.

The SDK converts every resource once for each policy that it is given, so there are few: one that takes each resource as
it comes, and two that take the stack at its end, of which one may only advise. Which rule a message follows from, the
message says.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from policies import exceptions, parameters, wording
from policies.evaluation import Evaluation
from policies.exceptions import RuleException
from policies.parameters import Parameters
from policies.props import element, plain
from policies.resource import Resource
from policies.rule import Enforcement
from policies.rules import RULES, images

NAME: Final = "homebrain"

_URL = "https://kubernetes.io/docs/concepts/security/"
_FRAMEWORK = PolicyComplianceFramework(
    name="Pod Security Standards", version="1.33", reference=_URL + "pod-security-standards/"
)
_CONFIG = PolicyConfigSchema(
    properties={
        "rules": {
            "type": "object",
            "properties": {name: {"type": "string", "enum": [str(each) for each in Enforcement]} for name in RULES},
            "additionalProperties": False,
        },
        "exceptions": {"type": "array", "items": {"type": "object"}},
        **parameters.SCHEMA,
    }
)
RESOURCES: Final = "homebrain-resources"
"""The engine policy that takes the config of the pack: enforcement by rule, further exceptions, parameters."""

VERSIONS: Final = Path(__file__).resolve().parents[1] / "versions.yaml"


class Pack:
    """The engine policies of one run, and the evaluation that they share."""

    def __init__(
        self, granted: Iterable[RuleException], today: datetime.date | None = None, versions: Path = VERSIONS
    ) -> None:
        self._granted = tuple(granted)
        self._today = today
        self._versions = versions
        self._begun: Evaluation | None = None
        # The SDK serves several calls at once, should the engine make them.
        self._lock = threading.Lock()

    def policies(self) -> list[Policy]:
        """The policies, in the order in which they must run."""
        return [
            ResourceValidationPolicy(
                name=RESOURCES,
                display_name="Resources of the home",
                description="Every resource keeps the home's rules.",
                validate=self._resource,
                enforcement_level=EnforcementLevel.MANDATORY,
                config_schema=_CONFIG,
                severity=Severity.HIGH,
                framework=_FRAMEWORK,
                url=_URL,
            ),
            StackValidationPolicy(
                name="homebrain-stack",
                display_name="The home as a whole",
                description="The stack as a whole keeps the home's rules.",
                validate=self._stack,
                enforcement_level=EnforcementLevel.MANDATORY,
                severity=Severity.HIGH,
                framework=_FRAMEWORK,
                url=_URL,
            ),
            StackValidationPolicy(
                name="homebrain-notes",
                display_name="Notes",
                description="What the home's rules have to say without refusing anything.",
                validate=self._notes,
                enforcement_level=EnforcementLevel.ADVISORY,
                severity=Severity.LOW,
                framework=_FRAMEWORK,
                url=_URL,
            ),
        ]

    def _resource(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        resource = _resource(args)
        if resource is None:
            return
        with self._lock:
            _report(report, wording.refusals(self._evaluation(args.get_config()).judge(resource)))

    def _stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        with self._lock:
            _report(report, wording.refusals(self._of_stack(args).conclude()))

    def _notes(self, args: StackValidationArgs, report: ReportViolation) -> None:
        with self._lock:
            evaluation = self._of_stack(args)
            evaluation.conclude()
            _report(report, wording.notes(evaluation.judgements()))

    def _evaluation(self, config: Mapping[str, Any]) -> Evaluation:
        """The evaluation of this run; the config is that of the first resource, as it is of every other."""
        if self._begun is None:
            self._begun = Evaluation(
                (*self._granted, *exceptions.configured(config.get("exceptions", ()), RULES)),
                self._today,
                {name: Enforcement(level) for name, level in config.get("rules", {}).items()},
                Parameters(**parameters.configured(config), digests=images.digests(self._versions)),
            )
        return self._begun

    def _of_stack(self, args: StackValidationArgs) -> Evaluation:
        evaluation = self._evaluation({})
        # What the program only reads, or a targeted update leaves alone, never comes by as a resource to judge.
        for each in args.resources:
            if evaluation.is_missing(each.urn, each.resource_type) and (resource := _resource(each)):
                evaluation.take_in(resource)
        return evaluation


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
        args.opts.protect is True,
    )


def _report(report: Callable[[str, str | None], None], messages: Iterable[wording.Message]) -> None:
    for text, urn in messages:
        report(text, urn or None)
