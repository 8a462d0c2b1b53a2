"""The table of what apps take: every row names its source, and values are held to their rows."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

import references
from references.table import Row, Table, Value
from references.values import wrong


def rows() -> list[tuple[str, Row]]:
    return list(references.load().rows())


def test_every_row_names_a_source_that_is_listed_and_none_is_listed_in_vain() -> None:
    listed = set(references.load().sources)
    assert len(rows()) > 150
    assert [path for path, row in rows() if row.source not in listed] == []
    assert listed == {row.source for _, row in rows()}


def test_a_source_says_how_far_to_trust_it() -> None:
    with pytest.raises(ValidationError, match="trust"):
        Table.model_validate({"sources": {"x": {"where": "somewhere"}}, "apps": {}, "drivers": {}})


def test_a_row_without_a_source_is_refused() -> None:
    app = {"image": "example.org/x", "env": {"TZ": {"required": True}}}
    with pytest.raises(ValidationError, match="source"):
        Table.model_validate({"sources": {}, "apps": {"x": app}, "drivers": {}})


@pytest.mark.parametrize(
    ("row", "right", "not_right"),
    [
        ({"values": ["log", "warn"]}, "log", "logs"),
        ({"matches": "https?://.+"}, "http://a", "ftp://a"),
        ({"format": "boolean"}, "false", "nein"),
        ({"format": "number"}, "-1.5", "1,5"),
        ({"format": "size"}, "512MB", "512Mi"),
        ({"format": "networks"}, "10.42.0.0/16, 127.0.0.1", "10.42.0.0/33"),
        ({"format": "time zone"}, "Asia/Bangkok", "Asia/Bankok"),
        ({"format": "own port"}, "8081", "8082"),
        ({"format": "folder"}, "/data", "data"),
        ({"atLeast": 2}, "2", "1"),
        ({"members": ["a"], "of": ["a", "b"]}, "b, a", "b"),
        ({"members": ["a"], "of": ["a", "b"]}, "a", "a, c"),
        ({"members": ["a"], "whenTag": {"pgvectors": ["c"]}}, "a,c", "a"),
        ({"inside": "/cache"}, "/cache", "/cached"),
        ({"beneath": "/data"}, "/data/pg", "/data/"),
    ],
)
def test_a_value_is_held_to_its_row(row: dict[str, object], right: str, not_right: str) -> None:
    held = Value.model_validate({"source": "x", **row})
    assert wrong(held, right, tag="14-pgvectors0.2.0", own_ports=(8081,)) is None
    assert wrong(held, not_right, tag="14-pgvectors0.2.0", own_ports=(8081,))
