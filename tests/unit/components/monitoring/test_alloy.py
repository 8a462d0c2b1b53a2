"""Alloy's config syntax: whatever is written can be read, and means what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.monitoring.alloy import Block, Expression, Value, quoted, text
from tests.unit.components.monitoring.alloy_syntax import NotAlloyError, read

IDENTIFIERS = st.from_regex(r"\A[a-z_A-Z][a-zA-Z0-9_]{0,12}\Z").filter(
    lambda word: word not in ("true", "false", "null")
)
NAMES = st.lists(IDENTIFIERS, min_size=1, max_size=3).map(".".join)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
EXPRESSIONS = st.one_of(
    st.lists(IDENTIFIERS, min_size=2, max_size=4).map(lambda parts: Expression(".".join(parts))),
    TEXTS.map(lambda one: Expression(f"sys.env({quoted(one)})")),
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(-(10**9), 10**9), EXPRESSIONS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)
BLOCKS = st.recursive(
    st.builds(Block, NAMES, st.just("") | IDENTIFIERS, st.dictionaries(IDENTIFIERS, VALUES, max_size=4)),
    lambda inner: st.builds(
        Block,
        NAMES,
        st.just("") | IDENTIFIERS,
        st.dictionaries(IDENTIFIERS, VALUES, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
    ),
    max_leaves=6,
)


@given(st.lists(BLOCKS, max_size=4).map(tuple))
def test_what_is_written_reads_back_as_what_was_said(blocks: tuple[Block, ...]) -> None:
    assert read(text(blocks)) == blocks


@given(TEXTS)
def test_a_string_stays_on_its_line_and_keeps_every_character(content: str) -> None:
    string = quoted(content)
    assert string.isprintable()
    [block] = read(f"one {{\n\tvalue = {string}\n}}\n")
    assert block.attributes == {"value": content}


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match=r"U\+D800"):
        quoted("\ud800")


@pytest.mark.parametrize("name", ["", "a-b", "1a", "a b", 'a"', "a..b", "true", "ä", "a\n"])
def test_a_name_that_alloy_cannot_read_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="can't name"):
        Block(name)


@pytest.mark.parametrize("label", ["a-b", "1", "null", 'x" {', "a.b"])
def test_a_label_or_an_attribute_that_alloy_cannot_read_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match="can't name"):
        Block("one", label)
    with pytest.raises(ValueError, match="can't name"):
        Block("one", attributes={label: 1})


def test_it_is_laid_out_as_alloys_own_formatter_does() -> None:
    """The example is that of the formatter's tests for objects, with a block and a list beside it."""
    source = Block("loki.source", "one", {"a": 1, "longer": {"key_1": 5, "long_key": {"inner": True}, "x": [0, "y"]}})
    blocks = (source, Block("loki.write", "two", {"to": source.export("receiver")}, (Block("empty"), Block("empty"))))
    assert text(blocks) == (
        'loki.source "one" {\n'
        "\ta      = 1\n"
        "\tlonger = {\n"
        "\t\tkey_1    = 5,\n"
        "\t\tlong_key = {\n"
        "\t\t\tinner = true,\n"
        "\t\t},\n"
        '\t\tx = [0, "y"],\n'
        "\t}\n"
        "}\n"
        "\n"
        'loki.write "two" {\n'
        "\tto = loki.source.one.receiver\n"
        "\n"
        "\tempty { }\n"
        "\n"
        "\tempty { }\n"
        "}\n"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "one {\n\ta = 1, b = 2\n}\n",
        'one {\n\ta = "line\nbreak"\n}\n',
        'one {\n\ta = "\\d"\n}\n',
        "one {\n\ta = 'single'\n}\n",
        "one {\n\ta = 1\n\ta = 2\n}\n",
        "one {\n\ta = [1 2]\n}\n",
        "one two {\n}\n",
        "one {\n\ta = 1\n",
        "a = 1\n",
    ],
)
def test_the_reader_that_judges_refuses_what_alloy_refuses(wrong: str) -> None:
    with pytest.raises(NotAlloyError):
        read(wrong)
