"""Both doors, deployed for real on a twin: what the stand-ins hold, and what is in clear nowhere."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from tests.twin.deployed import HOMELAB, Deployed, changed_home
from twin.engine import EngineError
from twin.standins import cloudflare
from twin.standins.cloudflare import DNS_RECORD, TUNNEL, TUNNEL_CONFIG
from twin.standins.kinds import Home
from twin.standins.record import Entry, Record
from twin.standins.tailscale import ACL

# Where the twin's API server keeps its objects, Secrets among them, and how it is spoken to.
OF_THE_CLUSTER = ("etcd", "pki", "kubeconfig")

PUBLIC = ["photos.kanokgan.com", "films.kanokgan.com", "brain.kanokgan.com", None]
"""The names for which the tunnel has a rule, and what answers for every other."""


def asking(config: dict[str, Any]) -> None:
    config["homebrain:apps"]["jellyfin"]["signIn"] = True


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The owner's home, but that Cloudflare asks who wants to see films."""
    folder = tmp_path_factory.mktemp("doors")
    deployed = Deployed(folder / "twin", changed_home(folder / "Pulumi.homelab.yaml", asking))
    deployed.twin.up()
    try:
        deployed.engine.up()
        yield deployed
    finally:
        deployed.twin.reset()


def held(deployed: Deployed, service: str) -> list[dict[str, Any]]:
    path = deployed.engine.standins / f"{service}.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text())["entries"] if path.exists() else []
    return entries


def kinds(deployed: Deployed) -> Counter[str]:
    return Counter(
        one["type"].rpartition(":")[2] for service in ("cloudflare", "tailscale") for one in held(deployed, service)
    )


def test_cloudflare_has_a_tunnel_a_record_for_each_public_app_and_access_where_one_asks(doors: Deployed) -> None:
    found = kinds(doors)
    assert (found["ZeroTrustTunnelCloudflared"], found["ZeroTrustTunnelCloudflaredConfig"], found["DnsRecord"]) == (
        1,
        1,
        3,
    )
    assert (found["ZeroTrustAccessApplication"], found["ZeroTrustAccessServiceToken"]) == (2, 2)
    [config] = [one for one in held(doors, "cloudflare") if one["type"].endswith("TunnelCloudflaredConfig")]
    rules = config["inputs"]["config"]["ingresses"]
    assert [one.get("hostname") for one in rules] == PUBLIC
    tags = {
        one["inputs"]["domain"]: one["outputs"]["aud"]
        for one in held(doors, "cloudflare")
        if one["type"].endswith("ZeroTrustAccessApplication")
    }
    asked = {one["hostname"]: one["originRequest"]["access"]["audTags"] for one in rules if "originRequest" in one}
    assert asked == {
        "films.kanokgan.com": [tags["films.kanokgan.com"]],
        "brain.kanokgan.com": [tags["brain.kanokgan.com"]],
    }


def test_tailscale_has_the_policy_and_a_key_for_each_app(doors: Deployed) -> None:
    found = kinds(doors)
    assert (found["Acl"], found["DnsPreferences"], found["TailnetSettings"], found["TailnetKey"]) == (1, 1, 1, 5)


def test_the_doors_run(doors: Deployed) -> None:
    assert [pod["status"]["phase"] for pod in doors.pods("tunnel", "cloudflared")] == ["Running"] * 2
    nodes = {pod["spec"]["nodeName"] for pod in doors.pods("tunnel", "cloudflared")}
    assert nodes == {"k3s-master", "k3s-gpu"}
    for app in ("api", "immich", "jellyfin", "monitoring", "ntfy"):
        assert [pod["status"]["phase"] for pod in doors.pods("tailnet", f"proxy-{app}")] == ["Running"]


def test_what_a_proxy_writes_into_its_state_stays(doors: Deployed) -> None:
    state = doors.api.get("Secret", "proxy-jellyfin-state", "tailnet")
    assert state is not None
    written = {"apiVersion": "v1", "kind": "Secret", "metadata": state["metadata"], "data": {"profile": "c29tZWJvZHk="}}
    doors.api.request("PUT", "/api/v1/namespaces/tailnet/secrets/proxy-jellyfin-state", written)
    assert doors.engine.up().changed == 0
    after = doors.api.get("Secret", "proxy-jellyfin-state", "tailnet")
    assert after is not None
    assert after["data"] == {"profile": "c29tZWJvZHk="}


