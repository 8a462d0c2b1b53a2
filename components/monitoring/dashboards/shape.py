"""What a dashboard is: rows of panels as plain, frozen data, and the JSON that Grafana reads of it.

The JSON is of Grafana's classic schema, which file provisioning takes (grafana/grafana-foundation-sdk,
models/dashboard.py and one module for each type of panel). Where a panel stands follows from the order and the widths
of those before it. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Json = dict[str, Any]

TAG: Final = "homebrain"
"""Every dashboard of the home has it, and links to all others that do."""

PROMETHEUS: Final = "prometheus"
LOKI: Final = "loki"
ALERTMANAGER: Final = "alertmanager"
"""The data sources: type and uid are one word."""

# The newest version of the classic schema: Grafana has nothing to migrate.
_SCHEMA_VERSION: Final = 42
_COLUMNS: Final = 24
_REFERENCES: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Colour = Literal["green", "yellow", "orange", "red", "blue", "text", "transparent"]
Steps = tuple[tuple[float | None, Colour], ...]
"""From which value on a figure has which colour; the first step has none and is for all below the second."""


def above(warning: float, wrong: float) -> Steps:
    """For a figure of which more is worse."""
    return ((None, "green"), (warning, "orange"), (wrong, "red"))


def below(warning: float, wrong: float) -> Steps:
    """For a figure of which less is worse: red under `wrong`, orange under `warning`."""
    return ((None, "red"), (wrong, "orange"), (warning, "green"))


def at_least(right: float) -> Steps:
    """For a figure that is red under `right`."""
    return ((None, "red"), (right, "green"))


def none_of_it(wrong: float = 1) -> Steps:
    """For a figure that is red from `wrong` on."""
    return ((None, "green"), (wrong, "red"))


UP: Final[Mapping[int, tuple[str, Colour]]] = {0: ("doesn't answer", "red"), 1: ("answers", "green")}
"""What 0 and 1 mean of something that is asked."""


@dataclass(frozen=True)
class Promql:
    """A query to Prometheus. `legend` names a series by its labels, as in `{{node}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Logql:
    """A query to Loki: log lines, or a figure made of them."""

    expr: str
    legend: str = ""


Query = Promql | Logql
Kind = Literal["timeseries", "stat", "bargauge", "table", "state-timeline", "logs"]


@dataclass(frozen=True)
class Panel:
    """One picture of what its queries answer; all of them ask the same data source.

    unit: as Grafana names it (`percentunit`, `bytes`, `s`, …). width: in 24ths of the page, height in its lines. steps:
    colours by value. meaning: words by value. lowest, highest: where the axis ends, None where the figures do; parts of
    a whole end at 1. columns: of a table, the labels to show, with their titles. link: the uid of the dashboard that
    tells more. empty: what stands there without an answer.
    """

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 12
    height: int = 8
    description: str = ""
    steps: Steps = ()
    meaning: Mapping[int, tuple[str, Colour]] = field(default_factory=dict)
    lowest: float | None = 0
    highest: float | None = None
    decimals: int | None = None
    stacked: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    link: str | None = None
    empty: str = ""

    def __post_init__(self) -> None:
        if not self.queries or len({type(one) for one in self.queries}) > 1:
            raise ValueError(f'the panel "{self.title}" needs queries, all to one data source')
        if not 0 < self.width <= _COLUMNS:
            raise ValueError(f'the panel "{self.title}" is {self.width} wide; a page is {_COLUMNS}')

    @property
    def source(self) -> str:
        """The uid of the data source."""
        return PROMETHEUS if isinstance(self.queries[0], Promql) else LOKI


@dataclass(frozen=True)
class Row:
    """Panels that belong together, below a title."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """Something that the reader chooses, `$name` in queries: one or more of `choices`; else of the values that the log
    label `label` has; else a text that they type."""

    name: str
    title: str
    choices: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Dashboard:
    """One page. `uid` is its address and never changes; `span` is how much of the past it shows first."""

    uid: str
    title: str
    folder: str
    rows: tuple[Row, ...]
    tags: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    span: str = "6h"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of all rows."""
        return tuple(panel for row in self.rows for panel in row.panels)


def to_json(dashboard: Dashboard) -> Json:
    """What Grafana reads."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": [TAG, *dashboard.tags],
        "schemaVersion": _SCHEMA_VERSION,
        # It comes with the program: what is changed on the page would be gone with the next version.
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": f"now-{dashboard.span}", "to": "now"},
        "templating": {"list": [_variable(one) for one in dashboard.variables]},
        "links": [
            {
                "title": "The home",
                "type": "dashboards",
                "tags": [TAG],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": False,
                "targetBlank": False,
                "icon": "dashboard",
                "tooltip": "",
                "url": "",
            }
        ],
        "panels": list(_placed(dashboard.rows)),
    }


def _placed(rows: tuple[Row, ...]) -> Iterator[Json]:
    """Rows and panels in reading order, each with its place: beside the one before it while there is room."""
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [], "gridPos": place}
        top, left, tallest = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                top, left, tallest = top + tallest, 0, 0
            number += 1
            yield _panel(panel, number, {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest


def _panel(panel: Panel, number: int, place: Json) -> Json:
    document: Json = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": _source(panel.source),
        "targets": [_target(panel, *one) for one in zip(_REFERENCES, panel.queries, strict=False)],
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
        "options": _options(panel),
    }
    if panel.link:
        document["links"] = [{"title": "More", "type": "link", "url": f"/d/{panel.link}", "keepTime": True}]
    if panel.columns:
        document["transformations"] = [
            {"id": "merge", "options": {}},
            {"id": "filterFieldsByName", "options": {"include": {"names": list(panel.columns)}}},
            {
                "id": "organize",
                "options": {
                    "indexByName": {name: index for index, name in enumerate(panel.columns)},
                    "renameByName": dict(panel.columns),
                },
            },
        ]
    return document


def _source(uid: str) -> Json:
    return {"type": uid, "uid": uid}


def _target(panel: Panel, reference: str, query: Query) -> Json:
    target: Json = {"refId": reference, "datasource": _source(panel.source), "expr": query.expr, "editorMode": "code"}
    if query.legend:
        target["legendFormat"] = query.legend
    if isinstance(query, Logql):
        return target | {"queryType": "range"}
    # A figure of now is asked for once, not for each point of the past.
    now = panel.kind in ("table", "bargauge")
    return target | {"instant": now, "range": not now, "format": "table" if panel.kind == "table" else "time_series"}


def _field(panel: Panel) -> Json:
    document: Json = {
        "unit": panel.unit,
        "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": value, "color": colour} for value, colour in panel.steps or ((None, "text"),)],
        },
        "mappings": [],
    }
    if panel.meaning:
        words = {str(value): {"text": text, "color": colour} for value, (text, colour) in panel.meaning.items()}
        document["mappings"] = [{"type": "value", "options": words}]
    highest = 1 if panel.unit == "percentunit" and panel.highest is None else panel.highest
    for key, value in (("min", panel.lowest), ("max", highest), ("decimals", panel.decimals)):
        if value is not None:
            document[key] = value
    if panel.empty:
        document["noValue"] = panel.empty
    if panel.kind == "timeseries":
        document["custom"] = {
            "fillOpacity": 30 if panel.stacked else 10,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if panel.steps else "off"},
        }
    elif panel.kind == "state-timeline":
        document["custom"] = {"fillOpacity": 70, "lineWidth": 0}
    return document


_NEWEST: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _options(panel: Panel) -> Json:
    match panel.kind:
        case "timeseries":
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        case "stat":
            return {
                "colorMode": "value",
                "graphMode": "none" if panel.meaning else "area",
                "textMode": "auto",
                "reduceOptions": _NEWEST,
            }
        case "bargauge":
            return {"displayMode": "basic", "orientation": "horizontal", "reduceOptions": _NEWEST}
        case "table":
            return {"showHeader": True, "cellHeight": "sm"}
        case "state-timeline":
            return {
                "showValue": "never",
                "mergeValues": True,
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
            }
        case "logs":
            return {
                "showTime": True,
                "wrapLogMessage": True,
                "enableLogDetails": True,
                "sortOrder": "Descending",
                "dedupStrategy": "none",
                "prettifyLogMessage": False,
                "showLabels": False,
                "showCommonLabels": False,
            }


_EVERY: Final[Json] = {"multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}


def _variable(variable: Variable) -> Json:
    document: Json = {"name": variable.name, "label": variable.title, "hide": 0}
    if variable.choices:
        return document | {"type": "custom", "query": ",".join(variable.choices), **_EVERY}
    if variable.label:
        # `type` 1: the values of a label. Loki refuses a selector that matches streams without it: "all" is any value.
        query = {"label": variable.label, "stream": "", "type": 1, "refId": variable.name}
        source = {"datasource": _source(LOKI), "refresh": 1, "sort": 1, "allValue": ".+"}
        return document | {"type": "query", "query": query, **source, **_EVERY}
    return document | {"type": "textbox", "query": "", "current": {"text": "", "value": ""}}
