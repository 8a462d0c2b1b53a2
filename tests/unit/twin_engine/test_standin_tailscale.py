"""The stand-in for Tailscale, called as the engine calls it but without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.twin_engine.calls import Calls, RefusedError
from twin.standins import sdk, tailscale
from twin.standins.record import Entry
from twin.standins.tailscale import (
    ACL,
    DNS_NAMESERVERS,
    DNS_PREFERENCES,
    OAUTH_CLIENT,
    TAILNET_KEY,
    TAILNET_SETTINGS,
)
from twin.standins.values import UNKNOWN, Secret

GRANT = {"src": ["autogroup:member"], "dst": ["tag:proxy"], "ip": ["tcp:443"]}
POLICY: dict[str, Any] = {"tagOwners": {"tag:proxy": ["autogroup:admin"]}, "grants": [GRANT]}
FAILING = {**POLICY, "tests": [{"src": "tag:proxy", "accept": ["tag:proxy:22"]}]}
OAUTH = {"oauthClientId": "throwaway", "oauthClientSecret": Secret("throwaway")}
KEY = {"tags": ["tag:proxy"], "reusable": True}


def acl(policy: Any = POLICY, **more: Any) -> dict[str, Any]:
    return {"acl": json.dumps(policy), **more}


EACH: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    ACL: (acl(), acl({**POLICY, "grants": []})),
    DNS_PREFERENCES: ({"magicDns": True}, {"magicDns": False}),
    DNS_NAMESERVERS: ({"nameservers": ["192.0.2.1"]}, {"nameservers": ["192.0.2.1", "2001:db8::1"]}),
    TAILNET_SETTINGS: ({"httpsEnabled": True}, {"httpsEnabled": True, "devicesApprovalOn": True}),
    OAUTH_CLIENT: ({"scopes": ["dns"]}, {"scopes": ["dns", "policy_file"]}),
}
"""Inputs and changed inputs of what can be updated."""


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tailscale.SERVICE, tmp_path, apiKey=Secret("throwaway"))


@pytest.mark.parametrize("kind", tailscale.SERVICE.kinds, ids=lambda kind: kind.token.rpartition(":")[2])
def test_every_kind_is_as_the_installed_sdk_declares_it(kind: Any) -> None:
    declared = sdk.resource_type(kind.token)
    assert declared is not None
    assert kind.defaults.keys() <= declared.inputs.keys()
    assert kind.replace_on <= declared.inputs.keys()
    assert kind.lasting <= declared.outputs


@pytest.mark.parametrize("token", EACH, ids=lambda token: token.rpartition(":")[2])
def test_everything_goes_through_its_whole_life(calls: Calls, token: str) -> None:
    inputs, changed = EACH[token]
    declared = sdk.resource_type(token)
    assert declared is not None
    assert calls.failures(token, inputs) == calls.failures(token, changed) == {}
    assert calls.create(token, "it", inputs, preview=True)[0] == ""
    assert calls.held(token) == []
    id, outputs = calls.create(token, "it", inputs)
    assert outputs.keys() <= declared.outputs
    assert outputs.items() >= inputs.items()
    assert calls.read(token, "it", id) == (id, inputs, outputs)
    changes, replaces = calls.diff(token, inputs, changed)
    assert changes
    assert replaces == []
    assert calls.update(token, "it", id, changed).items() >= changed.items()
    assert [entry.inputs for entry in calls.held(token)] == [changed]


@pytest.mark.parametrize(
    ("token", "inputs", "stays"),
    [
        (ACL, acl(resetAclOnDestroy=True), False),
        (ACL, acl(), True),
        (DNS_PREFERENCES, {"magicDns": True}, False),
        (DNS_NAMESERVERS, {"nameservers": ["192.0.2.1"]}, False),
        (TAILNET_SETTINGS, {"httpsEnabled": True}, True),
        (TAILNET_KEY, {}, False),
        (OAUTH_CLIENT, {"scopes": ["dns"]}, False),
    ],
)
def test_what_the_provider_can_not_undo_stays_and_belongs_to_nobody(
    calls: Calls, token: str, inputs: dict[str, Any], stays: bool
) -> None:
    id, _ = calls.create(token, "it", inputs)
    calls.delete(token, "it", id)
    assert [entry.urn for entry in calls.held(token)] == ([""] if stays else [])


def test_every_change_of_a_key_replaces_it(calls: Calls) -> None:
    old = {"tags": ["tag:a", "tag:b"], "expiry": 3600}
    assert calls.diff(TAILNET_KEY, old, {"tags": ["tag:b", "tag:a"], "expiry": 3600, "reusable": False}) == ([], [])
    assert calls.diff(TAILNET_KEY, old, {**old, "expiry": 7200}) == (["expiry"], ["expiry"])
    assert calls.diff(TAILNET_KEY, old, {**old, "tags": ["tag:a"]}) == (["tags"], ["tags"])
    assert calls.diff(TAILNET_KEY, old, {**old, "tags": UNKNOWN}) == (["tags"], ["tags"])
    assert calls.diff(TAILNET_KEY, old, {**old, "recreateIfInvalid": "always"}) == (["recreateIfInvalid"], [])


def test_the_same_policy_in_another_layout_is_no_change(calls: Calls) -> None:
    assert calls.diff(ACL, acl(), {"acl": json.dumps(POLICY, indent=4)}) == ([], [])
    assert calls.diff(ACL, acl(), acl(FAILING)) == (["acl"], [])
    assert calls.diff(ACL, acl(), {"acl": UNKNOWN}) == (["acl"], [])


def test_a_policy_whose_tests_fail_is_refused_in_the_preview(calls: Calls) -> None:
    assert "test(s) failed" in calls.failures(ACL, acl(FAILING))["acl"]


@pytest.mark.parametrize("text", ["{", "[]", '{"grant": []}'])
def test_a_malformed_policy_is_refused_in_the_preview(calls: Calls, text: str) -> None:
    assert "ACL validation failed" in calls.failures(ACL, {"acl": text})["acl"]


def test_a_policy_that_was_edited_elsewhere_is_not_overwritten_unasked(calls: Calls) -> None:
    edited = acl({"grants": []})
    calls.record.add(Entry(id="acl", type=ACL, urn="", inputs=edited, outputs=edited))
    with pytest.raises(RefusedError, match=r"import your existing ACL using the id `acl` .*\(412\)"):
        calls.create(ACL, "mine", acl())
    assert [entry.inputs for entry in calls.held(ACL)] == [edited]
    calls.create(ACL, "mine", acl(overwriteExistingContent=True))
    assert [json.loads(entry.inputs["acl"]) for entry in calls.held(ACL)] == [POLICY]


def test_a_policy_that_was_edited_elsewhere_can_be_imported_and_then_changed(calls: Calls) -> None:
    edited = acl({"grants": []})
    calls.record.add(Entry(id="acl", type=ACL, urn="", inputs=edited, outputs=edited))
    assert calls.read(ACL, "mine", "acl")[:2] == ("acl", edited)
    calls.update(ACL, "mine", "acl", acl())
    assert [json.loads(entry.inputs["acl"]) for entry in calls.held(ACL)] == [POLICY]


def test_a_destroyed_policy_that_was_not_reset_is_not_overwritten_either(calls: Calls) -> None:
    id, _ = calls.create(ACL, "mine", acl())
    calls.delete(ACL, "mine", id)
    with pytest.raises(RefusedError, match="412"):
        calls.create(ACL, "mine", acl())


def test_a_key_needs_the_policy_that_owns_its_tags_first(calls: Calls) -> None:
    assert calls.failures(TAILNET_KEY, KEY) == {}
    with pytest.raises(RefusedError, match=r"requested tags \[tag:proxy\] are invalid or not permitted \(400\)"):
        calls.create(TAILNET_KEY, "key", KEY)
    calls.create(ACL, "policy", acl())
    calls.create(TAILNET_KEY, "key", KEY)
    with pytest.raises(RefusedError, match=r"requested tags \[tag:other\]"):
        calls.create(TAILNET_KEY, "other", {"tags": ["tag:proxy", "tag:other"]})
    with pytest.raises(RefusedError, match=r"requested tags \[tag:other\]"):
        calls.create(OAUTH_CLIENT, "client", {"scopes": ["auth_keys"], "tags": ["tag:other"]})
    assert len(calls.held(TAILNET_KEY)) == 1


def test_a_key_of_an_oauth_client_needs_tags(calls: Calls) -> None:
    assert calls.failures(TAILNET_KEY, {}) == {}
    calls.configure(**OAUTH)
    assert "must have tags set" in calls.failures(TAILNET_KEY, {})["tags"]
    assert calls.failures(TAILNET_KEY, KEY) == {}


@pytest.mark.parametrize(
    ("token", "inputs", "place"),
    [
        (TAILNET_KEY, {"expiry": 90 * 24 * 3600 + 1}, "expiry"),
        (TAILNET_KEY, {"expiry": 0}, "expiry"),
        (TAILNET_KEY, {"description": "x" * 51}, "description"),
        (TAILNET_KEY, {"recreateIfInvalid": "sometimes"}, "recreateIfInvalid"),
        (TAILNET_KEY, {"tag": ["tag:proxy"]}, "tag"),
        (TAILNET_KEY, {"tags": "tag:proxy"}, "tags"),
        (TAILNET_KEY, {"tags": [1]}, "tags[0]"),
        (OAUTH_CLIENT, {}, "scopes"),
        (OAUTH_CLIENT, {"scopes": ["auth_keys"]}, "tags"),
        (ACL, {}, "acl"),
        (DNS_PREFERENCES, {}, "magicDns"),
        (DNS_NAMESERVERS, {"nameservers": []}, "nameservers"),
        (DNS_NAMESERVERS, {"nameservers": ["192.0.2.1", "dns.example"]}, "nameservers[1]"),
        (TAILNET_SETTINGS, {"aclsExternalLink": "example.com"}, "aclsExternalLink"),
        (TAILNET_SETTINGS, {"usersRoleAllowedToJoinExternalTailnet": "x"}, "usersRoleAllowedToJoinExternalTailnet"),
    ],
)
def test_what_else_tailscale_would_refuse_is_refused(
    calls: Calls, token: str, inputs: dict[str, Any], place: str
) -> None:
    failures = calls.failures(token, inputs)
    assert list(failures) == [place]
    assert "stand-in for tailscale refuses" in failures[place]


def test_a_provider_needs_a_key_or_an_oauth_client(tmp_path: Path) -> None:
    Calls(tailscale.SERVICE, tmp_path, **OAUTH)
    with pytest.raises(RefusedError, match="no credentials; it needs apiKey, or oauthClientId and oauthClientSecret"):
        Calls(tailscale.SERVICE, tmp_path, tailnet="example.ts.net", oauthClientId="throwaway")


@pytest.mark.parametrize(("token", "inputs"), [(TAILNET_KEY, {}), (OAUTH_CLIENT, {"scopes": ["dns"]})])
def test_keys_are_secret_and_can_be_read_again_though_the_record_does_not_hold_them(
    calls: Calls, token: str, inputs: dict[str, Any]
) -> None:
    id, made = calls.create(token, "key", inputs)
    assert isinstance(made["key"], Secret)
    assert made["key"].value.startswith("tskey-")
    assert calls.read(token, "key", id, inputs, made)[2]["key"] == made["key"]
    assert made["key"].value not in "".join(path.read_text() for path in calls.folder.iterdir())


def test_a_key_says_when_it_expires(calls: Calls) -> None:
    _, made = calls.create(TAILNET_KEY, "key", {"expiry": 3600})
    assert made["createdAt"] < made["expiresAt"]
    assert made["expiry"] == 3600
    assert made["invalid"] is False


def test_setting_what_there_is_one_of_twice_leaves_one(calls: Calls) -> None:
    calls.create(DNS_PREFERENCES, "one", {"magicDns": True})
    calls.create(DNS_PREFERENCES, "two", {"magicDns": False})
    assert [entry.inputs for entry in calls.held(DNS_PREFERENCES)] == [{"magicDns": False}]
