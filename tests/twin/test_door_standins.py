"""The stand-ins for Cloudflare and Tailscale through the real engine, asked by the SDKs' own classes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.twin.tiny import Tiny
from twin.engine import EngineError
from twin.standins import cloudflare, faults
from twin.standins.cloudflare import DNS_RECORD, TUNNEL
from twin.standins.faults import Fault
from twin.standins.kinds import Home
from twin.standins.record import Entry, Record
from twin.standins.tailscale import ACL

HOME = Home("example.com", "example.ts.net")
CONFIG = f"config: {{'homebrain:domain': {HOME.domain}, 'homebrain:tailnet': {HOME.tailnet}}}"
ACCOUNT = cloudflare.account_id(HOME)
DOORS = ("cloudflare", "tailscale")

PUBLIC_DOOR = """
import pulumi_cloudflare as cloudflare

there = pulumi.InvokeOptions(
    provider=(cf := cloudflare.Provider("cloudflare", api_token=pulumi.Output.secret("throwaway")))
)
cf = pulumi.ResourceOptions(provider=cf)
zone = cloudflare.get_zone(filter={"name": "example.com", "match": "all"}, opts=there)
account = zone.account.id
team = cloudflare.get_zero_trust_organization_output(account_id=account, opts=there)
tunnel = cloudflare.ZeroTrustTunnelCloudflared(
    "tunnel", account_id=account, name="home", config_src="cloudflare", opts=cf)
token = cloudflare.get_zero_trust_tunnel_cloudflared_token_output(account_id=account, tunnel_id=tunnel.id, opts=there)
service = cloudflare.ZeroTrustAccessServiceToken("service", account_id=account, name="api", opts=cf)
policy = cloudflare.ZeroTrustAccessPolicy(
    "policy", account_id=account, name="people", decision="allow",
    includes=[{"email": {"email": "a@example.com"}}, {"service_token": {"token_id": service.id}}], opts=cf)
app = cloudflare.ZeroTrustAccessApplication(
    "app", account_id=account, name="photos", domain="photos.example.com", type="self_hosted",
    policies=[{"id": policy.id, "precedence": 1}], opts=cf)
cloudflare.ZeroTrustTunnelCloudflaredConfig(
    "config", account_id=account, tunnel_id=tunnel.id, source="cloudflare",
    config=cloudflare.ZeroTrustTunnelCloudflaredConfigConfigArgs(ingresses=[
        {"hostname": "photos.example.com", "service": "http://immich.photos:2283",
         "origin_request": {"access": {"required": True, "team_name": team.name, "aud_tags": [app.aud]}}},
        {"service": "http_status:404"},
    ]), opts=cf)
cloudflare.DnsRecord(
    "record", zone_id=zone.zone_id, name="photos.example.com", type="CNAME", ttl=1, proxied=True,
    content=tunnel.id.apply(lambda id: f"{id}.cfargotunnel.com"), opts=cf)
pulumi.export("token", pulumi.Output.secret(token.token))
pulumi.export("client secret", service.client_secret)
"""

TAILNET_DOOR = """
import json
import pulumi_tailscale as tailscale

ts = tailscale.Provider(
    "tailscale", oauth_client_id="client", oauth_client_secret="throwaway", tailnet="example.ts.net")
ts = pulumi.ResourceOptions(provider=ts)
acl = tailscale.Acl("acl", acl=json.dumps({
    "tagOwners": {"tag:proxy": ["autogroup:admin"]},
    "grants": [{"src": ["autogroup:member"], "dst": ["tag:proxy"], "ip": ["tcp:443"]}],
}), opts=ts)
tailscale.DnsPreferences("dns", magic_dns=True, opts=ts)
tailscale.TailnetSettings("settings", https_enabled=True, opts=ts)
key = tailscale.TailnetKey(
    "key", tags=["tag:proxy"], expiry=3600,
    opts=pulumi.ResourceOptions.merge(ts, pulumi.ResourceOptions(depends_on=[acl])))
