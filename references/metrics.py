"""Which metrics a PromQL expression reads, and whether something in the home tells them, by the table `metrics.yaml`.

A rule or a panel that names a metric which nobody tells is valid PromQL: it never fires, or stays empty, and nobody
hears of it. So it is with a label that a metric hasn't. PromQL is parsed by the library `promql-parser`, a port of
Prometheus' own grammar (promql/parser/generated_parser.y); how labels come through an operation is Prometheus'
documentation, querying/operators.md and querying/functions.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import promql_parser as promql
import yaml
from pydantic import field_validator, model_validator

from references.place import choice
from references.table import Entry, Row, Source

FILE: Final = Path(__file__).with_name("metrics.yaml")

Kind = Literal["counter", "gauge", "untyped", "histogram", "summary"]
Operator = Literal["=", "!=", "=~", "!~"]
Labels = frozenset[str] | None
"""The labels that series may have; None where nobody can say."""

_SERIES: Final[Mapping[Kind, Mapping[str, frozenset[str]]]] = {
    "counter": {"": frozenset()},
    "gauge": {"": frozenset()},
    "untyped": {"": frozenset()},
    "histogram": {"_bucket": frozenset({"le"}), "_sum": frozenset(), "_count": frozenset()},
    "summary": {"": frozenset({"quantile"}), "_sum": frozenset(), "_count": frozenset()},
}
"""The series that a metric of each kind has: what is added to its name, and the label that comes with that."""

_OPERATORS: Final[tuple[tuple[promql.MatchOp, Operator], ...]] = (
    (promql.MatchOp.Equal, "="),
    (promql.MatchOp.NotEqual, "!="),
    (promql.MatchOp.Re, "=~"),
    (promql.MatchOp.NotRe, "!~"),
)
_KEEP_LABELS: Final = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
"""Aggregations that pick some of the series, and leave them as they are."""
_SETS: Final = frozenset({"and", "or", "unless"})
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on a label, as in `phase="Failed"`."""

    label: str
    operator: Operator
    value: str

    def matches(self, value: str) -> bool:
        """Whether a label's value meets it; a pattern has to meet all of the value."""
        if self.operator in ("=", "!="):
            return (value == self.value) == (self.operator == "=")
        return (re.fullmatch(self.value, value, re.DOTALL) is not None) == (self.operator == "=~")

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """What one part of an expression reads.

    name: of the series; None where only a condition on `__name__`, among the matchers, says which.
    """

    name: str | None
    matchers: frozenset[Matcher]

    def __str__(self) -> str:
        matchers = ", ".join(sorted(str(one) for one in self.matchers))
        return f"{self.name or ''}{{{matchers}}}" if matchers else str(self.name)


