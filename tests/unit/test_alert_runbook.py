"""RB-006 and the alerts keep step: each has its entry there, and there is no entry without one."""

from __future__ import annotations

import re
from pathlib import Path

import home
from components.monitoring.alerts import RUNBOOK, alerts
from tests.homes import changed, config

ROOT = Path(__file__).parents[2]


def test_every_alert_has_its_entry_in_the_runbook_and_the_other_way_round() -> None:
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    entries = re.findall(r"^### (\w+)$", page.partition("\n## Alerts\n")[2], re.M)
    here = changed(config("homelab"), [{"path": "nas.addresses.tailnetKeyExpires", "set": "2030-01-31"}])
    known = [one.name for one in alerts(home.load(here))]
    assert entries == known


def test_an_entry_says_more_than_its_name() -> None:
    page = (ROOT / RUNBOOK).read_text(encoding="utf-8")
    for entry in re.split(r"^### ", page.partition("\n## Alerts\n")[2], flags=re.M)[1:]:
        name, _, text = entry.partition("\n")
        assert len(text.split()) >= 12, name
