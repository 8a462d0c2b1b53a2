"""What a PromQL expression reads, and the table of what is told: a wrong name or label is found, a right one never."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from references import metrics
from references.metrics import Catalog, Matcher, Selector

HOME = metrics.load()

SMALL = Catalog.model_validate(
    {
        "sources": {"s": {"where": "somewhere", "trust": "general knowledge"}},
        "apps": {
            "disks": {
                "version": "1",
                "jobs": ["disks"],
                "metrics": {
                    "free": {"type": "gauge", "labels": ["disk"], "source": "s"},
                    "size": {"type": "gauge", "labels": ["disk", "kind"], "source": "s"},
                    "asked": {"type": "counter", "labels": ["code"], "source": "s"},
                    "took": {"type": "histogram", "labels": ["code"], "source": "s"},
                    "odd": {"type": "gauge", "labels": None, "source": "s"},
                },
            },
            "doors": {
                "version": "1",
                "jobs": ["door-*"],
                "scraped": ["job"],
                "metrics": {
                    "open": {"type": "gauge", "source": "s"},
                    "asked": {"type": "counter", "labels": ["who"], "source": "s"},
                    "waits": {"type": "summary", "source": "s"},
                },
            },
        },
    }
)


def reads(expression: str) -> set[str]:
    return {str(one) for one in metrics.selected(expression)}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("free", {"free"}),
        ("1 + 2", set()),
        ("time() - free", {"free"}),
        ('free{disk="a", kind!~"b|c"}', {'free{disk="a", kind!~"b|c"}'}),
        ("rate(asked[5m])", {"asked"}),
        ("max_over_time(rate(asked[5m])[1h:1m])", {"asked"}),
        ("free offset 1d", {"free"}),
        ("free @ 1700000000 + size @ end()", {"free", "size"}),
        ("free / on (disk) group_left (kind) size", {"free", "size"}),
        ('absent(free{disk="a"}) or vector(0)', {'free{disk="a"}'}),
        ("predict_linear(free[6h], 86400) < 0", {"free"}),
        ("histogram_quantile(0.9, sum by (le) (rate(took_bucket[5m])))", {"took_bucket"}),
        ("topk(scalar(open), size)", {"open", "size"}),
        ("-(free unless size)", {"free", "size"}),
        ('label_replace(free, "to", "$1", "disk", "(.*)")', {"free"}),
        ('{__name__="free", disk="a"}', {'free{disk="a"}'}),
        ('{"free", disk="a"}', {'free{disk="a"}'}),
        ('{__name__=~"node_.+"}', {'{__name__=~"node_.+"}'}),
        ("free  # as of now\n", {"free"}),
    ],
)
def test_an_expression_reads_what_stands_in_it_wherever_that_is(expression: str, expected: set[str]) -> None:
    assert reads(expression) == expected


def test_a_selector_says_its_name_and_its_conditions() -> None:
    assert metrics.selected('free{disk="a"} + free') == {
        Selector("free", frozenset({Matcher("disk", "=", "a")})),
        Selector("free", frozenset()),
    }


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "no expression"),
        ("rate(free", "unclosed left parenthesis"),
        ("rate(free)", "expected type matrix"),
        ("sum(free[5m])", "expected type vector"),
        ("rote(free[5m])", "unknown function"),
        ("free{disk=a}", "a"),
        ("sum(\n  free", r"sum\( free: "),
        ('free{disk="a" or disk="b"}', "can't be joined by `or`"),
        ('{__name__=~"(free"}', "regex"),
    ],
)
def test_what_is_no_promql_is_refused_with_the_expression_and_the_reason(expression: str, why: str) -> None:
    for reader in (metrics.selected, lambda text: metrics.unknown(text, SMALL)):
        with pytest.raises(ValueError, match=why) as refused:
            reader(expression)
        assert " ".join(expression.split()) in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("fre", 'nothing tells fre; did you mean "free"?'),
        ("up", "nothing tells up"),
        ("took", 'nothing tells took; did you mean "took_sum"?'),
        ('{__name__=~"fee.*"}', 'nothing tells any metric that {__name__=~"fee.*"} would read'),
        (
            'open{jo="a"}',
            'open{jo="a"}: it has no label "jo", only job; did you mean "job"?',
        ),
        ('{__name__=~"free|size", code="1"}', 'it has no label "code"'),
        ('free{job="doors"}', 'free{job="doors"}: no such job tells it, only disks'),
        ('free{job=~"door.*"}', "no such job tells it, only disks"),
        ('open{job="doors"}', 'no such job tells it, only door-*; did you mean "door-*"?'),
        ("sum by (kind) (free)", 'sum by (kind): what is within has no label "kind"'),
        ("sum without (kind) (free)", 'sum without (kind): what is within has no label "kind"'),
        ("sum by (disk) (sum by (node) (free))", 'sum by (disk): what is within has no label "disk", only node'),
        ("sum by (disk) (sum without (disk) (free))", 'what is within has no label "disk"'),
        ("sum by (disk) (sum(free))", 'what is within has no label "disk", and no other'),
        ("sum by (le) (rate(took_count[5m]))", 'what is within has no label "le"'),
        ("sum by (le) (histogram_quantile(0.9, took_bucket))", 'what is within has no label "le"'),
        ("free / on (kind) size", '/ on (kind): what is to its left has no label "kind"'),
        ("size / on (kind) free", '/ on (kind): what is to its right has no label "kind"'),
        ("size / ignoring (code) free", '/ ignoring (code): either side has no label "code"'),
        ("free * on (disk) group_left (code) size", 'group_left (code): what is to its right has no label "code"'),
        ("free * on (disk) group_right (kind) size", "group_right (kind): what is to its left"),
        ("sum by (node) (free * on (disk) size)", 'what is within has no label "node", only disk'),
        ("sum by (kind) (free and size)", 'what is within has no label "kind"'),
        ('label_replace(free, "to", "$1", "kind", "(.*)")', 'label_replace: its first argument has no label "kind"'),
        ('sort_by_label(free, "kind")', 'sort_by_label: its first argument has no label "kind"'),
        ("topk(scalar(fre), free)", "nothing tells fre"),
        ("max_over_time(rate(askd[5m])[1h:1m])", "nothing tells askd"),
    ],
)
def test_what_is_not_there_is_said_once_with_what_is(expression: str, problem: str) -> None:
    (found,) = metrics.unknown(expression, SMALL)
    assert problem in found


@pytest.mark.parametrize(
    "expression",
    [
        'free{disk="a", node!="b", job="disks"}',
        'open{job="door-a"} + open{job=~"door-a|b"}',
        'asked{who="a"} or asked{code="500"}',
        "sum by (disk, kind) (size)",
        "sum by (kind) (free * on (disk) group_left (kind) size)",
        "sum by (kind) (free * on (disk) group_right () size)",
        "sum by (kind) (free or size)",
        "sum by (disk) (2 * free > bool 1)",
        "sum by (disk) (topk by (node) (1, free))",
        'sum by (to) (label_replace(free, "to", "$1", "disk", "(.*)"))',
        'sum by (to) (label_join(free, "to", "-", "disk", "node"))',
        'sum by (v) (count_values("v", free))',
        "histogram_quantile(0.9, sum by (le, code) (rate(took_bucket[5m])))",
        'waits{quantile="0.5"} + waits_sum / waits_count',
        'sum by (anything) (odd{whatever="a"})',
        "sum by (anything) (odd * free)",
    ],
)
def test_what_is_there_is_no_problem(expression: str) -> None:
    assert metrics.unknown(expression, SMALL) == []


def test_what_a_rule_records_is_there_with_whatever_labels() -> None:
    expression = 'sum by (x) (disk:free:ratio{y="z"})'
    assert metrics.unknown(expression, SMALL) == ["nothing tells disk:free:ratio"]
    assert metrics.unknown(expression, SMALL, recorded={"disk:free:ratio"}) == []
    assert metrics.unknown('{__name__=~"disk:.*"}', SMALL, recorded={"disk:free:ratio"}) == []


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("sum(free)", set()),
        ("sum by (disk) (size)", {"disk"}),
        ("max without (pod, namespace, instance, job, node) (size)", {"disk", "kind"}),
        ("open > 0", {"job"}),
        ("vector(1) - time()", set()),
        ("odd", None),
    ],
)
def test_it_says_which_labels_the_answer_has(expression: str, labels: set[str] | None) -> None:
    assert metrics.answered(expression, SMALL) == labels


@dataclass(frozen=True)
class Written:
    """An expression, the metrics in it, and labels that its answer has."""

    text: str
    names: frozenset[str]
    labels: frozenset[str]


TOLD = {"free": {"disk"}, "size": {"disk", "kind"}, "asked": {"code", "who"}, "open": set()}
EVERYWHERE = "job"


@st.composite
def selectors(draw: st.DrawFn) -> Written:
    name = draw(st.sampled_from(sorted(TOLD)))
    labels = frozenset(TOLD[name] | {EVERYWHERE})
    on = draw(st.lists(st.sampled_from(sorted(labels - {EVERYWHERE})), unique=True)) if TOLD[name] else []
    matchers = ", ".join(f'{label}{draw(st.sampled_from(["=", "!=", "=~", "!~"]))}"a|b"' for label in on)
    return Written(f"{name}{{{matchers}}}" if matchers else name, frozenset({name}), labels)


def wider(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    @st.composite
    def written(draw: st.DrawFn) -> Written:
        one = draw(inner)
        match draw(st.sampled_from(["range", "subquery", "by", "without", "number", "and", "or", "join", "absent"])):
            case "range":
                return Written(f"max_over_time(({one.text})[1h:5m])", one.names, one.labels)
            case "subquery":
                return Written(f"rate(({one.text})[10m:1m] offset 5m)", one.names, one.labels)
            case "by":
                kept = draw(st.lists(st.sampled_from(sorted(one.labels)), unique=True)) if one.labels else []
                return Written(f"sum by ({', '.join(kept)}) ({one.text})", one.names, frozenset(kept))
            case "without":
                lost = draw(st.lists(st.sampled_from(sorted(one.labels)), unique=True)) if one.labels else []
                return Written(f"avg without ({', '.join(lost)}) ({one.text})", one.names, one.labels - set(lost))
            case "number":
                return Written(f"({one.text}) * 100 > bool 1", one.names, one.labels)
            case "absent":
                return Written(f"absent({one.text})", one.names, frozenset())
            case operation:
                other = draw(inner)
                both = sorted(one.labels & other.labels)
                on = draw(st.lists(st.sampled_from(both), unique=True)) if both else []
                word = {"and": "and", "or": "or", "join": "/"}[operation]
                labels = {"and": one.labels, "or": one.labels & other.labels, "join": frozenset(on)}[operation]
                text = f"({one.text}) {word} on ({', '.join(on)}) ({other.text})"
                return Written(text, one.names | other.names, labels)

    return written()


expressions = st.recursive(selectors(), wider, max_leaves=8)


@given(expressions)
def test_whatever_is_made_of_what_is_told_is_read_back_and_no_problem(written: Written) -> None:
    assert {one.name for one in metrics.selected(written.text)} == written.names
    assert metrics.unknown(written.text, SMALL) == []
    answered = metrics.answered(written.text, SMALL)
    assert answered is not None
    assert written.labels <= answered


@given(expressions, st.data())
def test_a_metric_that_is_taken_away_is_missed_wherever_it_stands(written: Written, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(sorted(written.names)))
    left = without(SMALL, gone)
    assert [one.split(";")[0] for one in metrics.unknown(written.text, left)] == [f"nothing tells {gone}"]


def without(catalog: Catalog, gone: str) -> Catalog:
    raw: dict[str, Any] = catalog.model_dump(exclude_none=False)
    for app in raw["apps"].values():
        app["metrics"].pop(gone, None)
    return Catalog.model_validate(raw)


def test_every_metric_names_a_source_that_is_listed_and_none_is_listed_in_vain() -> None:
    assert set(HOME.sources) == {metric.source for _, metric in HOME.rows()}
    assert len(list(HOME.rows())) > 400


def test_every_metric_of_the_table_can_be_asked_for_with_every_label_it_has() -> None:
    for name, series in HOME.series.items():
        assert metrics.unknown(name, HOME) == []
        for label in sorted(series.labels or ()):
            value = series.jobs[0].replace("*", "x") if label == "job" else "x"
            assert metrics.unknown(f'sum by ({label}) ({name}{{{label}="{value}"}})', HOME) == []


def test_what_the_home_watches_is_told_by_the_job_that_is_asked() -> None:
    assert metrics.unknown('container_memory_rss{job="kubelet"}', HOME) != []
    assert metrics.unknown('up{job="node-exporter"} + up{job="proxy-immich"}', HOME) == []
    assert metrics.unknown('up{job="node_exporter"}', HOME)[0].endswith('did you mean "node-exporter"?')


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ({"free": {"type": "gauge", "source": "t"}}, "there is no such source, there are s"),
        ({"free": {"type": "gauge"}}, "source"),
        ({"free": {"type": "meter", "source": "s"}}, "'counter', 'gauge'"),
        ({"free": {"type": "gauge", "label": ["a"], "source": "s"}}, "label"),
        ({"free-space": {"type": "gauge", "source": "s"}}, "can't be the name of a metric"),
        ({"free": {"type": "gauge", "labels": ["a-b"], "source": "s"}}, "can't be the name of a label"),
        ({"free": {"type": "gauge", "labels": ["a", "b", "a"], "source": "s"}}, "a label stands twice in a, b, a"),
    ],
)
def test_a_mistake_in_the_table_is_refused(metric: dict[str, Any], message: str) -> None:
    app = {"version": "1", "jobs": ["disks"], "metrics": metric}
    sources = {"s": {"where": "somewhere", "trust": "general knowledge"}}
    with pytest.raises(ValidationError, match=message):
        Catalog.model_validate({"sources": sources, "apps": {"disks": app}})
