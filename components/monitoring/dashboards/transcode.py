"""The worker that makes videos smaller: its jobs, and the card that it works on."""

from __future__ import annotations

from typing import Final

from components.monitoring.dashboards import parts
from components.monitoring.dashboards.shape import Dashboard, Panel, Promql, Row, none_of_it
from home import Home

UID = "home-transcode"
NAMESPACE: Final = "transcode"

_OWN = f'namespace="{NAMESPACE}"'


def dashboard(home: Home) -> Dashboard:
    """What it does now, and what went wrong."""
    app = home.apps.transcode
    node = f'{{node="{app.node}"}}' if app and app.node else ""
    jobs = (
        Panel("Running", "stat", (Promql(f"sum(kube_job_status_active{{{_OWN}}})"),), width=4, empty="none"),
        Panel(
            "Failed",
            "stat",
            (Promql(f'sum(kube_job_failed{{{_OWN},condition="true"}})'),),
            width=4,
            steps=none_of_it(),
            empty="none",
        ),
        Panel(
            "How long each has been at it",
            "timeseries",
            (
                Promql(
                    f"time() - kube_job_status_start_time{{{_OWN}}} and on (namespace, job_name)"
                    f" kube_job_status_active{{{_OWN}}} > 0",
                    "{{job_name}}",
                ),
            ),
            unit="s",
            width=16,
            description="One that goes on for a day is stuck.",
        ),
    )
    card = (
        Panel(
            "Encoding",
            "timeseries",
            (Promql(f"nvidia_smi_utilization_encoder_ratio{node}", "{{node}}"),),
            unit="percentunit",
            width=8,
            link="home-gpu",
        ),
        Panel(
            "Videos at once",
            "timeseries",
            (Promql(f"nvidia_smi_encoder_stats_session_count{node}", "{{node}}"),),
            width=8,
            decimals=0,
        ),
        Panel(
            "Frames in a second",
            "timeseries",
            (Promql(f"nvidia_smi_encoder_stats_average_fps{node}", "{{node}}"),),
            width=8,
            description="The mean of all that the card encodes.",
        ),
    )
    return Dashboard(
        uid=UID,
        title="Transcode",
        folder="Apps",
        tags=("apps",),
        rows=(
            Row("Jobs", jobs),
            *([Row("The card", card)] if app and app.gpu else []),
            parts.containers(NAMESPACE),
            parts.log_lines(NAMESPACE),
        ),
        span="24h",
    )