def test_no_secret_of_a_door_is_in_clear_anywhere(doors: Deployed) -> None:
    """Neither in the state, nor in records and logs, nor in what a preview prints, nor in any object but its Secret."""
    secrets = [
        base64.b64decode(value).decode()
        for name, namespace in (
            ("cloudflared-token", "tunnel"),
            ("proxy-immich-key", "tailnet"),
            ("proxy-jellyfin-key", "tailnet"),
        )
        for value in (doors.api.get("Secret", name, namespace) or {})["data"].values()
    ]
    needed = home.secrets.required(home.load_file(doors.twin.home))
    secrets += [doors.engine.run("config", "get", f"homebrain:{one.key}").output.strip() for one in needed]
    shown = json.loads(doors.engine.run("stack", "output", "--json", "--show-secrets").output)
    secrets += [shown["serviceTokens"][app]["clientSecret"] for app in ("api", "jellyfin")]
    assert len(set(secrets)) == len(secrets) == 5 + len(needed)
    assert all(len(one) > 12 for one in secrets)
    printed = doors.engine.preview("--diff").output + doors.engine.run("stack", "output", "--json").output
    objects = json.dumps([doors.api.list(kind) for kind in ("Pod", "ConfigMap", "Deployment")])
    files = [path for path in doors.twin.state.rglob("*") if path.is_file()]
    files = [path for path in files if not set(OF_THE_CLUSTER) & set(path.relative_to(doors.twin.state).parts)]
    assert any(path.name == "cloudflare.json" for path in files)
    assert any("stacks" in path.parts for path in files)
    # A Secret's value in base64 is as clear as it is without.
    for secret in [*secrets, *(base64.b64encode(one.encode()).decode() for one in secrets)]:
        assert secret not in printed
        assert secret not in objects
        for path in files:
            assert secret.encode() not in path.read_bytes(), path


def test_a_second_up_changes_nothing(doors: Deployed) -> None:
    assert doors.engine.up().changed == 0


