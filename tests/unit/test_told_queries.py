"""Every query of the home reads what something of the home tells, and Prometheus asks as the table of that says."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from components.monitoring.alerts import Alert, alerts
from components.monitoring.dashboards import dashboards
from components.monitoring.dashboards.shape import Promql
from references import metrics
from render import evaluate, stack
from tests.homes import changed, config

ROOT = Path(__file__).parents[2]
CATALOG = metrics.load()
HOME = home.load(changed(config("homelab"), [{"path": "nas.addresses.tailnetKeyExpires", "set": "2030-01-31"}]))
ALERTS = alerts(HOME)
QUERIES = {
    (page.uid, panel.title, query)
    for page in dashboards(HOME)
    for row in page.rows
    for panel in row.panels
    for query in panel.queries
    if isinstance(query, Promql)
}


def asked(query: Promql) -> str:
    """What Grafana asks: its own variables have values then."""
    return re.sub(r"\$__\w+", "5m", query.expr)


def named(query: Promql) -> list[str]:
    return re.findall(r"{{\s*(\w+)\s*}}", query.legend)


@pytest.mark.parametrize("alert", ALERTS, ids=[one.name for one in ALERTS])
def test_an_alert_reads_what_is_told_and_names_what_it_gets(alert: Alert) -> None:
    assert metrics.unknown(alert.when, CATALOG) == []
    answered = metrics.answered(alert.when, CATALOG)
    if answered is not None:
        assert set(re.findall(r"\$labels\.(\w+)", alert.summary)) <= answered | set(alert.labels)


@pytest.mark.parametrize(("page", "panel", "query"), sorted(QUERIES, key=str))
def test_a_panel_reads_what_is_told_and_names_what_it_gets(page: str, panel: str, query: Promql) -> None:
    assert metrics.unknown(asked(query), CATALOG) == []
    answered = metrics.answered(asked(query), CATALOG)
    if answered is not None:
        assert set(named(query)) <= answered


@pytest.fixture(scope="module")
def jobs() -> dict[str, dict[str, Any]]:
    """What Prometheus asks, by the job's name, as its config file has it."""
    given = stack.read(ROOT / "Pulumi.homelab.yaml")
    rendered = evaluate(given.values, {**given.secrets, **dict.fromkeys(given.secrets, "correct horse")})
    (file,) = (
        one["data"]["prometheus.yml"]
        for one in rendered.objects
        if one["kind"] == "ConfigMap" and "prometheus.yml" in one.get("data", {})
    )
    return {one["job_name"]: one for one in yaml.safe_load(file)["scrape_configs"]}


def test_whatever_is_asked_is_in_the_table(jobs: dict[str, dict[str, Any]]) -> None:
    known = [job for app in CATALOG.apps.values() for job in app.jobs if job != "*"]
    assert [job for job in jobs if not any(fnmatchcase(job, one) for one in known)] == []
    # Promtail is the other choice of an agent for logs.
    assert [one for one in known if not any(fnmatchcase(job, one) for job in jobs)] == ["promtail"]


def test_prometheus_adds_the_labels_that_the_table_says(jobs: dict[str, dict[str, Any]]) -> None:
    for name, job in jobs.items():
        added = {"job", "instance"}
        added |= {one["target_label"] for one in job.get("relabel_configs", ()) if "target_label" in one}
        added |= {label for one in job.get("static_configs", ()) for label in one.get("labels", {})}
        added = {one for one in added if not one.startswith("__")}
        for app in CATALOG.apps.values():
            if any(job != "*" and fnmatchcase(name, job) for job in app.jobs):
                assert set(app.scraped) == added, name
