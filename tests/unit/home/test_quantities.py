"""Kubernetes quantities mean here what they mean there."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from home.quantities import format_bytes, format_millicores, parse, suggestions, to_bytes, to_millicores

BYTES = st.integers(0, 2**63 - 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("4Gi", 4 * 2**30),
        ("1900G", 1900 * 10**9),
        ("1.5Ti", 3 * 2**39),
        ("2.", 2),
        (".5Ki", 512),
        ("1k", 1000),
        ("500m", "0.5"),
        ("3u", "0.000003"),
        ("7n", "0.000000007"),
        ("12e6", 12_000_000),
        ("1E3", 1000),
        ("1E", 10**18),
        ("7Ei", 7 * 2**60),
    ],
)
def test_a_quantity_has_the_value_that_kubernetes_gives_it(text: str, value: int | str) -> None:
    assert parse(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "Gi", "4 Gi", "4gi", "4GB", "4KI", "4K", "-1Gi", "1e", "1e1000", "8Ei", "٤Gi", "4Gi\n"]
)
def test_what_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a Kubernetes quantity|is more than Kubernetes can count"):
        parse(text)


@given(BYTES)
def test_bytes_written_down_and_read_again_are_the_same(count: int) -> None:
    assert to_bytes(format_bytes(count)) == count


@given(st.integers(0, 10**9))
def test_millicores_written_down_and_read_again_are_the_same(count: int) -> None:
    assert to_millicores(format_millicores(count)) == count


@given(BYTES)
def test_no_suffix_makes_the_text_longer_than_the_digits(count: int) -> None:
    assert len(format_bytes(count)) <= len(str(count))


@given(st.integers(1, 2**20), st.sampled_from(["Ki", "Mi", "Gi", "k", "M", "G", ""]))
def test_a_larger_number_of_the_same_unit_is_more(number: int, suffix: str) -> None:
    assert to_bytes(f"{number}{suffix}") < to_bytes(f"{number + 1}{suffix}")


def test_parts_count_as_a_whole() -> None:
    assert to_bytes("1500m") == 2
    assert to_millicores("100u") == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("32GB", ["32G", "32Gi"]),
        ("32 gb", ["32G", "32Gi"]),
        ("1.9 TB", ["1.9T", "1.9Ti"]),
        ("32GiB", ["32Gi"]),
        ("128KB", ["128k", "128Ki"]),
        ("32", ["32Gi"]),
        ("a lot", []),
    ],
)
def test_a_near_miss_suggests_what_was_meant(text: str, meant: list[str]) -> None:
    assert suggestions(text) == meant


@given(st.text(max_size=30))
def test_every_suggestion_is_a_quantity(text: str) -> None:
    for suggestion in suggestions(text):
        parse(suggestion)
