"""The public door: one rule and one record for each public app, identity where it is asked for, and nothing besides."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import home
from components import tunnel
from components.plan import plan
from home import Home, versions
from render import Evaluation, evaluate, program
from render.program import Secret
from tests.homes import changed
from tests.unit.components.homes import HIDDEN, HOMELAB, homes, rendered

RECORD = "cloudflare:index/dnsRecord:DnsRecord"
CONFIG = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
POLICY = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
SERVICE_TOKEN = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"
ROOT = Path(__file__).parents[3]
NOTHING = {"service": "http_status:404"}
ASKING: dict[str, Any] = {"path": "apps.jellyfin.signIn", "remove": True}
# Of the apps of this home, the API alone leaves it to Access who somebody is.
NOBODY_ASKS: dict[str, Any] = {"path": "apps.api", "remove": True}


def ingresses(evaluation: Evaluation) -> list[dict[str, Any]]:
    [config] = evaluation.of_type(CONFIG)
    rules: list[dict[str, Any]] = config.inputs["config"]["ingresses"]
    return rules


def test_each_public_app_has_one_rule_and_the_last_answers_404() -> None:
    assert ingresses(rendered()) == [
        {"hostname": "photos.kanokgan.com", "service": "http://immich-server.photos.svc:2283"},
        {"hostname": "films.kanokgan.com", "service": "http://jellyfin.media.svc:8096"},
        {
            "hostname": "brain.kanokgan.com",
            "service": "http://api.brain.svc:8080",
            "originRequest": {
                "access": {
                    "required": True,
                    "teamName": "generated-team",
                    "audTags": ["generated-audience-tag"],
                }
            },
        },
        {"service": "http_status:404"},
    ]


def test_each_public_app_has_a_proxied_record_that_leads_to_the_tunnel() -> None:
    records = {one.name: one.inputs for one in rendered().of_type(RECORD)}
    assert {name: one["name"] for name, one in records.items()} == {
        "immich": "photos.kanokgan.com",
        "jellyfin": "films.kanokgan.com",
        "api": "brain.kanokgan.com",
    }
    for one in records.values():
        assert (one["type"], one["proxied"], one["ttl"]) == ("CNAME", True, 1)
        assert one["content"].endswith(".cfargotunnel.com")


def test_an_app_that_asks_for_an_identity_is_behind_access_for_its_people_alone() -> None:
    asking = rendered(ASKING, NOBODY_ASKS)
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
    evaluation = rendered(NOBODY_ASKS)
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
        # What monitoring knocks at, and what the API shows: both read it again without stopping.
        "kubernetes:core/v1:ConfigMap::prometheus-config",
        "kubernetes:core/v1:ConfigMap::api-map",
        # Its page leads to the app by the name that is left.
        "kubernetes:apps/v1:Deployment::api",
    }


def test_the_connector_is_two_pods_apart_with_a_budget_and_its_token_from_a_file() -> None:
    evaluation = rendered()
    deployment = evaluation.named("kubernetes:apps/v1:Deployment", "cloudflared").inputs["spec"]
    pod = deployment["template"]["spec"]
    [container] = pod["containers"]
    assert deployment["replicas"] == 2
    assert "kubernetes.io/hostname" in repr(pod.get("topologySpreadConstraints", pod.get("affinity")))
    budget = evaluation.named("kubernetes:policy/v1:PodDisruptionBudget", "cloudflared")
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
    # What watches and what asks come from inside.
    assert peers - {"prometheus", "blackbox-exporter", "api"} == {"cloudflared", f"proxy-{app}"}


def test_asking_brings_access_along_and_changes_nothing_but_the_tunnels_rules() -> None:
    before, after = registered(rendered()), registered(rendered(ASKING))
    assert before.keys() - after.keys() == set()
    assert {urn.rpartition("$")[2] for urn in after.keys() - before.keys()} == {
        f"{APPLICATION}::jellyfin",
        f"{POLICY}::jellyfin-people",
        f"{POLICY}::jellyfin-programs",
        f"{SERVICE_TOKEN}::jellyfin",
    }
    # And monitoring knocks otherwise at a door that asks, and the API shows who comes in.
    assert {urn.rpartition("$")[2] for urn in before if after[urn] != before[urn]} == {
        f"{CONFIG}::homebrain",
        "kubernetes:core/v1:ConfigMap::prometheus-config",
        "kubernetes:core/v1:ConfigMap::api-map",
    }


def test_a_programs_token_is_put_out_as_a_secret() -> None:
    tokens = rendered(ASKING).exports["serviceTokens"]
    assert isinstance(tokens, Secret) or isinstance(tokens["jellyfin"], Secret)
    assert "generated-client-secret" not in repr(tokens)
    assert "serviceTokens" not in rendered(NOBODY_ASKS).exports


def test_where_nobody_is_asked_no_organization_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Cloudflare account has one only after somebody has set Zero Trust up."""
    looked_up: list[str] = []

    class Watched(dict[str, Any]):
        def __getitem__(self, token: str) -> Any:
            looked_up.append(token.rpartition(":")[2])
            return super().__getitem__(token)

    monkeypatch.setattr(program, "ANSWERS", Watched(program.ANSWERS))
    evaluate(changed(HOMELAB, [NOBODY_ASKS]), HIDDEN)
    assert set(looked_up) == {"getZone", "getZeroTrustTunnelCloudflaredToken"}
    evaluate(changed(HOMELAB, [ASKING]), HIDDEN)
    assert "getZeroTrustOrganization" in looked_up


