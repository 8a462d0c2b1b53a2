"""Monitoring itself: is everything asked, are alerts sent, do logs arrive."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from components.monitoring.alerts.machines import away
from home import Home

SUBJECT = "watching"


def alerts(home: Home) -> Iterator[Alert]:
    """Those of monitoring itself."""
    yield Alert(
        "TargetDown",
        SUBJECT,
        "warning",
        f'up{{job!="probe"{away(home)}}} == 0',
        "10m",
        "{{ $labels.job }} ({{ $labels.instance }}) doesn't say how it is.",
    )
    yield Alert(
        "RulesFail",
        SUBJECT,
        "warning",
        "increase(prometheus_rule_evaluation_failures_total[15m]) > 0",
        "15m",
        "Prometheus can't work out the rules in {{ $labels.rule_group }}.",
    )
    yield Alert(
        "AlertsNotSent",
        SUBJECT,
        "warning",
        """
        increase(alertmanager_notifications_failed_total[15m]) > 0
        or increase(prometheus_notifications_dropped_total[15m]) > 0
        """,
        "15m",
        "Alerts are lost on their way; you read this because not all are.",
    )
    yield Alert(
        "LogsNotArriving",
        SUBJECT,
        "warning",
        "sum(rate(loki_distributor_lines_received_total[15m])) == 0 or absent(loki_distributor_lines_received_total)",
        "30m",
        "Loki gets no lines any more.",
    )
