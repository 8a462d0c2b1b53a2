"""Whatever a config holds, loading it ends in a home or in problems."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import home
from exposure import differences
from home import loading, reading
from home.model import Home
from tests.homes import config
from tests.snapshots import described, found, snapshot_of

TELLING = st.sampled_from(
    [
        "",
        " ",
        "0",
        "-1",
        "4Gi",
        "32GB",
        "1e99",
        "10.0.1.1",
        "10.0.0.0/8",
        "::1/0",
        "attic",
        "video",
        "public",
        "a.ts.net",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=4) | TELLING,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in below:
        yield from places(inner, (*place, key))


def holder(value: Any, place: tuple[Any, ...]) -> Any:
    for step in place[:-1]:
        value = value[step]
    return value


@st.composite
def mutated(draw: st.DrawFn, only: tuple[str, ...] = home.KEYS) -> dict[str, Any]:
    """The small home after one to four changes below the keys `only`."""
    result = config()
    for _ in range(draw(st.integers(1, 4))):
        choices = [place for place in places(result) if place[0] in only]
        if not choices:
            break
        place = draw(st.sampled_from(choices))
        at = holder(result, place)
        match draw(st.sampled_from(["replace", "remove", "add", "swap"])):
            case "replace":
                at[place[-1]] = draw(ANYTHING)
            case "remove":
                del at[place[-1]]
            case "add" if isinstance(at, dict):
                at[draw(st.text(max_size=8))] = draw(ANYTHING)
            case "add":
                at.append(draw(ANYTHING))
            case _:
                other = draw(st.sampled_from(choices))
                at[place[-1]] = copy.deepcopy(holder(result, other)[other[-1]])
    return result


def outcome(values: Any) -> home.Home | tuple[home.Problem, ...]:
    """The home, or at least one problem; anything else that loading may raise fails the test."""
    try:
        return home.load(values)
    except home.HomeError as error:
        problems = error.problems
    assert problems
    assert all(problem.message for problem in problems)
    return problems


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_a_home_changed_at_random_loads_or_says_what_is_wrong(values: dict[str, Any]) -> None:
    result = outcome(values)
    if isinstance(result, home.Home):
        assert home.load(home.dump(result)) == result


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_mending_leaves_a_home_that_can_be_checked(values: dict[str, Any]) -> None:
    assert reading.read(Home, values, beside=loading.SECRETS).record is not None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(only=("nodes", "nas", "apps", "domain", "timezone")))
def test_a_mistake_is_reported_whatever_else_is_wrong(values: dict[str, Any]) -> None:
    values["networks"][1]["gateway"] = "192.168.7.1"
    result = outcome(values)
    assert isinstance(result, tuple)
    assert "networks[1].gateway" in [problem.path for problem in result]


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.sampled_from(home.KEYS) | st.text(), ANYTHING) | ANYTHING)
def test_any_data_at_all_loads_or_says_what_is_wrong(values: Any) -> None:
    outcome(values)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f"config:\n  homebrain:nodes: {text}".encode()))
def test_any_file_at_all_loads_or_says_what_is_wrong(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_bytes(content)
    with pytest.raises(home.HomeError):
        home.load_file(file)


DOORS = st.lists(st.sampled_from(["public", "tailnet"]), unique=True, max_size=2)
ROLES = st.lists(st.sampled_from(["owner", "family", "guest"]), unique=True, min_size=1, max_size=3)


@st.composite
def with_doors(draw: st.DrawFn) -> dict[str, Any]:
    """The small home with other people, doors, roles and sign-in, and with its machines wherever they may be."""
    result = config()
    result["people"] = result["people"][: draw(st.integers(1, 3))]
    held = {one["role"] for one in result["people"]}
    for name in ("immich", "jellyfin"):
        app = result["apps"][name]
        for key in ("doors", "roles", "signIn", "hostname"):
            app.pop(key, None)
        if doors := draw(DOORS):
            roles = [role for role in draw(ROLES) if role in held]
            app |= {"doors": doors, "roles": roles or ["owner"], "hostname": f"{name}-door"}
            if "public" in doors:
                app["signIn"] = draw(st.booleans())
                if not app["signIn"] and "tailnet" not in doors:
                    del app["roles"]
    if draw(st.booleans()):
        # Every machine on the LAN, and so none that has to be reached over the tailnet.
        result["nodes"][1] |= {"addresses": {"lan": "10.0.1.11"}}
        del result["nodes"][1]["joinedOver"]
    if draw(st.booleans()):
        del result["nas"]["addresses"]["tailnet"]
    return result


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(with_doors())
def test_what_a_home_declares_is_reached_by_whom_it_describes_and_by_nobody_else(values: dict[str, Any]) -> None:
    home.load(values)
    assert differences(described(values), found(values, snapshot_of(values))) == ()
