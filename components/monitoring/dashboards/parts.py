"""Panels and rows that several dashboards have: who answers, what a namespace's containers take, what they write."""

from __future__ import annotations

from components.monitoring.dashboards.shape import UP, Logql, Panel, Promql, Row, above, none_of_it

FAULTS = '| detected_level=~"error|critical|fatal"'
"""What makes a log line worth a look, in LogQL: the level that Loki found in it."""


def alerts(matching: str = "") -> Panel:
    """What is wrong now. `matching`: further matchers on the alerts' labels, each with a comma before it."""
    return Panel(
        "Alerts",
        "table",
        (Promql(f'ALERTS{{alertstate="firing"{matching}}}'),),
        width=24,
        height=6,
        columns={
            "severity": "Severity",
            "alertname": "Alert",
            "node": "Node",
            "namespace": "Namespace",
            "pod": "Pod",
            "target": "What",
        },
        empty="Nothing is wrong.",
    )


def answers(app: str) -> Row:
    """Whether an app answers, from where, and how quickly."""
    return Row(
        "Does it answer?",
        (
            Panel(
                "Now",
                "stat",
                (Promql(f'probe_success{{target="{app}"}}', "{{door}}"),),
                width=6,
                meaning=UP,
                description="From inside the cluster, and by its public name where it has one.",
            ),
            Panel(
                "Until now",
                "state-timeline",
                (Promql(f'probe_success{{target="{app}"}}', "{{door}}"),),
                width=10,
                meaning=UP,
            ),
            Panel(
                "How quickly",
                "timeseries",
                (Promql(f'probe_duration_seconds{{target="{app}"}}', "{{door}}"),),
                unit="s",
                width=8,
                steps=above(2, 5),
            ),
        ),
    )


def containers(namespace: str) -> Row:
    """What the containers of a namespace take, and how often they were started again."""
    pods = f'namespace="{namespace}"'
    within = f'{pods},container!=""'
    used = f"sum by (pod, container) (container_memory_working_set_bytes{{{within}}})"
    limit = f'sum by (pod, container) (kube_pod_container_resource_limits{{{within},resource="memory"}})'
    return Row(
        "What it takes",
        (
            Panel(
                "CPUs",
                "timeseries",
                (
                    Promql(
                        f"sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{within}}}"
                        "[$__rate_interval]))",
                        "{{pod}} {{container}}",
                    ),
                ),
                width=8,
            ),
            Panel(
                "Memory, of its limit",
                "timeseries",
                (Promql(f"{used} / {limit}", "{{pod}} {{container}}"),),
                unit="percentunit",
                width=8,
                steps=above(0.8, 0.95),
                description="The kernel ends a container that reaches its limit.",
            ),
            Panel(
                "Started again, in a day",
                "timeseries",
                (
                    Promql(
                        f"sum by (pod) (increase(kube_pod_container_status_restarts_total{{{pods}}}[1d]))", "{{pod}}"
                    ),
                ),
                width=8,
                decimals=0,
                steps=none_of_it(3),
            ),
        ),
    )


def log_lines(namespace: str) -> Row:
    """What the pods of a namespace wrote: how much of it tells of a fault, and those lines."""
    return Row(
        "What it wrote",
        (
            Panel(
                "Lines with a fault",
                "timeseries",
                (
                    Logql(
                        f'sum by (pod) (count_over_time({{namespace="{namespace}"}} {FAULTS} [$__auto]))',
                        "{{pod}}",
                    ),
                ),
                width=8,
            ),
            Panel("Those lines", "logs", (Logql(f'{{namespace="{namespace}"}} {FAULTS}'),), width=16),
        ),
    )
