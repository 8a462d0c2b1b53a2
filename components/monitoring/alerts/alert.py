"""The shape of an alert, and Prometheus' rule files made of them. Imports nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml

Severity = Literal["urgent", "warning", "info"]
"""`urgent`: somebody should look now. `warning`: today or tomorrow. `info`: shown, and sent to nobody."""

RUNBOOK: Final = "docs/runbooks/06-monitoring.md"


@dataclass(frozen=True)
class Alert:
    """One alert.

    name: in CamelCase, for once and all: silences and the runbook go by it. subject: the rule file that it is in. when:
    a PromQL expression; each series in its answer is an alert. lasting: for how long that has to be so. summary: what
    is wrong in a sentence, with `{{ $labels.node }}` and the like. labels: besides `severity`; `node` says on which
    machine it is, and `about` and `door` of what, so that a greater alert keeps it back.
    """

    name: str
    subject: str
    severity: Severity
    when: str
    lasting: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Its heading in the runbook as a link has it: `NodeGone` is `nodegone`."""
        return self.name.lower()

    @property
    def rule(self) -> dict[str, Any]:
        """The rule, as Prometheus' files have it."""
        return {
            "alert": self.name,
            "expr": re.sub(r"\s+", " ", self.when).strip(),
            "for": self.lasting,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "runbook": f"{RUNBOOK}#{self.anchor}"},
        }


def rules(alerts: Iterable[Alert]) -> dict[str, str]:
    """Prometheus' rule files, by name. Raises `ValueError` for two alerts of one name and severity."""
    by_subject: dict[str, list[Alert]] = {}
    seen: set[tuple[str, str, tuple[tuple[str, str], ...]]] = set()
    for one in alerts:
        key = (one.name, one.severity, tuple(sorted(one.labels.items())))
        if key in seen:
            raise ValueError(f"two alerts are named {one.name}, with the same severity and labels")
        seen.add(key)
        by_subject.setdefault(one.subject, []).append(one)
    return {
        f"{subject}.yaml": yaml.safe_dump(
            {"groups": [{"name": subject, "rules": [one.rule for one in found]}]}, sort_keys=False, width=120
        )
        for subject, found in by_subject.items()
    }
