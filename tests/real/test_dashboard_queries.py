"""Prometheus' own parser, at the version that the home runs, reads what the dashboards ask it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

import home
from components.monitoring.dashboards import dashboards
from components.monitoring.dashboards.shape import Promql
from tests.real.monitoring_tools import ROOT, program

pytestmark = pytest.mark.engine

ASKED = [
    # Grafana's own variable has a value by then.
    query.expr.replace("$__rate_interval", "2m")
    for dashboard in dashboards(home.load_file(str(ROOT / "Pulumi.homelab.yaml")))
    for panel in dashboard.panels
    for query in panel.queries
    if isinstance(query, Promql)
]


def judged(expressions: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """What promtool says of rules that record each expression."""
    rules = [{"record": f"panel_{number}", "expr": one} for number, one in enumerate(expressions)]
    file = folder / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    return subprocess.run([program("promtool"), "check", "rules", file], capture_output=True, text=True, timeout=30)


def test_prometheus_reads_every_query_of_the_dashboards(tmp_path: Path) -> None:
    said = judged(ASKED, tmp_path)
    assert said.returncode == 0, said.stderr
    assert f"{len(ASKED)} rules found" in said.stdout


def test_prometheus_refuses_a_query_that_is_none(tmp_path: Path) -> None:
    assert judged([*ASKED, "sum by node (up)"], tmp_path).returncode != 0
