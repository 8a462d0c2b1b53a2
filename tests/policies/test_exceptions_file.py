"""Exceptions are data with a reason, and every mistake in them is told at once."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from policies import exceptions
from policies.exceptions import ExceptionsError, RuleException, load
from policies.resource import Resource
from policies.rules import RULES
from policies.rules.images import PINNED

WEB = Resource("urn", "kubernetes:apps/v1:Deployment", "web-1")


def problems(text: str, path: Path) -> tuple[str, ...]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ExceptionsError) as caught:
        load(path, RULES)
    return caught.value.problems


def test_the_pack_own_file_is_right() -> None:
    for exception in load(exceptions.FILE, RULES):
        assert exception.rule in RULES
        assert exception.reason


def test_a_right_file_gives_exceptions(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(
        "exceptions:\n- {rule: image-pinned, resource: Deployment/web-*, reason: why, expires: 2030-01-31}\n",
        encoding="utf-8",
    )
    expected = RuleException("image-pinned", "Deployment/web-*", "why", expires=datetime.date(2030, 1, 31))
    assert load(path, RULES) == (expected,)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = """
exceptions:
- {rule: image-pined, resource: web, reason: " ", expires: tomorrow, extra: 1}
- text
- {rule: [], resource: Deployment/web, reason: why, expires: 2030-01-31T00:00:00Z}
"""
    told = problems(text, tmp_path / "exceptions.yaml")
    assert [line.split(":")[0] for line in told] == [
        "exceptions.yaml, exceptions[0].extra",
        "exceptions.yaml, exceptions[0].rule",
        "exceptions.yaml, exceptions[0].resource",
        "exceptions.yaml, exceptions[0].reason",
        "exceptions.yaml, exceptions[0].expires",
        "exceptions.yaml, exceptions[1] is not a mapping of rule, resource, reason, room and expires",
        "exceptions.yaml, exceptions[2].rule",
        "exceptions.yaml, exceptions[2].expires",
    ]
    assert "image-pinned" in told[1]


@pytest.mark.parametrize("text", ["", "exceptions:", "exceptions: 1", "[]", "exceptions: [", "\x00"])
def test_a_file_without_a_list_of_exceptions_is_refused(text: str, tmp_path: Path) -> None:
    assert len(problems(text, tmp_path / "exceptions.yaml")) == 1


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExceptionsError, match=r"exceptions\.yaml"):
        load(tmp_path / "exceptions.yaml", RULES)


@pytest.mark.parametrize(
    ("pattern", "covered"),
    [
        ("Deployment/web-1", True),
        ("Deployment/web-*", True),
        ("Deployment/*", True),
        ("Deployment/web", False),
        ("Deployment/WEB-1", False),
        ("DaemonSet/web-1", False),
    ],
)
def test_an_exception_covers_the_resources_that_it_names(pattern: str, covered: bool) -> None:
    assert RuleException("image-pinned", pattern, "why").covers(PINNED, WEB) is covered
    assert not RuleException("unprivileged", pattern, "why").covers(PINNED, WEB)


def test_an_exception_holds_through_its_last_day() -> None:
    exception = RuleException("image-pinned", "Deployment/web", "why", expires=datetime.date(2030, 1, 31))
    assert not exception.expired(datetime.date(2030, 1, 31))
    assert exception.expired(datetime.date(2030, 2, 1))
    assert not RuleException("image-pinned", "Deployment/web", "why").expired(datetime.date(2100, 1, 1))