MOMENTS = {
    "when there is a tunnel": ("cloudflare", "ZeroTrustTunnelCloudflared"),
    "when a name leads there": ("cloudflare", "DnsRecord"),
    "when there is a key": ("tailscale", "TailnetKey"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_is_killed_at_the_doors_is_made_good_by_the_next_up(moment: str, tmp_path: Path) -> None:
    deployed = Deployed(tmp_path / "twin", HOMELAB)
    service, kind = MOMENTS[moment]
    deployed.twin.up()
    try:
        deployed.killed_when(lambda: any(one["type"].endswith(f":{kind}") for one in held(deployed, service)))
        deployed.made_good()
        found = kinds(deployed)
        assert (found["ZeroTrustTunnelCloudflared"], found["DnsRecord"], found["TailnetKey"], found["Acl"]) == (
            1,
            3,
            5,
            1,
        )
    finally:
        deployed.twin.reset()


def held_already(deployed: Deployed, service: str, *entries: Entry) -> None:
    """Somebody made these before, by hand."""
    record = Record(deployed.engine.standins, service)
    for entry in entries:
        record.add(entry)


def taken_over(deployed: Deployed, door: str, type: str, name: str, id: str) -> None:
    """`pulumi import` as the runbooks have it: at the place that the program gives the resource, by its provider."""
    service = type.partition(":")[0]
    urn = "urn:pulumi:twin::homebrain::"
    deployed.engine.run(
        "import", type, name, id,
        "--parent", f"door={urn}homebrain:doors:{door}",
        "--provider", f"{service}={urn}pulumi:providers:{service}::{service}",
        "--protect=false", "--generate-code=false", "--yes", "--skip-preview",
    )  # fmt: skip


@pytest.fixture
def undeployed(tmp_path: Path) -> Iterator[Deployed]:
    """The owner's home, with nothing of it deployed."""
    deployed = Deployed(tmp_path / "twin", HOMELAB)
    deployed.twin.up()
    try:
        deployed.engine.prepare()
        yield deployed
    finally:
        deployed.twin.reset()


def test_a_policy_that_somebody_wrote_is_kept_until_it_is_imported(undeployed: Deployed) -> None:
    """RB-011: creating ours fails with the way out, nothing of theirs is lost, and an import lets ours follow."""
    theirs = {"acl": json.dumps({"grants": [], "tests": []})}
    held_already(undeployed, "tailscale", Entry("acl", ACL, "", theirs, theirs))
    with pytest.raises(EngineError, match="412"):
        undeployed.engine.up()
    [kept] = [one for one in held(undeployed, "tailscale") if one["type"] == ACL]
    assert kept["inputs"] == theirs

    taken_over(undeployed, "TailnetDoor::tailnet-door", ACL, "policy", "acl")
    [kept] = [one for one in held(undeployed, "tailscale") if one["type"] == ACL]
    assert kept["inputs"] == theirs
    undeployed.engine.up()
    [ours] = [one for one in held(undeployed, "tailscale") if one["type"] == ACL]
    assert "tag:app-immich" in ours["inputs"]["acl"]
    assert undeployed.engine.up().changed == 0


def test_a_tunnel_that_is_there_already_is_taken_over_with_its_names(undeployed: Deployed) -> None:
    """RB-002: a tunnel of that name stops the first `up`; once imported, it stays the same tunnel."""
    place = Home("kanokgan.com", "dove-komodo.ts.net")
    account, zone = cloudflare.account_id(place), cloudflare.zone_id(place)
    line = {"accountId": account, "name": "homebrain", "configSrc": "cloudflare"}
    rules = {
        "ingresses": [{"hostname": "old.kanokgan.com", "service": "http://old:80"}, {"service": "http_status:404"}]
    }
    config = {"accountId": account, "tunnelId": "their-tunnel", "config": rules}
    record = {"zoneId": zone, "name": "photos.kanokgan.com", "type": "CNAME", "ttl": 1, "proxied": True,
              "content": "their-tunnel.cfargotunnel.com"}  # fmt: skip
    held_already(
        undeployed, "cloudflare",
        Entry("their-tunnel", TUNNEL, "", line, line), Entry("their-tunnel", TUNNEL_CONFIG, "", config, config),
        Entry("their-record", DNS_RECORD, "", record, record),
    )  # fmt: skip
    with pytest.raises(EngineError, match="1013"):
        undeployed.engine.up()

    for type, name, id in (
        (TUNNEL, "homebrain", f"{account}/their-tunnel"),
        (TUNNEL_CONFIG, "homebrain", f"{account}/their-tunnel"),
        (DNS_RECORD, "immich", f"{zone}/their-record"),
    ):
        taken_over(undeployed, "PublicDoor::public-door", type, name, id)
    undeployed.engine.up()
    entries = held(undeployed, "cloudflare")
    assert [one["id"] for one in entries if one["type"] == TUNNEL] == ["their-tunnel"]
    assert "their-record" in [one["id"] for one in entries if one["type"] == DNS_RECORD]
    [ours] = [one["inputs"]["config"]["ingresses"] for one in entries if one["type"] == TUNNEL_CONFIG]
    assert [rule.get("hostname") for rule in ours] == PUBLIC
    assert undeployed.engine.up().changed == 0


def test_the_twins_config_holds_no_key_of_the_owners_accounts(doors: Deployed) -> None:
    config = yaml.safe_load(doors.engine.config_file.read_text())["config"]
    for key in ("cloudflareApiToken", "tailscaleOauthClientSecret"):
        assert set(config[f"homebrain:{key}"]) == {"secure"}


@pytest.mark.parametrize(
    ("verb", "secret", "allowed"),
    [
        ("get", "proxy-immich-state", True),
        ("update", "proxy-immich-state", True),
        ("patch", "proxy-immich-state", True),
        ("delete", "proxy-immich-state", False),
        ("get", "proxy-jellyfin-state", False),
        ("get", "proxy-jellyfin-key", False),
        ("create", "", False),
        ("list", "", False),
    ],
)
def test_a_proxy_may_touch_its_own_state_and_no_other_secret(
    doors: Deployed, verb: str, secret: str, allowed: bool
) -> None:
    assert doors.may("tailnet/proxy-immich", verb, "secrets", "tailnet", secret) is allowed


def test_closing_and_opening_a_door_is_one_line_and_breaks_off_nobodys_stream(doors: Deployed) -> None:
    def connectors() -> set[str]:
        return {pod["metadata"]["uid"] for pod in doors.pods("tunnel", "cloudflared")}

    def names() -> list[str | None]:
        [config] = [one for one in held(doors, "cloudflare") if one["type"] == TUNNEL_CONFIG]
        return [rule.get("hostname") for rule in config["inputs"]["config"]["ingresses"]]

    def closed(config: dict[str, Any]) -> None:
        asking(config)
        config["homebrain:apps"]["immich"]["doors"] = ["tailnet"]

    before = connectors()
    try:
        changed_home(doors.twin.home, closed)
        run = doors.engine.up()
        # Its name goes; the tunnel's rules, both ends of the flow, what monitoring knocks at, what the API shows of it
        # and where its page leads are changed.
        assert {change: count for change, count in run.changes.items() if change not in ("same", "read")} == {
            "delete": 1,
            "update": 6,
        }
        assert names() == PUBLIC[1:]
    finally:
        changed_home(doors.twin.home, asking)
        doors.engine.up()
    assert names() == PUBLIC
    assert connectors() == before
