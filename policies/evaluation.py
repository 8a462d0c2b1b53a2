"""One run over a stack: every resource as it comes, then the stack as a whole. Knows nothing of Pulumi.

What a resource alone shows is judged at once, and so is its Pod Security level when its namespace has come before it,
as it does wherever a program hands the namespace's name on. Whatever else needs the whole stack waits for the end.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies import pod_security
from policies.check import ResourceCheck
from policies.exceptions import EXPIRED, UNUSED, RuleException
from policies.fault import Fault
from policies.field import Field
from policies.namespaces import LABEL, Namespaces, is_namespace
from policies.parameters import DEFAULTS, Parameters
from policies.pod import WELL_FORMED, Pod
from policies.pod_security import Level
from policies.resource import Resource
from policies.rule import Enforcement, Finding, Rule
from policies.rules import POD_CHECKS, RESOURCE_CHECKS, STACK_CHECKS
from policies.stack import Stack
from policies.unknown import UNKNOWN
from policies.workloads import Workload, bears_pods, workloads


class Outcome(StrEnum):
    """What becomes of a finding."""

    VIOLATION = "violation"
    ADVICE = "advice"
    EXCEPTED = "excepted"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A finding and what becomes of it; with the exception that covers it, if one does."""

    finding: Finding
    outcome: Outcome
    exception: RuleException | None = None


class Evaluation:
    """Judges resources one by one, then the stack, and remembers the judgements."""

    def __init__(
        self,
        exceptions: Iterable[RuleException] = (),
        today: datetime.date | None = None,
        enforcement: Mapping[str, Enforcement] | None = None,
        parameters: Parameters = DEFAULTS,
    ) -> None:
        """enforcement: levels by rule name that differ from the rules' own."""
        self._enforcement: Mapping[str, Enforcement] = enforcement or {}
        self._parameters = parameters
        self._exceptions = tuple(exceptions)
        self._today = today or datetime.date.today()
        self._namespaces = Namespaces()
        self._stack = Stack()
        self._waiting: dict[str, tuple[Resource, list[Workload]]] = {}
        self._judged: dict[str, list[Judgement]] = {}
        self._of_stack: list[Judgement] | None = None
        self._needed: set[RuleException] = set()

    @staticmethod
    def wants(resource: Resource) -> bool:
        """Whether some rule reads resources of this type; its properties need not be there yet."""
        return is_namespace(resource) or bears_pods(resource) or bool(_checks_of(resource)) or _is_context(resource)

    def rules_about(self, resource: Resource) -> list[Rule]:
        """The rules that judge a resource, each once; asked when the whole stack has come by.

        Of the Pod Security Standards, those of the strictest level that its namespace may have.
        """
        rules = [check.rule for check in _checks_of(resource)]
        rules += [check.rule for check in STACK_CHECKS if check.about(resource)]
        pods = list(workloads(resource))
        rules += [check.rule for check in POD_CHECKS if any(map(check.about, pods))]
        for workload in pods:
            level = self._namespaces.levels(_namespace(resource, workload).value)[-1]
            rules += [WELL_FORMED, *(control.rule for control in pod_security.controls(level))]
        return list(dict.fromkeys(rules))

    def is_missing(self, urn: str, token: str) -> bool:
        """Whether a resource of the stack, by URN and type token, matters to others and hasn't come by."""
        return urn not in self._judged and _is_context_type(token)

    def take_in(self, resource: Resource) -> None:
        """Take a resource into account that is in the stack and isn't judged itself."""
        if is_namespace(resource):
            self._namespaces.add(resource)
        self._stack.add_beside(resource)

    def judge(self, resource: Resource) -> list[Judgement]:
        """What one resource shows by itself."""
        if is_namespace(resource):
            self._namespaces.add(resource)
        if _is_context(resource):
            self._stack.add(resource)
        judged: list[Judgement] = []
        waiting: list[Workload] = []
        for workload in workloads(resource):
            judged += self._judgements(resource, self._pod_rules(workload))
            if self._namespaces.declares(_namespace(resource, workload).value):
                judged += self._judgements(resource, self._pod_security(resource, workload))
            else:
                waiting.append(workload)
        if waiting:
            self._waiting[resource.urn] = (resource, waiting)
        for check in _checks_of(resource):
            faults = dict.fromkeys(check.faults(resource, self._parameters))
            judged += self._judgements(resource, ((check.rule, fault) for fault in faults))
        self._judged[resource.urn] = judged
        return judged

    def conclude(self) -> list[Judgement]:
        """What only the whole stack shows. Judged once; the same answer afterwards."""
        if self._of_stack is None:
            self._of_stack = [
                judgement
                for resource, waiting in self._waiting.values()
                for workload in waiting
                for judgement in self._judgements(resource, self._pod_security(resource, workload))
            ]
            for check in STACK_CHECKS:
                for about, faults in _by_resource(check.faults(self._stack, self._parameters)):
                    if about is None or about.urn in self._judged:
                        self._of_stack += self._judgements(about, ((check.rule, fault) for fault in faults))
            self._of_stack += self._about_exceptions()
        return self._of_stack

    def judgements(self) -> list[Judgement]:
        """Every judgement so far."""
        return [each for judged in self._judged.values() for each in judged] + (self._of_stack or [])

    def _judgements(self, resource: Resource | None, faults: Iterable[tuple[Rule, Fault]]) -> list[Judgement]:
        judged = (self._judgement(resource, rule, fault) for rule, fault in faults)
        return [judgement for judgement in judged if judgement is not None]

    def _judgement(self, resource: Resource | None, rule: Rule, fault: Fault) -> Judgement | None:
        outcome = self._outcome(rule)
        if outcome is None:
            return None
        finding = Finding(rule, fault, resource.label, resource.urn) if resource else Finding(rule, fault)
        for exception in self._exceptions:
            if resource is not None and exception.covers(rule, resource):
                self._needed.add(exception)
                if not exception.expired(self._today):
                    return Judgement(finding, Outcome.EXCEPTED, exception)
        return Judgement(finding, Outcome.UNDECIDED if fault.undecided else outcome)

    def _outcome(self, rule: Rule) -> Outcome | None:
        enforcement = self._enforcement.get(rule.name, rule.enforcement)
        if enforcement is Enforcement.DISABLED:
            return None
        return Outcome.VIOLATION if enforcement is Enforcement.MANDATORY else Outcome.ADVICE

    def _pod_rules(self, workload: Workload) -> Iterator[tuple[Rule, Fault]]:
        for fault in workload.faults:
            yield WELL_FORMED, fault
        for check in POD_CHECKS:
            if not workload.pod.spec.absent and check.about(workload):
                for fault in dict.fromkeys(check.faults(workload, self._parameters)):
                    yield check.rule, fault

    def _pod_security(self, resource: Resource, workload: Workload) -> Iterator[tuple[Rule, Fault]]:
        namespace = _namespace(resource, workload)
        levels = self._namespaces.levels(namespace.value)
        cause = namespace if namespace.unknown else Field(f"the label {LABEL} of its namespace", UNKNOWN)
        for control, fault in _faults(workload.pod, levels, cause):
            yield control.rule, fault

    def _about_exceptions(self) -> Iterator[Judgement]:
        for exception in self._exceptions:
            place = f"the exception from {exception.rule} for {exception.resource}"
            if exception not in self._needed:
                if exception.room is not None and not self._namespaces.declares(exception.room):
                    continue
                rule, fault = UNUSED, Fault(place, "needed by nothing", "one that something needs", "take it out")
            elif exception.expired(self._today):
                fix = "do without it, or give it a new day and say why"
                rule, fault = EXPIRED, Fault(place, f"expired since {exception.expires}", "one that still holds", fix)
            else:
                continue
            if outcome := self._outcome(rule):
                yield Judgement(Finding(rule, fault, "exceptions.yaml"), outcome)