pulumi.export("key", key.key)
"""

TUNNEL_ALONE = "\n".join(PUBLIC_DOOR.splitlines()[:12])


def tiny_with(folder: Path, program: str) -> Tiny:
    return Tiny(folder, program, CONFIG)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = tiny_with(tmp_path_factory.mktemp("doors"), PUBLIC_DOOR + TAILNET_DOOR)
    tiny.engine.preview()
    tiny.engine.up()
    return tiny


def test_both_doors_come_up_and_a_second_up_has_nothing_to_do(deployed: Tiny) -> None:
    held, known = deployed.held_and_known(*DOORS)
    assert held == known
    assert len(held) == 10
    assert deployed.engine.preview().changed == 0


def test_a_refresh_finds_everything_unchanged(deployed: Tiny) -> None:
    run = deployed.engine.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert "warning" not in run.output


def test_no_secret_stands_in_the_state_the_output_or_the_records(deployed: Tiny) -> None:
    secrets = [deployed.output(name) for name in ("token", "client secret", "key")]
    tunnel_secret = json.loads(base64.b64decode(secrets[0]))["s"]
    output = deployed.engine.preview("--diff").output + deployed.engine.run("stack", "output").output
    files = [path.read_bytes() for path in deployed.state.rglob("*") if path.is_file()]
    for secret in (*secrets, tunnel_secret, "throwaway"):
        assert secret not in output
        assert not [content for content in files if secret.encode() in content]


def test_a_change_that_the_account_can_take_in_place_replaces_nothing(deployed: Tiny) -> None:
    program = PUBLIC_DOOR + TAILNET_DOOR
    deployed.write(program.replace('name="home"', 'name="house"').replace("magic_dns=True", "magic_dns=False"))
    try:
        changes = dict(deployed.engine.preview().changes)
        assert changes.pop("same") > 0
        assert changes == {"update": 2}
        deployed.write(program.replace("expiry=3600", "expiry=7200"))
        assert deployed.engine.preview().changes["replace"] == 1
    finally:
        deployed.write(program)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("create", "tunnel", "before"),
        Fault("create", "tunnel", "after"),
        Fault("create", "config", "after"),
        Fault("create", "record", "after"),
        Fault("create", "acl", "after"),
        Fault("create", "key", "after"),
    ],
    ids=str,
)
def test_up_after_a_kill_while_the_doors_are_created_doubles_nothing(tmp_path: Path, fault: Fault) -> None:
    tiny = tiny_with(tmp_path, PUBLIC_DOOR if fault.name in ("tunnel", "config", "record") else TAILNET_DOOR)
    tiny.kill_at(fault)
    made = [entry.id for service in DOORS for entry in tiny.record(service)]

    tiny.engine.up()

    held, known = tiny.held_and_known(*DOORS)
    assert held == known
    assert set(made) <= set(held), "what was there is kept"
    entries = [entry for service in DOORS for entry in tiny.record(service)]
    assert len({(entry.type, entry.id) for entry in entries}) == len({entry.urn for entry in entries}) == len(entries)
    assert tiny.engine.preview().changed == 0


@pytest.mark.parametrize("kind", ["rate limit", "server error", "timeout"])
def test_up_after_an_outage_goes_on_where_it_stopped(tmp_path: Path, kind: Any) -> None:
    tiny = tiny_with(tmp_path, PUBLIC_DOOR)
    faults.arm(tiny.engine.standins, Fault("create", "config", kind=kind, times=3))
    with pytest.raises(EngineError, match=r"stand-in for cloudflare: (429|503|context deadline exceeded)"):
        tiny.engine.up()
    faults.disarm(tiny.engine.standins)
    tunnel = [entry.id for entry in tiny.record("cloudflare") if entry.type == TUNNEL]
    tiny.engine.up()
    held, known = tiny.held_and_known(*DOORS)
    assert held == known
    assert [entry.id for entry in tiny.record("cloudflare") if entry.type == TUNNEL] == tunnel


def test_a_tunnel_whose_creation_went_unanswered_is_not_doubled_but_has_to_be_imported(tmp_path: Path) -> None:
    tiny = tiny_with(tmp_path, TUNNEL_ALONE)
    faults.arm(tiny.engine.standins, Fault("create", "tunnel", "after", "timeout"))
    with pytest.raises(EngineError, match="deadline exceeded"):
        tiny.engine.up()
    with pytest.raises(EngineError, match="You already have a tunnel with this name"):
        tiny.engine.up()
    (tunnel,) = (entry.id for entry in tiny.record("cloudflare"))
    importing = f"pulumi.ResourceOptions.merge(cf, pulumi.ResourceOptions(import_='{ACCOUNT}/{tunnel}'))"
    tiny.write(TUNNEL_ALONE.replace("opts=cf)", f"opts={importing})"))
    assert tiny.engine.up().changes["import"] == 1
    tiny.write(TUNNEL_ALONE)
    assert tiny.engine.up().changed == 0
    assert [entry.id for entry in tiny.record("cloudflare")] == [tunnel]


def test_a_policy_edited_in_the_console_stays_until_it_is_imported(tmp_path: Path) -> None:
    tiny = tiny_with(tmp_path, TAILNET_DOOR)
    edited = {"acl": json.dumps({"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]})}
    record = Record(tiny.engine.standins, "tailscale")
    record.add(Entry(id="acl", type=ACL, urn="", inputs=edited, outputs=edited))
    with pytest.raises(EngineError, match=r"overwrite a non-default ACL .*412"):
        tiny.engine.up()
    assert [entry.inputs for entry in record.entries() if entry.type == ACL] == [edited]

    (provider,) = (each["urn"] for each in tiny.resources() if each["type"] == "pulumi:providers:tailscale")
    flags = ("--yes", "--protect=false", "--generate-code=false", f"--provider=tailscale={provider}")
    tiny.engine.run("import", *flags, ACL, "acl", "acl")
    tiny.engine.up()

    (policy,) = (entry for entry in record.entries() if entry.type == ACL)
    assert "tag:proxy" in policy.inputs["acl"]
    assert policy.urn.endswith("::acl")


def test_a_destroy_leaves_nothing_but_what_the_real_services_leave(tmp_path: Path) -> None:
    tiny = tiny_with(tmp_path, PUBLIC_DOOR + TAILNET_DOOR)
    tiny.engine.up()
    tiny.engine.destroy()
    assert tiny.record("cloudflare") == []
    assert sorted(entry.id for entry in tiny.record("tailscale")) == ["acl", "tailnet_settings"]
    assert {entry.urn for entry in tiny.record("tailscale")} == {""}


def test_a_name_outside_the_home_s_zone_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    tiny = tiny_with(tmp_path, PUBLIC_DOOR.replace('name="photos.example.com"', 'name="photos.example.org"'))
    with pytest.raises(EngineError, match=r"photos\.example\.org is outside the account's only zone, example\.com"):
        tiny.engine.up()
    assert DNS_RECORD not in {entry.type for entry in tiny.record("cloudflare")}


def test_a_misspelt_nested_name_is_refused_by_its_place(tmp_path: Path) -> None:
    tiny = tiny_with(tmp_path, PUBLIC_DOOR.replace('{"service": "http_status:404"}', '{"servce": "http_status:404"}'))
    with pytest.raises(EngineError, match=r"config\.ingresses\[1\] of cloudflare:.* has no property 'servce'"):
        tiny.engine.preview()


def test_a_home_without_a_domain_has_no_zone(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, PUBLIC_DOOR)
    with pytest.raises(EngineError, match="the account has no zone"):
        tiny.engine.preview()