def test_an_asking_app_without_a_tag_of_access_is_refused() -> None:
    here = home.load(changed(HOMELAB, [ASKING]))
    with pytest.raises(KeyError, match="jellyfin"):
        tunnel.configuration(plan(here, versions.load()).public, "team", {})


def test_the_connector_reaches_cloudflare_and_public_apps_and_only_what_watches_reaches_it() -> None:
    [policy] = [
        one["spec"]
        for one in rendered().objects
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "cloudflared"
    ]
    [watched] = policy["ingress"]
    assert watched["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    assert watched["ports"] == [{"protocol": "TCP", "port": 2000}]
    _dns, *apps, cloudflare = policy["egress"]
    called = {rule["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for rule in apps}
    assert called == {"immich-server", "jellyfin", "api"}
    ports = {(port["protocol"], port["port"]) for port in cloudflare["ports"]}
    assert ports == {("TCP", 443), ("TCP", 7844), ("UDP", 7844)}
    assert "192.168.0.0/16" in cloudflare["to"][0]["ipBlock"]["except"]


def test_a_home_without_a_public_app_has_no_tunnel_and_never_imports_cloudflare() -> None:
    """Importing it takes longer than everything else in a preview."""
    asked = (
        "import sys; from pathlib import Path; from render import evaluate, stack; from home import secrets\n"
        "config = stack.read(Path('examples/Pulumi.tailnet-only.yaml'))\n"
        "found = evaluate(config.values, {one.key: one.key for one in secrets.ALL})\n"
        "print([one.type for one in found.registrations if one.type.startswith('cloudflare')])\n"
        "print('pulumi_cloudflare' in sys.modules, 'tunnel' in {one.name for one in found.registrations})"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False False"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(homes())
def test_in_any_home_the_tunnel_lets_in_what_is_public_and_access_asks_where_it_should(here: Home) -> None:
    rooms = plan(here, versions.load())
    *rules, last = tunnel.configuration(rooms.public, "team", {one.front.app: one.front.app for one in rooms.public})[
        "ingresses"
    ]
    assert last == NOTHING
    apps = {name: app for name, app in here.apps.by_name.items() if "public" in app.doors}
    assert {rule["hostname"] for rule in rules} == {f"{app.hostname}.{here.domain}" for app in apps.values()}
    asking = {rule["hostname"] for rule in rules if "originRequest" in rule}
    assert asking == {f"{app.hostname}.{here.domain}" for app in apps.values() if app.sign_in}
    assert (rooms.connector is None) == (not apps)
    for name, app in apps.items():
        if app.sign_in:
            includes = tunnel.people_policy(next(one for one in rooms.public if one.front.app == name))["includes"]
            assert [one["email"]["email"] for one in includes] == [p.email for p in here.people_of(*app.roles)]
