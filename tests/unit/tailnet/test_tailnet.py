"""The policy checker: a table of questions, files that are wrong in one way each, and what holds for any policy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import tailnet
from tailnet import ports
from tailnet.reading import SECTIONS as SECTION_NAMES

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
HOME = tailnet.parse((FOLDER / "home.hujson").read_text(encoding="utf-8"))
QUESTIONS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "may.yaml").read_text(encoding="utf-8"))
WRONG = sorted((FOLDER / "wrong").glob("*.yaml"))


def asked(question: dict[str, Any]) -> str:
    return " ".join(str(value) for key, value in question.items() if key != "by")


@pytest.mark.parametrize("question", QUESTIONS, ids=asked)
def test_a_question_is_answered_with_the_rule_that_decides(question: dict[str, Any]) -> None:
    context = tailnet.Context(**question.get("as", {}))
    answer = HOME.may(question["src"], question["dst"], question["port"], question.get("proto", "tcp"), context)
    assert answer.allowed is ("by" in question), answer
    assert answer.why.startswith(question.get("by", "no"))


def test_there_are_many_questions_and_every_rule_answers_one() -> None:
    assert len(QUESTIONS) >= 110
    deciding = {question["by"].split(" ")[0] for question in QUESTIONS if "by" in question}
    assert {rule.place for rule in HOME.rules} - deciding == {"grants[10]"}, (
        "a grant of capabilities lets nothing through"
    )


def test_the_policys_own_tests_hold() -> None:
    assert HOME.failed_tests() == ()


def test_a_test_that_fails_says_which_and_why() -> None:
    document = dict(HOME.document) | {
        "tests": [
            {"src": "ben@example.com", "accept": ["tag:node:6443"], "deny": ["tag:photos:443", "nas:445"]},
            {"src": "tag:photos", "proto": "tcp", "deny": ["tag:films:53"]},
            {"src": "tag:photos", "deny": ["tag:films:53"]},
        ]
    }
    assert tailnet.parse(document).failed_tests() == (
        "tests[0]: accepts tag:node:6443, but ben@example.com may not reach it: nothing allows it",
        "tests[0]: denies tag:photos:443, but ben@example.com may reach it: grants[0] allows it",
        "tests[2]: denies tag:films:53, but tag:photos may reach it: acls[1] allows it",
    )


def test_a_test_meets_a_posture_only_with_attributes() -> None:
    wanted = {"src": "dora@example.com", "accept": ["tag:photos:443"]}
    for attributes, failures in ({}, 1), ({"srcPostureAttrs": {"node:os": "linux"}}, 0):
        document = dict(HOME.document) | {"tests": [wanted | attributes]}
        assert len(tailnet.parse(document).failed_tests()) == failures


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_a_wrong_policy_is_refused_with_every_problem(path: Path) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    with pytest.raises(tailnet.PolicyError) as caught:
        tailnet.parse(case["policy"])
    assert list(caught.value.problems) == case["says"]


def test_names_that_a_policy_does_not_know_are_refused_in_a_question() -> None:
    for source in ("nobody", "group:strangers", "tag"):
        with pytest.raises(ValueError, match=source):
            HOME.may(source, "tag:photos", 443)
    with pytest.raises(ValueError, match="is no protocol"):
        HOME.may("ada@example.com", "tag:photos", 443, "http")


def test_comments_and_trailing_commas_are_read_and_texts_left_alone() -> None:
    text = '{"a": "// no comment, /* neither */ ,]", /* a, */ "b": [1, 2, // two\n], "c": "\\",}",}'
    assert tailnet.read(text) == {"a": "// no comment, /* neither */ ,]", "b": [1, 2], "c": '",}'}


@pytest.mark.parametrize("text", ["{'a': 1}", "{a: 1}", "[1,,]", "{", "", "nothing", "[,]", '{"a": 1 /* }', "\x00"])
def test_what_tailscale_would_not_read_is_not_read(text: str) -> None:
    with pytest.raises(tailnet.PolicyError):
        tailnet.read(text)


def test_a_problem_names_the_line_of_the_file() -> None:
    with pytest.raises(tailnet.PolicyError, match="line 3, column 8"):
        tailnet.read('{\n  // a comment\n  "a": x\n}')


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tailnet", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_the_command_checks_a_file_and_answers_questions(tmp_path: Path) -> None:
    file = str(FOLDER / "home.hujson")
    assert command("check", file).stdout == "18 rules, 2 tests, none failed\n"
    yes = command("may", file, "ada@example.com", "tag:photos:443")
    assert (yes.returncode, yes.stdout) == (0, "yes: grants[0] allows it\n")
    no = command("may", file, "ada@example.com", "tag:photos:443", "--proto", "udp")
    assert (no.returncode, no.stdout) == (3, "no: nothing allows it\n")
    wrong = tmp_path / "wrong.hujson"
    wrong.write_text('{"grant": []}')
    told = command("check", str(wrong))
    assert (told.returncode, told.stderr) == (1, 'grant: there is no such section; did you mean "grants"?\n1 problem\n')
    assert command("may", file, "ada@example.com", "tag:photos").returncode == 1


# What holds for any policy.

LOGINS = [f"{name}@example.com" for name in ("ada", "ben", "cleo")]
TAGS = ["tag:a", "tag:b", "tag:c"]
SOURCE = st.sampled_from([*LOGINS, *TAGS, "group:g", "autogroup:member", "autogroup:tagged", "*", "h"])
TARGET = st.sampled_from([*LOGINS, *TAGS, "group:g", "h", "100.64.0.0/10", "*", "autogroup:self"])
RANGE = st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(lambda ends: f"{min(ends)}-{max(ends)}")
PORT = st.one_of(st.just("*"), st.sampled_from(["22", "443", "8000-8100"]), RANGE)
GRANTS = st.fixed_dictionaries(
    {
        "src": st.lists(SOURCE, min_size=1, max_size=3),
        "dst": st.lists(TARGET, min_size=1, max_size=3),
        "ip": st.lists(PORT, min_size=1, max_size=3),
    }
)
QUESTION = st.tuples(
    st.sampled_from([*LOGINS, *TAGS, "h", "100.64.0.1"]),
    st.sampled_from([*LOGINS, *TAGS, "h", "100.64.0.1", "1.1.1.1"]),
    st.one_of(st.integers(0, 65535), st.sampled_from([22, 443, 8000, 8100])),
    st.sampled_from(["tcp", "udp"]),
)


def of(grants: list[dict[str, Any]], **sections: Any) -> tailnet.Policy:
    names = {
        "groups": {"group:g": LOGINS[:2]},
        "hosts": {"h": "100.64.0.7"},
        "tagOwners": {tag: ["autogroup:admin"] for tag in TAGS},
    }
    return tailnet.parse({**names, "grants": grants, **sections})


@given(QUESTION)
def test_without_rules_nobody_reaches_anything(question: Any) -> None:
    assert not of([]).may(*question).allowed


@given(st.lists(GRANTS, max_size=4), GRANTS, QUESTION)
@settings(max_examples=200, deadline=None)
def test_a_further_grant_takes_nothing_away(grants: list[Any], more: Any, question: Any) -> None:
    if of(grants).may(*question).allowed:
        assert of([*grants, more]).may(*question).allowed


@given(st.lists(GRANTS, min_size=2, max_size=5), st.randoms(), QUESTION)
@settings(max_examples=200, deadline=None)
def test_the_order_of_grants_does_not_matter(grants: list[Any], random: Any, question: Any) -> None:
    shuffled = list(grants)
    random.shuffle(shuffled)
    assert of(grants).may(*question).allowed == of(shuffled).may(*question).allowed


@given(st.lists(GRANTS, max_size=3), QUESTION)
@settings(max_examples=200, deadline=None)
def test_an_acl_and_the_grant_that_says_the_same_agree(grants: list[Any], question: Any) -> None:
    acls = [
        {
            "action": "accept",
            "src": one["src"],
            "dst": [f"{target}:{port}" for target in one["dst"] for port in one["ip"]],
        }
        for one in grants
    ]
    assert of(grants).may(*question).allowed == of([], acls=acls).may(*question).allowed


@given(st.lists(GRANTS, max_size=3), QUESTION)
@settings(max_examples=100, deadline=None)
def test_a_test_written_from_an_answer_holds(grants: list[Any], question: Any) -> None:
    source, destination, port, proto = question
    expected = "accept" if of(grants).may(*question).allowed else "deny"
    test = {"src": source, "proto": proto, expected: [f"{destination}:{port}"]}
    assert of(grants, tests=[test]).failed_tests() == ()
    other = "deny" if expected == "accept" else "accept"
    assert (
        len(of(grants, tests=[{"src": source, "proto": proto, other: [f"{destination}:{port}"]}]).failed_tests()) == 1
    )


@given(st.lists(GRANTS, max_size=3))
@settings(max_examples=50, deadline=None)
def test_a_policy_outlives_being_written_down(grants: list[Any]) -> None:
    policy = of(grants)
    assert tailnet.parse(json.dumps(policy.document)) == policy


@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 65535))
def test_a_range_has_both_its_ends(one: int, other: int, port: int) -> None:
    first, last = sorted((one, other))
    assert ports.of_grant(f"tcp:{first}-{last}").cover(6, port) is (first <= port <= last)


TEXT = st.text(max_size=8) | st.sampled_from(["*", "tag:a", "a@b"])
KEY = st.text(max_size=6) | st.sampled_from(["src", "dst", "ip", "action"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
    max_leaves=8,
)
SECTIONS = st.dictionaries(st.sampled_from(sorted(SECTION_NAMES)), JSON | st.lists(JSON, max_size=2))


@given(st.one_of(JSON, SECTIONS, st.text(max_size=40)))
@settings(max_examples=400, deadline=None)
def test_anything_at_all_is_read_or_refused(document: Any) -> None:
    given_as = document if isinstance(document, str | dict) else json.dumps(document)
    try:
        policy = tailnet.parse(given_as)
    except tailnet.PolicyError as error:
        problems = error.problems
    else:
        problems = ("it is well formed",)
        assert isinstance(policy.failed_tests(), tuple)
    assert all(problems)
