"""An app's audience is said once, and who may come in where follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import home
from home import ROLES, doors
from tests.homes import changed, config

HERE = home.load(config())


def test_the_audience_of_an_app_behind_both_doors() -> None:
    jellyfin = next(one for one in doors.audiences(HERE) if one.app == "jellyfin")
    assert (jellyfin.public, jellyfin.tailnet, jellyfin.machine) == (
        "films.example.com",
        "films.tabby-cat.ts.net",
        "films",
    )
    assert jellyfin.emails == ("ada@example.com", "ben@example.com", "cleo@example.net")
    assert not jellyfin.asks


def test_an_app_without_a_door_has_no_audience() -> None:
    assert [one.app for one in doors.audiences(HERE)] == ["immich", "jellyfin"]


def test_an_app_without_a_hostname_goes_by_its_own_name_in_the_tailnet() -> None:
    with_files = changed(config(), [{"path": "apps.fileBrowser", "set": {"doors": ["tailnet"]}}])
    names = {one.app: one.tailnet for one in doors.audiences(home.load(with_files))}
    assert names["immich"] == "immich.tabby-cat.ts.net"
    assert names["fileBrowser"] == "file-browser.tabby-cat.ts.net"


def test_without_further_words_only_the_owner_comes_in_and_access_asks() -> None:
    plain: list[dict[str, Any]] = [
        {"path": "apps.jellyfin.roles", "remove": True},
        {"path": "apps.jellyfin.signIn", "remove": True},
    ]
    [jellyfin] = [one for one in doors.audiences(home.load(changed(config(), plain))) if one.app == "jellyfin"]
    assert (jellyfin.emails, jellyfin.asks) == (("ada@example.com",), True)


def test_capitals_in_an_address_make_no_other_person() -> None:
    shouting = changed(config(), [{"path": "people[1].email", "set": "Ben@Example.COM"}])
    assert home.load(shouting) == HERE


@pytest.mark.parametrize("door", ["public", "tailnet"])
def test_opening_and_closing_a_door_is_one_line(door: str) -> None:
    """What else stands there, such as the hostname, may stay: it still means something at the other door."""
    for left in (["public", "tailnet"], [one for one in ("public", "tailnet") if one != door]):
        changes: list[dict[str, Any]] = [
            {"path": "apps.jellyfin.doors", "set": left},
            {"path": "apps.jellyfin.signIn", "set": True},
        ]
        home.load(changed(config(), changes))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(["public", "tailnet"]), unique=True, min_size=1),
    st.lists(st.sampled_from(ROLES), unique=True, min_size=1),
    st.booleans(),
)
def test_people_come_in_by_their_role_and_nobody_else(opened: list[str], roles: list[home.Role], asked: bool) -> None:
    app: dict[str, Any] = {"node": "attic", "doors": opened, "hostname": "films", "signIn": asked}
    if asked or "tailnet" in opened:
        app["roles"] = roles
    here = home.load(changed(config(), [{"path": "apps.jellyfin", "set": app}]))
    [found] = [one for one in doors.audiences(here) if one.app == "jellyfin"]
    allowed = set(found.roles)
    assert set(found.people) == {person for person in here.people if person.role in allowed}
    assert (found.public is None, found.tailnet is None) == ("public" not in opened, "tailnet" not in opened)
