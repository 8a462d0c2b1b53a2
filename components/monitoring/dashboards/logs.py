"""What pods and machines wrote: lines to search in, and whether they all arrive."""

from __future__ import annotations

from typing import Final

from components.monitoring.dashboards import parts
from components.monitoring.dashboards.shape import Dashboard, Logql, Panel, Promql, Row, Variable, none_of_it
from home import Home

UID = "home-logs"

_CHOSEN = '{namespace=~"$namespace"}'
_FAULTS = '{job="journal", level=~"emerg|alert|crit|err.*"}'
_DROPPED: Final = {"alloy": "loki_write_dropped_entries_total", "promtail": "promtail_dropped_entries_total"}


def dashboard(home: Home) -> Dashboard:
    """A place to search, above all."""
    agent = home.apps.monitoring.logs.agent if home.apps.monitoring else "alloy"
    return Dashboard(
        uid=UID,
        title="Logs",
        folder="Operation",
        tags=("logs",),
        variables=(Variable("namespace", "Namespace", label="namespace"), Variable("search", "Containing")),
        rows=(
            Row(
                "Pods",
                (
                    Panel(
                        "Lines",
                        "timeseries",
                        (
                            Logql(
                                f"sum by (namespace) (count_over_time({_CHOSEN} |= `$search` [$__auto]))",
                                "{{namespace}}",
                            ),
                        ),
                        stacked=True,
                    ),
                    Panel(
                        "Lines with a fault",
                        "timeseries",
                        (
                            Logql(
                                f"sum by (pod) (count_over_time({_CHOSEN} |= `$search` {parts.FAULTS} [$__auto]))",
                                "{{pod}}",
                            ),
                        ),
                        stacked=True,
                    ),
                    Panel("What they wrote", "logs", (Logql(f"{_CHOSEN} |= `$search`"),), width=24, height=14),
                ),
            ),
            Row(
                "Machines",
                (
                    Panel(
                        "Lines with a fault",
                        "timeseries",
                        (Logql(f"sum by (node) (count_over_time({_FAULTS} |= `$search` [$__auto]))", "{{node}}"),),
                        width=8,
                        stacked=True,
                    ),
                    Panel("Those lines", "logs", (Logql(f"{_FAULTS} |= `$search`"),), width=16),
                ),
            ),
            Row("On the way", _on_the_way(agent)),
        ),
        span="1h",
    )


def _on_the_way(agent: str) -> tuple[Panel, ...]:
    return (
        Panel(
            "Arrived",
            "timeseries",
            (Promql("sum(rate(loki_distributor_bytes_received_total[$__rate_interval]))", "bytes"),),
            unit="Bps",
            width=8,
        ),
        Panel(
            "Refused by Loki, since it was started",
            "timeseries",
            (Promql("sum by (reason) (loki_discarded_samples_total)", "{{reason}}"),),
            width=8,
            steps=none_of_it(),
            empty="none",
        ),
        Panel(
            "Given up by who reads them",
            "timeseries",
            (Promql(f"sum by (node) (increase({_DROPPED[agent]}[$__rate_interval]))", "{{node}}"),),
            width=8,
            steps=none_of_it(),
        ),
    )
