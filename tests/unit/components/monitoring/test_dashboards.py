"""The dashboards: Grafana can read them, their queries can be asked, and a home has those of what it has."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given

import home
from components.monitoring import grafana
from components.monitoring.dashboards import HOME_PAGE, checked, dashboards, files, overview
from components.monitoring.dashboards.shape import (
    Dashboard,
    Logql,
    Panel,
    Promql,
    Row,
    Variable,
    above,
    at_least,
    below,
    none_of_it,
    to_json,
)
from home import Home
from references import metrics
from tests.homes import changed
from tests.unit.components.homes import HOMELAB, homes
from tests.unit.components.monitoring.grafana_schema import faults

ROOT = Path(__file__).parents[4]
EXAMPLES = sorted((ROOT / "examples").glob("Pulumi.*.yaml"))


def homelab(*edits: dict[str, Any]) -> Home:
    return home.load(changed(HOMELAB, list(edits)))


TOLD = metrics.load()
HOMELABS = dashboards(homelab())
WITH_PROMTAIL = dashboards(homelab({"path": "apps.monitoring.logs.agent", "set": "promtail"}))


def uids(of: Home) -> set[str]:
    return {one.uid for one in dashboards(of)}


def queries(kind: type) -> Iterator[Any]:
    """Every query of a kind, on any dashboard, under a name that says where."""
    for dashboard in HOMELABS + tuple(one for one in WITH_PROMTAIL if one not in HOMELABS):
        for panel in dashboard.panels:
            for query in panel.queries:
                if isinstance(query, kind):
                    yield pytest.param(query, id=f"{dashboard.uid}: {panel.title}")


@pytest.mark.parametrize("dashboard", HOMELABS, ids=lambda one: one.uid)
def test_grafanas_schema_has_nothing_against_a_dashboard(dashboard: Dashboard) -> None:
    assert faults(to_json(dashboard)) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("panels", 1, "type"), "graph"),
        (("panels", 1, "options", "colour"), "value"),
        (("panels", 1, "options", "colorMode"), "rainbow"),
        (("panels", 1, "gridPos", "w"), "wide"),
        (("panels", 1, "fieldConfig", "defaults", "thresholds", "steps", 0, "color"), 1),
        (("panels", 1, "targets", 0, "instant"), "yes"),
        (("links", 0, "type"), "door"),
        (("templating", "list"), [{"name": "node", "type": "wish"}]),
    ],
)
def test_the_judge_of_dashboards_sees_what_is_wrong(place: tuple[Any, ...], value: Any) -> None:
    document = to_json(overview.dashboard(homelab()))
    assert faults(document) == []
    holder: Any = document
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    assert faults(document)


def asked(expr: str) -> str:
    """What Grafana asks: its own variables have values then."""
    return expr.replace("$__rate_interval", "2m")


@pytest.mark.parametrize("query", list(queries(Promql)))
def test_something_of_the_home_tells_what_a_query_asks_for(query: Promql) -> None:
    assert metrics.unknown(asked(query.expr), TOLD) == []


@pytest.mark.parametrize("query", list(queries(Promql)))
def test_a_series_is_named_by_labels_that_the_answer_has(query: Promql) -> None:
    left = metrics.answered(asked(query.expr), TOLD)
    assert left is None or set(re.findall(r"{{(\w+)}}", query.legend)) <= left


def test_the_columns_of_a_table_are_labels_that_the_answer_has() -> None:
    tables = [panel for one in HOMELABS for panel in one.panels if panel.columns]
    assert tables
    for panel in tables:
        left = metrics.answered(asked(panel.queries[0].expr), TOLD)
        assert left is None or set(panel.columns) <= {*left, "Value"}, panel.title


# A selector that doesn't match everything, which Loki refuses; then filters of lines.
_MATCHER = r'[a-z_]+(=|=~)"[^"]+"'
_LINES = rf"\{{{_MATCHER}(, ?{_MATCHER})*\}}( \|= `[^`]+`| \| {_MATCHER})*"
_COUNTED = rf"sum( by \([a-z_, ]+\) )?\(count_over_time\({_LINES} \[\$__auto\]\)\)"
_LOGQL = re.compile(f"{_LINES}|{_COUNTED}")


@pytest.mark.parametrize("query", list(queries(Logql)))
def test_a_log_query_has_a_form_that_loki_takes(query: Logql) -> None:
    assert _LOGQL.fullmatch(query.expr)


@pytest.mark.parametrize("dashboard", HOMELABS, ids=lambda one: one.uid)
def test_queries_use_no_variable_that_the_page_lacks(dashboard: Dashboard) -> None:
    text = " ".join(query.expr for panel in dashboard.panels for query in panel.queries)
    used = set(re.findall(r"(?<![\w\\])\$(?!__)([a-z]+)", text))
    assert used == {one.name for one in dashboard.variables}


def test_every_query_goes_to_a_source_that_is_there() -> None:
    known = {(one["uid"], one["type"]) for one in yaml.safe_load(grafana.sources())["datasources"]}
    for dashboard in HOMELABS:
        for panel in to_json(dashboard)["panels"]:
            for one in [panel, *panel.get("targets", [])]:
                if "datasource" in one:
                    assert (one["datasource"]["uid"], one["datasource"]["type"]) in known


def test_links_lead_to_dashboards_that_the_home_has() -> None:
    for of in (homelab(), *(home.load_file(str(path)) for path in EXAMPLES)):
        found = dashboards(of)
        assert {panel.link for one in found for panel in one.panels if panel.link} <= {one.uid for one in found}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda one: one.stem)
def test_every_example_has_dashboards(path: Path) -> None:
    found = dashboards(home.load_file(str(path)))
    assert HOME_PAGE in {one.uid for one in found}
    for one in found:
        assert faults(to_json(one)) == []


def test_a_home_has_the_dashboards_of_what_it_has() -> None:
    always = {"home-overview", "home-nodes", "home-storage", "home-doors", "home-logs", "home-backups"}
    every = always | {"home-gpu", "home-immich", "home-jellyfin", "home-transcode"}
    assert uids(homelab()) == every
    for app in ("immich", "jellyfin", "transcode"):
        assert uids(homelab({"path": f"apps.{app}", "remove": True})) == every - {f"home-{app}"}


def test_a_home_without_gpus_hears_nothing_of_them() -> None:
    of = home.load_file(str(ROOT / "examples" / "Pulumi.raspberry-pis.yaml"))
    assert not of.gpu_nodes
    assert "home-gpu" not in uids(of)
    assert "nvidia" not in json.dumps([to_json(one) for one in dashboards(of)])


def test_a_home_without_a_nas_hears_nothing_of_it() -> None:
    of = home.load_file(str(ROOT / "examples" / "Pulumi.no-nas.yaml"))
    assert '\\"nas\\"' not in json.dumps([to_json(one) for one in dashboards(of)])


def test_the_doors_page_shows_the_doors_that_there_are() -> None:
    of = home.load_file(str(ROOT / "examples" / "Pulumi.tailnet-only.yaml"))
    text = json.dumps([to_json(one) for one in dashboards(of)])
    assert "tailscaled" in text
    assert "cloudflared" not in text


def test_a_node_that_is_known_not_to_answer_is_named_and_not_counted() -> None:
    ready = next(one for one in overview.dashboard(homelab()).panels if one.title == "Nodes that are ready")
    assert ready.steps == at_least(2)
    assert "k3s-worker" in ready.description


def test_two_dashboards_with_one_uid_are_refused_by_name() -> None:
    first = overview.dashboard(homelab())
    second = dataclasses.replace(first, title="Another")
    with pytest.raises(ValueError, match=r'"The home" and "Another" have the same uid "home-overview"'):
        checked([first, second])


def test_a_panel_without_queries_or_with_two_sources_is_refused() -> None:
    with pytest.raises(ValueError, match='"Empty" needs queries'):
        Panel("Empty", "stat", ())
    with pytest.raises(ValueError, match='"Both" needs queries, all to one data source'):
        Panel("Both", "stat", (Promql("up"), Logql('{a="b"}')))
    with pytest.raises(ValueError, match="25 wide"):
        Panel("Wide", "stat", (Promql("up"),), width=25)


def area(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return {(column, line) for column in columns for line in lines}


@given(homes())
def test_no_panel_lies_on_another_or_beside_the_page(of: Home) -> None:
    for dashboard in dashboards(of):
        found = to_json(dashboard)["panels"]
        assert all(column < 24 for one in found for column, _ in area(one))
        for one, other in combinations(found, 2):
            assert not area(one) & area(other), (dashboard.uid, one["title"], other["title"])
        assert len({one["id"] for one in found}) == len(found)


def test_a_panel_that_has_no_room_beside_the_last_goes_below_the_tallest() -> None:
    tall, low, next_one = (Panel(str(height), "stat", (Promql("up"),), width=10, height=height) for height in (8, 4, 2))
    found = to_json(Dashboard("uid", "Title", "Folder", (Row("Row", (tall, low, next_one)),)))["panels"]
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in found]
    assert places == [(0, 0), (0, 1), (10, 1), (0, 9)]


def test_uids_are_short_and_of_the_letters_that_an_address_takes() -> None:
    assert all(re.fullmatch(r"[a-z][a-z-]{0,39}", one.uid) for one in HOMELABS)


def test_files_are_the_same_each_time_and_small_enough_for_a_config_map() -> None:
    found = files(HOMELABS)
    assert found == files(dashboards(homelab()))
    assert all(sum(map(len, content.values())) < 2**19 for content in found.values())


@given(homes())
def test_dashboards_name_nobody(of: Home) -> None:
    text = json.dumps([to_json(one) for one in dashboards(of)])
    assert not [one for one in of.people if one.email in text or one.name in text]


def colour(steps: tuple[tuple[float | None, str], ...], value: float) -> str:
    """As Grafana colours: the last step that the value has reached."""
    return [colour for start, colour in steps if start is None or start <= value][-1]


def test_more_is_worse_or_less_is() -> None:
    assert [colour(above(5, 9), value) for value in (1, 5, 9)] == ["green", "orange", "red"]
    assert [colour(below(9, 5), value) for value in (10, 8, 4)] == ["green", "orange", "red"]
    assert [colour(at_least(3), value) for value in (2, 3)] == ["red", "green"]
    assert [colour(none_of_it(), value) for value in (0, 1)] == ["green", "red"]


def test_variables_are_chosen_from_what_the_home_says_or_what_loki_knows() -> None:
    chosen, known, typed = to_json(
        Dashboard(
            "uid",
            "Title",
            "Folder",
            (),
            variables=(Variable("a", "A", ("x", "y")), Variable("b", "B", label="namespace"), Variable("c", "C")),
        )
    )["templating"]["list"]
    assert (chosen["type"], chosen["query"]) == ("custom", "x,y")
    assert (known["type"], known["query"]["label"], known["datasource"]["uid"]) == ("query", "namespace", "loki")
    assert typed["type"] == "textbox"
