"""The stand-in for Cloudflare, called as the engine calls it but without one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.twin_engine.calls import Calls, RefusedError
from twin.standins import cloudflare, sdk
from twin.standins.cloudflare import (
    ACCESS_APPLICATION,
    ACCESS_POLICY,
    DNS_RECORD,
    IDENTITY_PROVIDER,
    SERVICE_TOKEN,
    TUNNEL,
    TUNNEL_CONFIG,
)
from twin.standins.kinds import Home
from twin.standins.record import Entry
from twin.standins.values import UNKNOWN, Secret

HOME = Home(domain="example.com")
ACCOUNT = cloudflare.account_id(HOME)
ZONE = cloudflare.zone_id(HOME)
TUNNEL_INPUTS = {"accountId": ACCOUNT, "name": "home", "configSrc": "cloudflare"}
CATCH_ALL = {"service": "http_status:404"}
PHOTOS = {"hostname": "photos.example.com", "service": "http://immich.photos:2283"}
RECORD = {"zoneId": ZONE, "name": "photos.example.com", "type": "CNAME", "content": "x", "ttl": 1, "proxied": True}
POLICY = {"accountId": ACCOUNT, "name": "people", "decision": "allow", "includes": [{"email": {"email": "a@b.c"}}]}
APPLICATION = {"accountId": ACCOUNT, "name": "photos", "type": "self_hosted", "domain": "photos.example.com"}
SERVICE_TOKEN_INPUTS = {"accountId": ACCOUNT, "name": "api"}
PIN = {"accountId": ACCOUNT, "name": "PIN", "type": "onetimepin", "config": {}}
EACH = {
    TUNNEL: TUNNEL_INPUTS,
    DNS_RECORD: RECORD,
    ACCESS_POLICY: POLICY,
    ACCESS_APPLICATION: APPLICATION,
    SERVICE_TOKEN: SERVICE_TOKEN_INPUTS,
    IDENTITY_PROVIDER: PIN,
}
GET_ZONE = "cloudflare:index/getZone:getZone"
GET_TOKEN = "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken"


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(cloudflare.SERVICE, tmp_path, HOME, apiToken=Secret("throwaway"))


def config(*rules: dict[str, Any], tunnel: str = "t") -> dict[str, Any]:
    return {"accountId": ACCOUNT, "tunnelId": tunnel, "config": {"ingresses": list(rules)}}


@pytest.mark.parametrize("kind", cloudflare.SERVICE.kinds, ids=lambda kind: kind.token.rpartition(":")[2])
def test_every_kind_is_as_the_installed_sdk_declares_it(kind: Any) -> None:
    declared = sdk.resource_type(kind.token)
    assert declared is not None
    assert kind.defaults.keys() <= declared.inputs.keys()
    assert kind.replace_on <= declared.inputs.keys()
    assert kind.lasting <= declared.outputs


@pytest.mark.parametrize(("token", "inputs"), EACH.items(), ids=lambda value: str(value).rpartition(":")[2][:30])
def test_everything_goes_through_its_whole_life(calls: Calls, token: str, inputs: dict[str, Any]) -> None:
    declared = sdk.resource_type(token)
    assert declared is not None
    assert calls.failures(token, inputs) == {}
    assert calls.create(token, "it", inputs, preview=True)[0] == ""
    assert calls.held(token) == []
    id, outputs = calls.create(token, "it", inputs)
    assert outputs.keys() <= declared.outputs
    assert outputs.items() >= inputs.items()
    assert calls.read(token, "it", id, inputs, outputs) == (id, inputs, outputs)
    changed = {**inputs, "name": f"other.{inputs['name']}"}
    assert calls.diff(token, inputs, changed) == (["name"], [])
    assert calls.update(token, "it", id, changed)["name"] == changed["name"]
    assert [entry.inputs["name"] for entry in calls.held(token)] == [changed["name"]]
    calls.delete(token, "it", id)
    assert calls.held(token) == []
    assert calls.read(token, "it", id, inputs, outputs)[0] == ""


@pytest.mark.parametrize(
    ("token", "form"),
    [
        (TUNNEL, "{account}/{id}"),
        (DNS_RECORD, "{zone}/{id}"),
        (ACCESS_POLICY, "{account}/{id}"),
        (ACCESS_APPLICATION, "accounts/{account}/{id}"),
        (SERVICE_TOKEN, "accounts/{account}/{id}"),
        (IDENTITY_PROVIDER, "accounts/{account}/{id}"),
    ],
)
def test_something_made_elsewhere_can_be_imported_by_the_id_that_the_sdk_documents(
    calls: Calls, token: str, form: str
) -> None:
    calls.record.add(Entry(id="there", type=token, urn="", inputs=EACH[token], outputs=EACH[token]))
    id = form.format(account=ACCOUNT, zone=ZONE, id="there")
    assert calls.read(token, "it", id)[:2] == ("there", EACH[token])
    assert calls.read(token, "it", id.replace(ACCOUNT, "another").replace(ZONE, "another"))[0] == ""
    with pytest.raises(RefusedError, match="invalid ID 'there': expected <"):
        calls.read(token, "it", "there")


def test_what_was_imported_belongs_to_the_resource_that_changes_it(calls: Calls) -> None:
    calls.record.add(Entry(id="there", type=TUNNEL, urn="", inputs=TUNNEL_INPUTS, outputs=TUNNEL_INPUTS))
    calls.update(TUNNEL, "mine", "there", {**TUNNEL_INPUTS, "name": "new"})
    assert [entry.urn.rpartition("::")[2] for entry in calls.held(TUNNEL)] == ["mine"]


@pytest.mark.parametrize(
    ("token", "changed", "replaces"),
    [
        (TUNNEL, {"accountId": "other"}, True),
        (TUNNEL, {"configSrc": "local"}, True),
        (TUNNEL, {"name": "other"}, False),
        (DNS_RECORD, {"zoneId": "other"}, True),
        (DNS_RECORD, {"content": "y", "type": "A"}, False),
        (ACCESS_POLICY, {"accountId": "other"}, True),
        (ACCESS_POLICY, {"decision": "deny"}, False),
        (ACCESS_APPLICATION, {"accountId": None, "zoneId": ZONE}, True),
        (ACCESS_APPLICATION, {"domain": "films.example.com"}, False),
        (SERVICE_TOKEN, {"duration": "24h"}, False),
    ],
)
def test_a_change_replaces_or_updates_as_the_provider_s_schema_says(
    calls: Calls, token: str, changed: dict[str, Any], replaces: bool
) -> None:
    assert calls.diff(token, EACH[token], {**EACH[token], **changed}) == (
        sorted(changed),
        sorted(changed) if replaces else [],
    )


def test_another_tunnel_replaces_a_tunnel_s_config_and_other_rules_do_not(calls: Calls) -> None:
    assert calls.diff(TUNNEL_CONFIG, config(CATCH_ALL), config(CATCH_ALL, tunnel="u"))[1] == ["tunnelId"]
    assert calls.diff(TUNNEL_CONFIG, config(CATCH_ALL), config(PHOTOS, CATCH_ALL)) == (["config"], [])


def test_a_preview_says_what_it_can_not_know(calls: Calls) -> None:
    _, outputs = calls.create(SERVICE_TOKEN, "it", SERVICE_TOKEN_INPUTS, preview=True)
    assert outputs["name"] == "api"
    assert outputs["clientSecret"] == Secret(UNKNOWN)
    assert outputs["clientId"] is UNKNOWN


@pytest.mark.parametrize(
    ("rules", "place", "said"),
    [
        ([], "config.ingresses", "at least one"),
        ([PHOTOS], "config.ingresses[0]", "last ingress rule must match all"),
        ([CATCH_ALL, PHOTOS], "config.ingresses[1]", "last ingress rule must match all"),
        ([PHOTOS, {**CATCH_ALL, "path": "/x"}], "config.ingresses[1]", "last ingress rule must match all"),
        ([CATCH_ALL, CATCH_ALL], "config.ingresses[0]", "never be triggered"),
        ([{**PHOTOS, "hostname": "*"}, CATCH_ALL], "config.ingresses[0]", "never be triggered"),
        ([PHOTOS, PHOTOS, CATCH_ALL], "config.ingresses[1].hostname", "another rule matches photos.example.com"),
        ([{**PHOTOS, "hostname": "a.example.org"}, CATCH_ALL], "config.ingresses[0].hostname", "outside the account"),
        ([{**PHOTOS, "hostname": "notexample.com"}, CATCH_ALL], "config.ingresses[0].hostname", "outside the account"),
        ([{**PHOTOS, "hostname": "a.*.example.com"}, CATCH_ALL], "config.ingresses[0].hostname", "wildcard"),
        ([{**PHOTOS, "hostname": "a:1.example.com"}, CATCH_ALL], "config.ingresses[0].hostname", "a port"),
        ([{**PHOTOS, "service": "immich:2283"}, CATCH_ALL], "config.ingresses[0].service", "a scheme and a hostname"),
        ([{**PHOTOS, "service": "http://immich/x"}, CATCH_ALL], "config.ingresses[0].service", "different path"),
        ([{"service": "http_status:40"}], "config.ingresses[0].service", "not a valid HTTP status"),
        ([{"hostnme": "a.example.com", **CATCH_ALL}], "config.ingresses[0].hostnme", "has no property 'hostnme'"),
        ([{"hostname": "a.example.com"}, CATCH_ALL], "config.ingresses[0].service", "needs the property 'service'"),
        ([{**PHOTOS, "originRequest": {"access": {}}}, CATCH_ALL], "config.ingresses[0].originRequest.access.audTags",
         "needs the property 'audTags'"),
        ([{**CATCH_ALL, "originRequest": {"noTlsVerify": "y"}}], "config.ingresses[0].originRequest.noTlsVerify",
         "must be of type boolean"),
        (["photos"], "config.ingresses[0]", "must be of type object"),
    ],
)  # fmt: skip
def test_rules_that_cloudflare_would_refuse_are_refused(calls: Calls, rules: list[Any], place: str, said: str) -> None:
    failures = calls.failures(TUNNEL_CONFIG, config(*rules))
    assert said in failures[place]
    assert "stand-in for cloudflare refuses" in failures[place]


labels = st.from_regex(r"[a-z]([a-z0-9]{0,5})", fullmatch=True)


@given(hostnames=st.lists(labels, unique=True, max_size=5), last=st.booleans(), wildcard=st.booleans())
def test_distinct_names_in_the_zone_and_a_final_catch_all_are_exactly_what_is_taken(
    tmp_path_factory: pytest.TempPathFactory, hostnames: list[str], last: bool, wildcard: bool
) -> None:
    calls = Calls(cloudflare.SERVICE, tmp_path_factory.getbasetemp() / "rules", HOME, apiToken="x")
    rules = [{**PHOTOS, "hostname": f"{name}.example.com"} for name in hostnames]
    rules += [{**PHOTOS, "hostname": "*.example.com"}] if wildcard else []
    rules += [CATCH_ALL] if last else []
    assert (calls.failures(TUNNEL_CONFIG, config(*rules)) == {}) == last
    if hostnames and last:
        assert calls.failures(TUNNEL_CONFIG, config(rules[0], *rules)) != {}
        assert calls.failures(TUNNEL_CONFIG, config(CATCH_ALL, *rules)) != {}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"zoneId": "another"}, "zoneId"),
        ({"name": "photos.example.org"}, "name"),
        ({"name": "photos"}, "name"),
        ({"ttl": 300}, "ttl"),
        ({"ttl": 59, "proxied": False}, "ttl"),
        ({"type": "TXT"}, "proxied"),
        ({"content": None}, "content"),
        ({"ttl": None}, "ttl"),
        ({"ttl": True}, "ttl"),
    ],
)
def test_records_that_cloudflare_would_refuse_are_refused(calls: Calls, changed: dict[str, Any], place: str) -> None:
    assert list(calls.failures(DNS_RECORD, {**RECORD, **changed})) == [place]


@pytest.mark.parametrize("changed", [{}, {"name": "@"}, {"name": "example.com"}, {"ttl": 300, "proxied": False}])
def test_records_of_the_zone_are_taken(calls: Calls, changed: dict[str, Any]) -> None:
    assert calls.failures(DNS_RECORD, {**RECORD, **changed}) == {}


@pytest.mark.parametrize(
    ("token", "changed", "place"),
    [
        (TUNNEL, {"configSrc": "elsewhere"}, "configSrc"),
        (TUNNEL, {"tunnelSecret": Secret("c2hvcnQ=")}, "tunnelSecret"),
        (TUNNEL, {"tunnelSecret": Secret("not base64!")}, "tunnelSecret"),
        (ACCESS_POLICY, {"decision": "maybe"}, "decision"),
        (ACCESS_POLICY, {"includes": []}, "includes"),
        (ACCESS_POLICY, {"decision": "non_identity", "includes": None}, "includes"),
        (ACCESS_POLICY, {"includes": [{"emial": {"email": "a@b.c"}}]}, "includes[0].emial"),
        (ACCESS_POLICY, {"includes": [{"email": {}}]}, "includes[0].email.email"),
        (ACCESS_APPLICATION, {"domain": "photos.example.org/x"}, "domain"),
        (ACCESS_APPLICATION, {"domain": None}, "domain"),
        (ACCESS_APPLICATION, {"zoneId": ZONE}, "accountId"),
        (ACCESS_APPLICATION, {"policies": [{"id": "a", "precedence": 1}, {"id": "b", "precedence": 1}]}, "policies"),
        (SERVICE_TOKEN, {"accountId": None}, "accountId"),
        (SERVICE_TOKEN, {"duration": "a year"}, "duration"),
        (SERVICE_TOKEN, {"clientSecretVersion": 2}, "clientSecretVersion"),
        (IDENTITY_PROVIDER, {"type": "github"}, "type"),
    ],
)
def test_what_else_cloudflare_would_refuse_is_refused(
    calls: Calls, token: str, changed: dict[str, Any], place: str
) -> None:
    failures = calls.failures(token, {**EACH[token], **changed})
    assert list(failures) == [place]
    assert "c2hvcnQ=" not in failures[place]


def test_an_account_without_a_domain_has_no_zone(tmp_path: Path) -> None:
    calls = Calls(cloudflare.SERVICE, tmp_path, apiToken="x")
    assert "the account has none" in calls.failures(ACCESS_APPLICATION, APPLICATION)["domain"]
    with pytest.raises(RefusedError, match="the account has no zone"):
        calls.invoke(GET_ZONE, filter={"name": "example.com", "match": "all"})


def test_a_provider_without_credentials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no credentials; it needs apiToken, or apiKey and email, or"):
        Calls(cloudflare.SERVICE, tmp_path, HOME)


def test_a_second_tunnel_of_the_same_name_is_refused(calls: Calls) -> None:
    id, _ = calls.create(TUNNEL, "one", TUNNEL_INPUTS)
    with pytest.raises(RefusedError, match="You already have a tunnel with this name, 'home'"):
        calls.create(TUNNEL, "two", TUNNEL_INPUTS)
    other, _ = calls.create(TUNNEL, "two", {**TUNNEL_INPUTS, "name": "other"})
    with pytest.raises(RefusedError, match="You already have a tunnel"):
        calls.update(TUNNEL, "two", other, TUNNEL_INPUTS)
    calls.update(TUNNEL, "one", id, TUNNEL_INPUTS)
    assert sorted(entry.inputs["name"] for entry in calls.held(TUNNEL)) == ["home", "other"]


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        ({}, {}, True),
        ({}, {"content": "elsewhere"}, True),
        ({}, {"name": "Photos.Example.com"}, True),
        ({}, {"type": "A", "content": "192.0.2.1"}, True),
        ({"type": "A", "content": "192.0.2.1"}, {"type": "A", "content": "192.0.2.2"}, False),
        ({"type": "A", "content": "192.0.2.1"}, {"type": "A", "content": "192.0.2.1"}, True),
        ({"type": "A", "content": "192.0.2.1"}, {}, True),
        ({"name": "@"}, {"name": "example.com"}, True),
        ({}, {"type": "TXT", "proxied": False}, False),
        ({}, {"name": "films.example.com"}, False),
    ],
)
def test_records_that_can_not_stand_beside_each_other_are_refused(
    calls: Calls, first: dict[str, Any], second: dict[str, Any], refused: bool
) -> None:
    calls.create(DNS_RECORD, "first", {**RECORD, **first})
    if refused:
        with pytest.raises(RefusedError, match="already exists"):
            calls.create(DNS_RECORD, "second", {**RECORD, **second})
    else:
        calls.create(DNS_RECORD, "second", {**RECORD, **second})
    assert len(calls.held(DNS_RECORD)) == (1 if refused else 2)


def test_a_tunnel_has_one_config_and_the_last_writer_wins(calls: Calls) -> None:
    with pytest.raises(RefusedError, match="there is no tunnel t"):
        calls.create(TUNNEL_CONFIG, "early", config(CATCH_ALL))
    tunnel, _ = calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)
    first, _ = calls.create(TUNNEL_CONFIG, "first", config(CATCH_ALL, tunnel=tunnel))
    second, _ = calls.create(TUNNEL_CONFIG, "second", config(PHOTOS, CATCH_ALL, tunnel=tunnel))
    assert first == second == tunnel
    assert [len(entry.inputs["config"]["ingresses"]) for entry in calls.held(TUNNEL_CONFIG)] == [2]


def test_the_rules_of_a_deleted_config_stay_in_force_as_long_as_their_tunnel(calls: Calls) -> None:
    tunnel, _ = calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)
    other, _ = calls.create(TUNNEL, "other", {**TUNNEL_INPUTS, "name": "other"})
    for id in (tunnel, other):
        calls.create(TUNNEL_CONFIG, f"config-{id}", config(PHOTOS, CATCH_ALL, tunnel=id))
    calls.delete(TUNNEL_CONFIG, f"config-{tunnel}", tunnel)
    assert {(entry.id, entry.urn.rpartition("::")[2]) for entry in calls.held(TUNNEL_CONFIG)} == {
        (tunnel, ""),
        (other, f"config-{other}"),
    }
    calls.delete(TUNNEL, "tunnel", tunnel)
    assert [entry.id for entry in calls.held(TUNNEL_CONFIG)] == [other]


def test_a_tunnel_s_token_is_its_own_and_always_the_same(calls: Calls) -> None:
    one, _ = calls.create(TUNNEL, "one", TUNNEL_INPUTS)
    two, _ = calls.create(TUNNEL, "two", {**TUNNEL_INPUTS, "name": "other"})
    token = calls.invoke(GET_TOKEN, accountId=ACCOUNT, tunnelId=one)["token"]
    content = json.loads(base64.b64decode(token))
    assert (content["a"], content["t"]) == (ACCOUNT, one)
    assert len(base64.b64decode(content["s"])) == 32
    calls.update(TUNNEL, "one", one, {**TUNNEL_INPUTS, "name": "renamed"})
    assert calls.invoke(GET_TOKEN, accountId=ACCOUNT, tunnelId=one)["token"] == token
    assert calls.invoke(GET_TOKEN, accountId=ACCOUNT, tunnelId=two)["token"] != token
    stored = "".join(path.read_text() for path in calls.folder.iterdir())
    assert token not in stored
    assert content["s"] not in stored
    with pytest.raises(RefusedError, match="no tunnel nothing"):
        calls.invoke(GET_TOKEN, accountId=ACCOUNT, tunnelId="nothing")


def test_secrets_are_given_back_and_never_written_down(calls: Calls) -> None:
    own = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    tunnel, made = calls.create(TUNNEL, "tunnel", {**TUNNEL_INPUTS, "tunnelSecret": Secret(own)})
    assert made["tunnelSecret"] == Secret(own)
    _, inputs, outputs = calls.read(TUNNEL, "tunnel", tunnel, {**TUNNEL_INPUTS, "tunnelSecret": Secret(own)}, made)
    assert inputs["tunnelSecret"] == outputs["tunnelSecret"] == Secret(own)
    assert "tunnelSecret" not in calls.read(TUNNEL, "tunnel", f"{ACCOUNT}/{tunnel}")[1]
    id, token = calls.create(SERVICE_TOKEN, "token", SERVICE_TOKEN_INPUTS)
    assert calls.read(SERVICE_TOKEN, "token", id, SERVICE_TOKEN_INPUTS)[2]["clientSecret"] == token["clientSecret"]
    stored = "".join(path.read_text() for path in calls.folder.iterdir())
    assert token["clientSecret"].value not in stored
    assert own not in stored


def test_a_secret_that_the_program_forgot_to_mark_is_not_written_down_either(calls: Calls) -> None:
    own = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    _, made = calls.create(TUNNEL, "tunnel", {**TUNNEL_INPUTS, "tunnelSecret": own})
    assert made["tunnelSecret"] == Secret(own)
    assert own not in calls.record.path.read_text()


def test_a_service_token_is_rotated_by_its_version(calls: Calls) -> None:
    id, first = calls.create(SERVICE_TOKEN, "token", SERVICE_TOKEN_INPUTS)
    rotation = {"clientSecretVersion": 2, "previousClientSecretExpiresAt": "2030-01-01T00:00:00Z"}
    second = calls.update(SERVICE_TOKEN, "token", id, {**SERVICE_TOKEN_INPUTS, **rotation})
    assert second["clientId"] == first["clientId"]
    assert second["clientSecret"] != first["clientSecret"]
    assert calls.update(SERVICE_TOKEN, "token", id, SERVICE_TOKEN_INPUTS)["clientSecret"] == first["clientSecret"]


def test_a_refresh_shows_what_was_changed_elsewhere(calls: Calls) -> None:
    id, outputs = calls.create(DNS_RECORD, "record", RECORD)
    with calls.record.changing() as entries:
        entries[0].inputs["content"] = entries[0].outputs["content"] = "elsewhere"
    _, inputs, properties = calls.read(DNS_RECORD, "record", id, RECORD, outputs)
    assert inputs["content"] == properties["content"] == "elsewhere"


def test_the_home_s_zone_is_found_by_its_name_and_its_id(calls: Calls) -> None:
    zone = calls.invoke(GET_ZONE, filter={"name": "example.com", "match": "all"})
    assert (zone["zoneId"], zone["account"]["id"], zone["status"]) == (ZONE, ACCOUNT, "active")
    assert calls.invoke(GET_ZONE, zoneId=ZONE)["name"] == "example.com"
    with pytest.raises(RefusedError, match=r"found no zone 'example.org'; the account's only zone is example.com"):
        calls.invoke(GET_ZONE, filter={"name": "example.org", "match": "all"})
    with pytest.raises(RefusedError, match="exactly one of zoneId and filter"):
        calls.invoke(GET_ZONE)


def test_zones_are_listed_by_what_is_asked_for(calls: Calls) -> None:
    get_zones = "cloudflare:index/getZones:getZones"
    assert [zone["name"] for zone in calls.invoke(get_zones)["results"]] == ["example.com"]
    assert calls.invoke(get_zones, name="example.org")["results"] == []
    assert calls.invoke(get_zones, account={"id": "another"})["results"] == []


def test_the_organization_says_where_people_sign_in(calls: Calls) -> None:
    token = "cloudflare:index/getZeroTrustOrganization:getZeroTrustOrganization"
    assert calls.invoke(token, accountId=ACCOUNT)["authDomain"] == "example-stand-in.cloudflareaccess.com"
