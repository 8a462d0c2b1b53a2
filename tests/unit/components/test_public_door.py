"""The public door: one rule and one record for each public app, identity where it is asked for, and nothing besides."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import yaml

from home import secrets
from render import Evaluation, evaluate
from render.program import Secret
from tests.homes import changed
from tests.unit.components.homes import HOMELAB

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
CONFIG = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
POLICY = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
SERVICE_TOKEN = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"
HIDDEN = {secret.key: "correct horse" for secret in secrets.ALL}


@cache
def _rendered(text: str) -> Evaluation:
    return evaluate(yaml.safe_load(text), HIDDEN, stack="homelab")


def rendered(*edits: dict[str, Any]) -> Evaluation:
    return _rendered(yaml.safe_dump(changed(HOMELAB, list(edits))))


def ingresses(evaluation: Evaluation) -> list[dict[str, Any]]:
    [config] = evaluation.of_type(CONFIG)
    rules: list[dict[str, Any]] = config.inputs["config"]["ingresses"]
    return rules


def test_each_public_app_has_one_rule_and_the_last_answers_404() -> None:
    assert ingresses(rendered()) == [
        {"hostname": "photos.kanokgan.com", "service": "http://immich-server.photos.svc:2283"},
        {"hostname": "films.kanokgan.com", "service": "http://jellyfin.media.svc:8096"},
        {"service": "http_status:404"},
    ]


def test_each_public_app_has_a_proxied_record_that_leads_to_the_tunnel() -> None:
    records = {one.name: one.inputs for one in rendered().of_type(RECORD)}
    assert {name: one["name"] for name, one in records.items()} == {
        "immich": "photos.kanokgan.com",
        "jellyfin": "films.kanokgan.com",
    }
    for one in records.values():
        assert (one["type"], one["proxied"], one["ttl"]) == ("CNAME", True, 1)
        assert one["content"].endswith(".cfargotunnel.com")


def test_an_app_that_asks_for_an_identity_is_behind_access_for_its_people_alone() -> None:
    asking = rendered({"path": "apps.jellyfin.signIn", "remove": True})
    [application] = asking.of_type(APPLICATION)
    assert application.inputs["domain"] == "films.kanokgan.com"
    roles = HOMELAB["apps"]["jellyfin"].get("roles", ["owner"])
    emails = [person["email"] for person in HOMELAB["people"] if person["role"] in roles]
    policies = {one.inputs["decision"]: one.inputs["includes"] for one in asking.of_type(POLICY)}
    assert policies["allow"] == [{"email": {"email": email}} for email in emails]
    assert set(policies) == {"allow", "non_identity"}
    assert len(asking.of_type(SERVICE_TOKEN)) == 1
    [rule] = [one for one in ingresses(asking) if one.get("hostname") == "films.kanokgan.com"]
    # The connector checks the token again, so that there is no way round Access.
    assert rule["originRequest"]["access"]["required"] is True
    assert len(rule["originRequest"]["access"]["audTags"]) == 1


def test_nothing_of_access_is_made_where_no_app_asks() -> None:
    evaluation = rendered()
    assert [one for token in (APPLICATION, POLICY, SERVICE_TOKEN) for one in evaluation.of_type(token)] == []


def registered(evaluation: Evaluation) -> dict[str, str]:
    return {one.urn: repr(one.inputs) for one in evaluation.registrations}


def test_closing_the_public_door_of_an_app_is_one_line_and_changes_nothing_else() -> None:
    both = registered(rendered())
    one = registered(rendered({"path": "apps.jellyfin.doors", "set": ["tailnet"]}))
    gone = both.keys() - one.keys()
    assert {urn.rpartition("$")[2] for urn in gone} == {f"{RECORD}::jellyfin"}
    assert one.keys() - both.keys() == set()
    changed_ = {urn.rpartition("$")[2] for urn in one if one[urn] != both[urn]}
    assert changed_ == {
        f"{CONFIG}::homebrain",
        # Who may talk to whom, at both ends.
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::tunnel-cloudflared",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::media-jellyfin",
    }


def test_the_connector_is_two_pods_apart_with_a_budget_and_its_token_from_a_file() -> None:
    evaluation = rendered()
    deployment = evaluation.named("kubernetes:apps/v1:Deployment", "cloudflared").inputs["spec"]
    pod = deployment["template"]["spec"]
    [container] = pod["containers"]
    assert deployment["replicas"] == 2
    assert "kubernetes.io/hostname" in repr(pod.get("topologySpreadConstraints", pod.get("affinity")))
    [budget] = evaluation.of_type("kubernetes:policy/v1:PodDisruptionBudget")
    assert budget.inputs["spec"]["maxUnavailable"] == 1
    assert container["env"] == [{"name": "TUNNEL_TOKEN_FILE", "value": "/run/secrets/cloudflared-token/token"}]
    assert (container["readinessProbe"]["httpGet"]["path"], container["livenessProbe"]["httpGet"]["path"]) == (
        "/ready",
        "/healthcheck",
    )
    assert pod["securityContext"]["runAsUser"] == 65532
    [token] = [one for one in evaluation.of_type("kubernetes:core/v1:Secret") if one.name == "cloudflared-token"]
    data = token.inputs["stringData"]
    assert isinstance(data, Secret) or isinstance(data["token"], Secret)


@pytest.mark.parametrize("app", ["immich", "jellyfin"])
def test_only_the_doors_and_nobody_else_reach_an_app_from_outside(app: str) -> None:
    name = {"immich": "immich-server", "jellyfin": "jellyfin"}[app]
    [policy] = [
        one["spec"] for one in rendered().objects if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == name
    ]
    callers = [peer["podSelector"]["matchLabels"] for rule in policy["ingress"] for peer in rule["from"]]
    peers = {labels["app.kubernetes.io/name"] for labels in callers}
    assert peers == {"cloudflared", f"proxy-{app}"}
