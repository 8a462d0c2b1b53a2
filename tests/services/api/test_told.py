"""What the service tells Prometheus is what dashboards and alerts may ask for: references/metrics.yaml."""

from __future__ import annotations

from brain.metrics import Metrics
from brain.verdict import Verdict
from references import metrics


def test_the_table_lists_what_is_told_with_its_labels() -> None:
    told = Metrics()
    told.answered("/", "GET", 200, 0.1)
    told.looked("immich", Verdict.HEALTHY, 1.0)
    found = {
        family.name + ("_total" if family.type == "counter" else ""): (
            family.type,
            {label for sample in family.samples for label in sample.labels} - {"le"},
        )
        for family in told.registry.collect()
    }
    listed = metrics.load().apps["api"].metrics
    assert {name: (one.type, set(one.labels or ())) for name, one in listed.items()} == found