class Metric(Row):
    """One metric that a program tells.

    labels: those that it tells with it; None where they aren't known. when: under which condition it is there, where
    that isn't always.
    """

    type: Kind
    labels: tuple[str, ...] | None = ()
    when: str | None = None

    @field_validator("labels")
    @classmethod
    def _are_names(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for label in labels or ():
            if not _LABEL.fullmatch(label):
                raise ValueError(f'"{label}" can\'t be the name of a label')
        if labels and len(set(labels)) < len(labels):
            raise ValueError(f"a label stands twice in {', '.join(labels)}")
        return labels


class App(Entry):
    """One program and what it tells.

    jobs: those of Prometheus that ask it: `proxy-*` stands for all that begin so, `*` for every one. scraped: the
    labels that Prometheus adds for them. version: the one that was looked at.
    """

    version: str
    jobs: tuple[str, ...]
    scraped: tuple[str, ...] = ("job", "instance", "namespace", "pod", "node")
    metrics: Mapping[str, Metric]

    @field_validator("metrics")
    @classmethod
    def _are_names(cls, metrics: Mapping[str, Metric]) -> Mapping[str, Metric]:
        for name in metrics:
            if not _NAME.fullmatch(name):
                raise ValueError(f'"{name}" can\'t be the name of a metric')
        return metrics


@dataclass(frozen=True, slots=True)
class Series:
    """What can be asked for by one name: the labels that it may have, and the jobs that have it."""

    labels: Labels
    jobs: tuple[str, ...]

    def __or__(self, other: Series) -> Series:
        return Series(_both(self.labels, other.labels), self.jobs + other.jobs)


class Catalog(Entry):
    """The metrics that the home's programs tell, and those that Prometheus makes up itself."""

    sources: Mapping[str, Source]
    apps: Mapping[str, App]

    @model_validator(mode="after")
    def _have_sources(self) -> Catalog:
        for place, metric in self.rows():
            if metric.source not in self.sources:
                raise ValueError(f"{place}: {choice('source', self.sources, metric.source)}")
        return self

    def rows(self) -> Iterator[tuple[str, Metric]]:
        """Every metric and where in the table it stands."""
        for app, told in self.apps.items():
            for name, metric in told.metrics.items():
                yield f"apps.{app}.metrics.{name}", metric

    @cached_property
    def series(self) -> Mapping[str, Series]:
        """Everything that can be asked for; what several programs tell has the labels of them all."""
        found: dict[str, Series] = {}
        everywhere = tuple(job for app in self.apps.values() for job in app.jobs if job != "*")
        for app in self.apps.values():
            jobs = everywhere if "*" in app.jobs else app.jobs
            for name, metric in app.metrics.items():
                for suffix, more in _SERIES[metric.type].items():
                    labels = None if metric.labels is None else frozenset({*metric.labels, *app.scraped}) | more
                    told = Series(labels, jobs)
                    known = found.get(name + suffix)
                    found[name + suffix] = known | told if known else told
        return found


def load(path: Path = FILE) -> Catalog:
    """Read the table. Raises `pydantic.ValidationError` with every mistake of its shape."""
    return Catalog.model_validate(yaml.safe_load(path.read_text()))


def selected(expression: str) -> frozenset[Selector]:
    """What the expression reads. Raises `ValueError`, with the expression, for what is no PromQL."""
    found: set[Selector] = set()

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            found.add(_selector(node))

    promql.walk(_parsed(expression), visit)
    return frozenset(found)


def unknown(expression: str, catalog: Catalog, recorded: Collection[str] = ()) -> list[str]:
    """What the expression reads that isn't there, a sentence for each; empty when all is.

    That is a metric that nothing tells, or not under that job; a condition on a label that the metric hasn't; a label
    by which is aggregated, joined or sorted and that nothing has at that place. recorded: what recording rules make;
    nothing is said of its labels. Raises `ValueError` for what is no PromQL.
    """
    check = _Check(catalog, frozenset(recorded))
    check.labels(_parsed(expression))
    return list(dict.fromkeys(check.problems))


def answered(expression: str, catalog: Catalog, recorded: Collection[str] = ()) -> Labels:
    """The labels that the expression's answer may have, for whoever names some in a legend or a summary.

    None where nobody can say. Raises `ValueError` for what is no PromQL.
    """
    return _Check(catalog, frozenset(recorded)).labels(_parsed(expression))


@dataclass
class _Check:
    """Goes through an expression from the inside out: which labels may each part have, and is each asked for there."""

    catalog: Catalog
    recorded: frozenset[str]
    problems: list[str] = field(default_factory=list)

    def labels(self, node: promql.Expr) -> Labels:
        match node:
            case promql.VectorSelector():
                return self._read(_selector(node))
            case promql.MatrixSelector():
                return self.labels(node.vector_selector)
            case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
                return self.labels(node.expr)
            case promql.AggregateExpr():
                return self._aggregated(node)
            case promql.BinaryExpr():
                return self._joined(node)
            case promql.Call():
                return self._called(node)
            case _:
                return frozenset()

    def _read(self, selector: Selector) -> Labels:
        """The labels of what a selector reads: unknown for what isn't there, so that one mistake is one problem."""
        known = self.catalog.series
        if selector.name is not None:
            if selector.name in self.recorded:
                return None
            if selector.name not in known:
                self.problems.append(f"nothing tells {selector.name}{_meant(selector.name, [*known, *self.recorded])}")
                return None
            names = [selector.name]
        else:
            conditions = [one for one in selector.matchers if one.label == "__name__"]
            names = [name for name in known if all(one.matches(name) for one in conditions)]
            if any(all(one.matches(name) for one in conditions) for name in self.recorded):
                return None
            if not names:
                self.problems.append(f"nothing tells any metric that {selector} would read")
                return None
        series = [known[name] for name in names]
        labels: Labels = frozenset()
        for one in series:
            labels = _both(labels, one.labels)
        for matcher in sorted(selector.matchers, key=str):
            if matcher.label == "job":
                self._asks(selector, matcher, {job for one in series for job in one.jobs})
            elif matcher.label != "__name__":
                self._has(labels, [matcher.label], str(selector), "it")
        return labels

    def _asks(self, selector: Selector, matcher: Matcher, jobs: Iterable[str]) -> None:
        """Whether a job that has the metric can meet the matcher; a pattern over patterns is left to people."""
        jobs = sorted(set(jobs))
        if matcher.operator == "=":
            meets = any(fnmatchcase(matcher.value, job) for job in jobs)
        else:
            meets = any("*" in job or matcher.matches(job) for job in jobs)
        if not meets:
            self.problems.append(
                f"{selector}: no such job tells it, only {', '.join(jobs)}{_meant(matcher.value, jobs)}"
            )

    def _has(self, labels: Labels, wanted: Iterable[str], where: str, of: str) -> None:
        for one in wanted:
            if labels is not None and one not in labels:
                others = f"only {', '.join(sorted(labels))}" if labels else "and no other"
                self.problems.append(f'{where}: {of} has no label "{one}", {others}{_meant(one, labels)}')

    def _aggregated(self, node: promql.AggregateExpr) -> Labels:
        inner = self.labels(node.expr)
        if isinstance(node.param, promql.Expr):
            self.labels(node.param)
        modifier, operation = node.modifier, str(node.op)
        named = frozenset(modifier.labels if modifier else ())
        without = modifier is not None and modifier.type == promql.AggModifierType.Without
        if modifier:
            word = "without" if without else "by"
            self._has(inner, modifier.labels, f"{operation} {word} ({', '.join(modifier.labels)})", "what is within")
        if operation in _KEEP_LABELS:
            return inner
        outer = (None if inner is None else inner - named - {"__name__"}) if without else named
        if operation == "count_values" and isinstance(node.param, promql.StringLiteral):
            return _both(outer, frozenset({node.param.val}))
        return outer

    def _joined(self, node: promql.BinaryExpr) -> Labels:
        left, right = self.labels(node.lhs), self.labels(node.rhs)
        if _is_scalar(node.lhs):
            return right
        if _is_scalar(node.rhs):
            return left
        modifier, operation = node.modifier, str(node.op)
        matching = modifier.matching if modifier else None
        named = frozenset(matching.labels) if matching else frozenset()
        on = matching is not None and matching.type == promql.LabelModifierType.Include
        if matching and on:
            where = f"{operation} on ({', '.join(matching.labels)})"
            self._has(left, matching.labels, where, "what is to its left")
            self._has(right, matching.labels, where, "what is to its right")
        elif matching:
            where = f"{operation} ignoring ({', '.join(matching.labels)})"
            self._has(_both(left, right), matching.labels, where, "either side")
        if operation in _SETS:
            return _both(left, right) if operation == "or" else left
        many = modifier.card if modifier else promql.VectorMatchCardinality.OneToOne
        copied = (modifier.group_labels or []) if modifier else []
        if many == promql.VectorMatchCardinality.ManyToOne:
            self._has(right, copied, f"group_left ({', '.join(copied)})", "what is to its right")
            return _both(left, frozenset(copied))
        if many == promql.VectorMatchCardinality.OneToMany:
            self._has(left, copied, f"group_right ({', '.join(copied)})", "what is to its left")
            return _both(right, frozenset(copied))
        if on:
            return named
        return None if left is None else left - named

    def _called(self, node: promql.Call) -> Labels:
        name, arguments = node.func.name, node.args
        texts = [one.val for one in arguments if isinstance(one, promql.StringLiteral)]
        labels: Labels = frozenset()
        for one in arguments:
            labels = _both(labels, self.labels(one))
        match name:
            case "label_replace":
                self._has(labels, texts[2:3], name, "its first argument")
                return _both(labels, frozenset(texts[:1]))
            case "label_join":
                self._has(labels, texts[2:], name, "its first argument")
                return _both(labels, frozenset(texts[:1]))
            case "sort_by_label" | "sort_by_label_desc":
                self._has(labels, texts, name, "its first argument")
                return labels
            case "histogram_quantile":
                return None if labels is None else labels - {"le"}
            case "histogram_quantiles" | "info":
                return None
            case _:
                return labels


def _parsed(expression: str) -> promql.Expr:
    try:
        tree = promql.parse(expression)
    except ValueError as error:
        raise ValueError(f"{_line(expression)}: {error}") from error

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            if node.matchers.or_matchers:
                # The parser takes this, which other databases have; Prometheus doesn't.
                raise ValueError(f"{_line(expression)}: conditions can't be joined by `or` in {node}")
            for one in node.matchers.matchers:
                if one.name in ("__name__", "job") and one.op in (promql.MatchOp.Re, promql.MatchOp.NotRe):
                    _pattern(one.value, expression)

    promql.walk(tree, visit)
    return tree


def _pattern(text: str, expression: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f'{_line(expression)}: the pattern "{text}" can\'t be read: {error}') from error


def _line(expression: str) -> str:
    return " ".join(expression.split()) or "an empty expression"


def _selector(node: promql.VectorSelector) -> Selector:
    matchers = [Matcher(one.name, _operator(one.op), one.value) for one in node.matchers.matchers]
    name = node.name
    for one in matchers:
        if name is None and one.label == "__name__" and one.operator == "=":
            name = one.value
    return Selector(name, frozenset(one for one in matchers if one != Matcher("__name__", "=", name or "")))


def _operator(given: promql.MatchOp) -> Operator:
    return next(text for operator, text in _OPERATORS if operator == given)


def _both(one: Labels, other: Labels) -> Labels:
    return None if one is None or other is None else one | other


def _is_scalar(node: promql.Expr) -> bool:
    match node:
        case promql.NumberLiteral():
            return True
        case promql.ParenExpr() | promql.UnaryExpr():
            return _is_scalar(node.expr)
        case promql.BinaryExpr():
            return _is_scalar(node.lhs) and _is_scalar(node.rhs)
        case promql.Call():
            return bool(node.func.return_type == promql.ValueType.Scalar)
        case _:
            return False


def _meant(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""
