"""The alerts: each asks for what something of the home tells, and a home has those of what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

import home
from components.monitoring.alerts import Alert, alerts, rules
from home import Home
from references import metrics
from tests.homes import changed
from tests.unit.components.homes import HOMELAB, homes

ROOT = Path(__file__).parents[4]
TOLD = metrics.load()


def of(*edits: dict[str, Any]) -> dict[str, Alert]:
    """The alerts of the owner's home with some edits, by name."""
    return {one.name: one for one in alerts(home.load(changed(HOMELAB, list(edits))))}


EXPIRING = of(
    {"path": "nas.addresses.tailnetKeyExpires", "set": "2030-01-31"},
    {"path": "nodes[1].addresses", "set": {"tailnetKeyExpires": "2030-02-28"}},
)


@pytest.mark.parametrize("alert", EXPIRING.values(), ids=EXPIRING)
def test_an_alert_asks_for_what_something_tells(alert: Alert) -> None:
    assert metrics.unknown(alert.when, TOLD) == []


@pytest.mark.parametrize(
    ("edit", "gone"),
    [
        ({"path": "nas", "remove": True}, {"NasUnreachable", "ShareNotServed", "ShareFull", "ShareReadOnly"}),
        ({"path": "apps.transcode", "remove": True}, {"TranscodeStuck"}),
        ({"path": "apps.immich", "remove": True}, {"ImmichQueueStuck", "ImmichDatabaseDown", "ImmichQueueDown"}),
    ],
    ids=["without a NAS", "without transcoding", "without Immich"],
)
def test_what_a_home_has_not_cant_go_wrong(edit: dict[str, Any], gone: set[str]) -> None:
    edits = [edit]
    if edit["path"] == "nas":
        edits += [{"path": f"apps.{app}.libraries", "set": []} for app in ("immich", "jellyfin")]
        edits += [{"path": "apps.transcode", "remove": True}]
        gone = gone | {"TranscodeStuck"}
    assert of().keys() - of(*edits).keys() == gone


def test_a_machine_that_is_known_to_be_away_is_not_missed() -> None:
    assert 'node!~"k3s-worker"' in of()["NodeGone"].when
    back = of({"path": "nodes[2].state", "set": "ready"})
    assert "k3s-worker" not in repr(back.values())


@given(homes())
def test_rules_are_files_that_prometheus_can_take_for_any_home(here: Home) -> None:
    found = rules(alerts(here))
    for text in found.values():
        [group] = yaml.safe_load(text)["groups"]
        assert group["rules"]
        assert all(rule["labels"]["severity"] in ("urgent", "warning", "info") for rule in group["rules"])


def test_two_alerts_of_one_name_are_refused() -> None:
    one = of()["NodeGone"]
    with pytest.raises(ValueError, match="two alerts are named NodeGone"):
        rules([one, one])


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("Pulumi.*.yaml")), ids=lambda path: path.stem)
def test_every_example_has_alerts(example: Path) -> None:
    assert alerts(home.load_file(example))