@functools.cache
def _checks_of_type(token: str) -> tuple[ResourceCheck, ...]:
    bare = Resource("", token, "")
    return tuple(check for check in RESOURCE_CHECKS if check.about(bare))


def _checks_of(resource: Resource) -> tuple[ResourceCheck, ...]:
    return _checks_of_type(resource.type)


@functools.cache
def _is_context_type(token: str) -> bool:
    bare = Resource("", token, "")
    return any(check.about(bare) or check.reads(bare) for check in STACK_CHECKS)


def _is_context(resource: Resource) -> bool:
    """Whether rules on the stack as a whole need to know of such resources."""
    return _is_context_type(resource.type)


def _by_resource(
    faults: Iterable[tuple[Resource | None, Fault]],
) -> Iterator[tuple[Resource | None, Iterable[Fault]]]:
    """Each resource with its faults, every fault once; the stack's own come as those of None."""
    grouped: dict[str, tuple[Resource | None, dict[Fault, None]]] = {}
    for resource, fault in faults:
        grouped.setdefault(resource.urn if resource else "", (resource, {}))[1][fault] = None
    yield from grouped.values()


def _namespace(resource: Resource, workload: Workload) -> Field:
    if workload.namespace.value not in (None, ""):
        return workload.namespace
    inherited = resource.namespace
    return Field("its provider's namespace", "default" if inherited in (None, "") else inherited)


def _faults(pod: Pod, levels: list[Level], cause: Field) -> Iterator[tuple[pod_security.Control, Fault]]:
    """What certainly breaks the pod's level and, where several are possible, what may, depending on `cause`."""
    certain = list(pod_security.faults(pod, levels[0]))
    yield from certain
    if len(levels) > 1:
        in_doubt = (control for control, _ in pod_security.faults(pod, levels[-1]))
        for control in dict.fromkeys(in_doubt):
            if control not in {known for known, _ in certain}:
                yield control, Fault.unknown(cause)
