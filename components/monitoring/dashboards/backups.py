"""Backups: when each was made for the last time, and those that went wrong."""

from __future__ import annotations

from typing import Final

from components.monitoring.dashboards.shape import Dashboard, Panel, Promql, Row, above, none_of_it
from home import Home

UID = "home-backups"
NAMESPACE: Final = "backups"

_OWN = f'namespace="{NAMESPACE}"'


def dashboard(home: Home) -> Dashboard:
    """In every home: one without backups is told so."""
    return Dashboard(
        uid=UID,
        title="Backups",
        folder="Operation",
        tags=("backups",),
        rows=(
            Row(
                "The last ones",
                (
                    Panel(
                        "Made, how long ago",
                        "bargauge",
                        (Promql(f"time() - kube_cronjob_status_last_successful_time{{{_OWN}}}", "{{cronjob}}"),),
                        unit="s",
                        steps=above(30 * 3600, 50 * 3600),
                        empty="No backup has been made.",
                    ),
                    Panel(
                        "Failed",
                        "stat",
                        (Promql(f'sum(kube_job_failed{{{_OWN},condition="true"}})'),),
                        width=4,
                        steps=none_of_it(),
                        empty="none",
                    ),
                    Panel(
                        "Switched off",
                        "stat",
                        (Promql(f"sum(kube_cronjob_spec_suspend{{{_OWN}}})"),),
                        width=4,
                        steps=none_of_it(),
                        empty="none",
                    ),
                    Panel(
                        "Running",
                        "stat",
                        (Promql(f"sum(kube_job_status_active{{{_OWN}}})"),),
                        width=4,
                        empty="none",
                    ),
                    Panel(
                        "How long each took",
                        "timeseries",
                        (
                            Promql(
                                f"kube_job_status_completion_time{{{_OWN}}} - kube_job_status_start_time{{{_OWN}}}",
                                "{{job_name}}",
                            ),
                        ),
                        unit="s",
                        width=24,
                    ),
                ),
            ),
        ),
        span="7d",
    )
