"""Rules and findings: what is demanded, and where a resource falls short of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policies.fault import Fault


class Severity(StrEnum):
    """How bad it is when the rule is broken."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Enforcement(StrEnum):
    """What a finding does: refuse the deployment, be told, or nothing."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is demanded.

    name: how config and exceptions call it, as in `image-pinned`.
    summary: the demand in one sentence.
    url: where its background is explained.
    framework: the standard that it comes from, if any.
    enforcement: unless the pack's config says otherwise.
    """

    name: str
    summary: str
    severity: Severity
    url: str
    framework: str | None = None
    enforcement: Enforcement = Enforcement.MANDATORY


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one resource.

    resource: what a person calls it, as in `Deployment jellyfin`; empty for a bare pod.
    urn: what the engine calls it; empty when the finding is about no resource.
    """

    rule: Rule
    fault: Fault
    resource: str = ""
    urn: str = ""

    @property
    def undecided(self) -> bool:
        """Whether the rule waits for a value that isn't known yet."""
        return self.fault.undecided

    @property
    def sentence(self) -> str:
        """What is wrong where, what is allowed, and how to fix it."""
        return f"{self.resource}: {self.fault.sentence}" if self.resource else self.fault.sentence

    @property
    def message(self) -> str:
        """The sentence, and the rule that it follows from."""
        origin = ", ".join(part for part in (self.rule.severity, self.rule.framework, self.rule.url) if part)
        return f"{self.sentence} [{self.rule.name}: {origin}]"
