"""What is wrong, and when: the home's alerts, one module a subject, each a function from the home to its alerts.

An alert says what it means in a sentence, and where the runbook has its entry (RB-006). `tests/real` tries each with
the real `promtool`: it fires when it should, and keeps silent when it shouldn't.
"""

from __future__ import annotations

from components.monitoring.alerts import apps, backups, cluster, doors, gpus, machines, storage, watching
from components.monitoring.alerts.alert import RUNBOOK, Alert, Severity, rules
from home import Home

SUBJECTS = (machines, cluster, storage, gpus, apps, doors, backups, watching)

__all__ = ["RUNBOOK", "SUBJECTS", "Alert", "Severity", "alerts", "rules"]


def alerts(home: Home) -> tuple[Alert, ...]:
    """Every alert of this home; what it has not got can't go wrong."""
    return tuple(one for subject in SUBJECTS for one in subject.alerts(home))
