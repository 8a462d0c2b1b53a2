"""The tailnet's policy: each person reaches exactly their apps, machines each other, and nobody anything else."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import home
import tailnet
from components import doors, plan, tailnet_policy
from home import Home, versions
from tests.homes import config
from tests.unit.components.homes import homes

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "Pulumi.homelab.yaml", *sorted((ROOT / "examples").glob("*.yaml"))]
IMAGES = versions.load()


def policy_of(here: Home) -> tuple[tailnet.Policy, tuple[doors.Opening, ...]]:
    openings = plan.plan(here, IMAGES).tailnet
    return tailnet.parse(tailnet_policy.text(tailnet_policy.policy(here, openings))), openings


@cache
def loaded(path: Path) -> Home:
    return home.load_file(path)


any_home = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
with_a_tailnet = pytest.mark.parametrize(
    "path", [path for path in FILES if home.doors.is_in_a_tailnet(loaded(path))], ids=lambda path: path.stem
)


def check(here: Home) -> None:
    """That the policy is one that Tailscale takes, and lets through what it should and nothing else."""
    policy, openings = policy_of(here)
    assert policy.failed_tests() == ()
    nodes = [f"node-{node.name}" for node in here.nodes if node.addresses.tailnet]
    for person in here.people:
        for opening in openings:
            tag = tailnet_policy.app_tag(opening)
            allowed = person in opening.audience.people
            assert policy.may(person.email, tag, 443).allowed is allowed
            assert not policy.may(person.email, tag, 80).allowed
            assert not policy.may(person.email, tag, 443, "udp").allowed
        owner = person.role == "owner"
        for machine in [tailnet_policy.TAG_NODE, *nodes]:
            assert policy.may(person.email, machine, 22).allowed is owner
            assert policy.may(person.email, machine, 6443).allowed is owner
            assert not policy.may(person.email, machine, 10250).allowed
        if here.nas and here.nas.addresses.tailnet:
            assert not policy.may(person.email, "nas", 445).allowed
            assert policy.may(person.email, "nas", 5001).allowed is owner
        for other in here.people:
            assert policy.may(person.email, other.email, 22).allowed is (person.email == other.email)
    for opening in openings:
        for reached in (tailnet_policy.TAG_NODE, *nodes, *(tailnet_policy.app_tag(one) for one in openings)):
            assert not policy.may(tailnet_policy.app_tag(opening), reached, 443).allowed
    assert not policy.may("stranger@example.org", tailnet_policy.TAG_NODE, 22).allowed


@with_a_tailnet
def test_the_policies_of_real_homes_let_through_what_they_should(path: Path) -> None:
    check(loaded(path))


@any_home
@given(homes())
def test_the_policy_of_any_home_lets_through_what_it_should(here: Home) -> None:
    check(here)


@any_home
@given(homes())
def test_roles_are_those_that_the_config_gives_an_app(here: Home) -> None:
    policy, openings = policy_of(here)
    for opening in openings:
        app = here.apps.by_name[opening.front.app]
        for person in here.people:
            allowed = policy.may(person.email, tailnet_policy.app_tag(opening), 443).allowed
            assert allowed is (person.role in app.roles)


@any_home
@given(homes())
def test_nodes_of_one_lan_need_nothing_of_the_tailnet(here: Home) -> None:
    policy, _ = policy_of(here)
    meshed = any(node.joined_over == "tailnet" for node in here.nodes)
    assert policy.may("tag:node", "tag:node", 10250).allowed is meshed
    assert policy.may("tag:node", "tag:node", 8472, "udp").allowed is meshed
    assert ("autoApprovers" in policy.document) is meshed


def test_nodes_talk_over_the_tailnet_where_one_joined_over_it() -> None:
    policy, _ = policy_of(loaded(FILES[0]))
    for port, proto in ((6443, "tcp"), (10250, "tcp"), (8472, "udp")):
        assert policy.may("tag:node", "node-k3s-master", port, proto).allowed
    assert policy.may("tag:node", "nas", 2049).allowed
    assert policy.may("tag:node", "nas", 445).allowed
    assert not policy.may("tag:node", "nas", 5001).allowed


@with_a_tailnet
def test_keys_can_be_made_for_every_apps_tag(path: Path) -> None:
    policy, openings = policy_of(loaded(path))
    for opening in openings:
        assert policy.tag_owners[tailnet_policy.app_tag(opening)] == (tailnet_policy.TAG_HOMEBRAIN,)


def test_the_policy_holds_itself_to_what_it_denies() -> None:
    policy, _ = policy_of(loaded(FILES[0]))
    widened = dict(policy.document) | {
        "grants": [*policy.document["grants"], {"src": ["autogroup:tagged"], "dst": ["nas"], "ip": ["*"]}]
    }
    failed = tailnet.parse(widened).failed_tests()
    assert any("tag:app-immich may reach it" in one for one in failed)
    narrowed = dict(policy.document) | {"grants": policy.document["grants"][2:]}
    assert tailnet.parse(narrowed).failed_tests()


# Whoever edits the derivation and forgets a test: the policy's own tests notice.


def edits() -> Iterator[tuple[str, dict[str, Any]]]:
    """The small home's policy with one grant more, less or wider."""
    whole = dict(policy_of(home.load(config()))[0].document)
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
