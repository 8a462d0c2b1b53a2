"""The tailnet's policy, derived and then judged by the checker that knows nothing of how it was made."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import tailnet
from components import tailnet_policy
from components.tailnet_policy import TAG_NODE, app_tag
from home import Home
from tests.unit.components.homes import homes, planned, small

any_home = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

PORTS = (22, 80, 443, 445, 2049, 2283, 5001, 6443, 8096, 10250)


def document(here: Home) -> dict[str, Any]:
    return tailnet_policy.policy(here, planned(here).tailnet)


def derived(here: Home) -> tailnet.Policy:
    return tailnet.parse(tailnet_policy.text(document(here)))


def machines(policy: tailnet.Policy) -> list[str]:
    """Every machine that the policy knows by a name."""
    return [TAG_NODE, *policy.document["hosts"]]


@any_home
@given(homes())
def test_the_policys_own_tests_hold_in_any_home(here: Home) -> None:
    assert derived(here).failed_tests() == ()


@any_home
@given(homes())
def test_each_role_reaches_its_own_apps_and_no_others(here: Home) -> None:
    policy = derived(here)
    for one in planned(here).tailnet:
        for person in here.people:
            for protocol in ("tcp", "udp"):
                reached = {port for port in PORTS if policy.may(person.email, app_tag(one), port, protocol).allowed}
                open_to = person.role in one.audience.roles and protocol == "tcp"
                assert reached == ({443} if open_to else set()), (person, one.name, protocol)


@any_home
@given(homes())
def test_only_the_owner_reaches_machines_and_only_what_an_owner_needs(here: Home) -> None:
    policy = derived(here)
    for person in here.people:
        for machine in machines(policy):
            reached = {port for port in PORTS if policy.may(person.email, machine, port).allowed}
            wanted = ({443, 5001} if machine == "nas" else {22, 6443}) if person.role == "owner" else set()
            assert reached == wanted, (person, machine)


@any_home
@given(homes())
def test_a_stranger_in_the_tailnet_reaches_nothing(here: Home) -> None:
    policy = derived(here)
    for machine in (*machines(policy), *map(app_tag, planned(here).tailnet)):
        assert not any(policy.may("stranger@example.org", machine, port).allowed for port in PORTS)


@any_home
@given(homes())
def test_an_apps_proxy_reaches_nobody(here: Home) -> None:
    policy = derived(here)
    tags = [app_tag(one) for one in planned(here).tailnet]
    for tag in tags:
        for machine in (*machines(policy), *tags, *(person.email for person in here.people)):
            assert not any(policy.may(tag, machine, port).allowed for port in PORTS), (tag, machine)


def test_nodes_talk_to_each_other_and_to_the_nas_over_the_tailnet() -> None:
    policy = derived(small())
    for node in (TAG_NODE, "node-attic", "node-cellar"):
        for other in (TAG_NODE, "node-attic", "node-cellar"):
            reached = {port for port in PORTS if policy.may(node, other, port).allowed}
            assert reached == {6443, 10250}
            assert policy.may(node, other, 8472, "udp").allowed
            assert not policy.may(node, other, 8472).allowed
        # The small home has shares of either protocol.
        assert {port for port in PORTS if policy.may(node, "nas", port).allowed} == {445, 2049}


@any_home
@given(homes())
def test_nodes_of_one_lan_need_nothing_of_the_tailnet(here: Home) -> None:
    meshed = any(node.joined_over == "tailnet" for node in here.nodes)
    policy = derived(here)
    assert policy.may(TAG_NODE, TAG_NODE, 10250).allowed is meshed
    assert policy.may(TAG_NODE, TAG_NODE, 8472, "udp").allowed is meshed
    assert not policy.may(TAG_NODE, TAG_NODE, 22).allowed
    assert ("autoApprovers" in policy.document) is meshed


def test_every_tag_has_an_owner_and_an_apps_is_the_programs() -> None:
    policy = derived(small())
    assert policy.tag_owners == {
        "tag:homebrain": ("autogroup:admin",),
        "tag:node": ("group:owner",),
        "tag:app-jellyfin": ("tag:homebrain",),
        "tag:app-immich": ("tag:homebrain",),
    }


def test_groups_are_the_roles_that_somebody_holds() -> None:
    assert derived(small()).groups == {
        "group:owner": ("ada@example.com",),
        "group:family": ("ben@example.com",),
        "group:guest": ("cleo@example.net",),
    }
    alone = [
        {"path": "people", "set": [{"name": "Ada", "email": "ada@example.com", "role": "owner"}]},
        {"path": "apps.immich.roles", "set": ["owner"]},
        {"path": "apps.jellyfin.roles", "set": ["owner"]},
    ]
    assert derived(small(*alone)).groups == {"group:owner": ("ada@example.com",)}


def test_each_person_and_each_proxy_has_a_test_of_what_is_denied() -> None:
    """Of each person and app it is said whether they come together."""
    here = small()
    tests = {test["src"]: test for test in document(here)["tests"] if "proto" not in test}
    tags = {f"{app_tag(one)}:443" for one in planned(here).tailnet}
    for person in here.people:
        test = tests[person.email]
        assert test["deny"]
        assert tags <= {*test.get("accept", ()), *test["deny"]}
    denied = {source for source, test in tests.items() if test.get("deny")}
    assert {"tag:app-immich", "tag:app-jellyfin", TAG_NODE} <= denied


def test_a_shell_on_a_node_is_the_owners_and_wants_a_browser() -> None:
    by_tag = [rule for rule in document(small())["ssh"] if TAG_NODE in rule["dst"]]
    assert [(rule["action"], rule["src"]) for rule in by_tag] == [("check", ["group:owner"])]


# Whoever edits the derivation and forgets a test: the policy's own tests notice.


def edits() -> Iterator[tuple[str, dict[str, Any]]]:
    """The small home's policy with one grant more, less or wider."""
    whole = document(small())
    for number, grant in enumerate(whole["grants"]):
        # What a person's own devices and pods do among themselves can't be asked of by name.
        if grant["ip"] == ["*"]:
            continue
        lost = copy.deepcopy(whole)
        del lost["grants"][number]
        yield f"grant {number} lost", lost
        for key, everything in (("src", ["*"]), ("dst", ["*"])):
            wider = copy.deepcopy(whole)
            wider["grants"][number][key] = everything
            yield f"grant {number} with any {key}", wider
    for source in ("group:guest", "group:family", "tag:app-jellyfin", "tag:node"):
        more = copy.deepcopy(whole)
        more["grants"].append({"src": [source], "dst": ["*"], "ip": ["*"]})
        yield f"everything for {source}", more


@pytest.mark.parametrize("edit", [pytest.param(policy, id=name) for name, policy in edits()])
def test_a_grant_lost_or_widened_fails_the_policys_own_tests(edit: dict[str, Any]) -> None:
    assert tailnet.parse(edit).failed_tests() != ()


def test_the_file_says_where_it_comes_from() -> None:
    text = tailnet_policy.text(document(small()))
    assert text.startswith("// Made by HomeBrain")
    assert tailnet.read(text) == document(small())
