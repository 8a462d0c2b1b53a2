"""The public door: the tunnel, its names, and Access in front of the apps that ask for it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from components import tunnel
from home import Home
from render import Evaluation, Registration, evaluate, program, stack
from render.program import Secret
from tests.homes import SECRETS
from tests.unit.components.homes import evaluated, homes, opening, planned, set_to, small

ROOT = Path(__file__).parents[3]
TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
CONFIGURATION = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
RECORD = "cloudflare:index/dnsRecord:DnsRecord"
APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
POLICY = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
SERVICE_TOKEN = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"
NOTHING = {"service": "http_status:404"}

# In the small home Jellyfin is public with a login of its own, and Immich isn't public.
ASKING = (
    set_to("apps.immich.doors", ["public", "tailnet"]),
    set_to("apps.immich.hostname", "photos"),
)


@pytest.fixture(scope="module")
def own_login() -> Evaluation:
    """A home whose one public app has a login of its own."""
    return evaluated()


@pytest.fixture(scope="module")
def asking() -> Evaluation:
    """A home with another public app, in front of which Access asks."""
    return evaluated(*ASKING)


def ingress(evaluation: Evaluation) -> list[dict[str, Any]]:
    [configuration] = evaluation.of_type(CONFIGURATION)
    rules: list[dict[str, Any]] = configuration.inputs["config"]["ingresses"]
    return rules


def policy_of(evaluation: Evaluation, name: str) -> dict[str, Any]:
    [found] = [one for one in evaluation.objects if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == name]
    return found


def connector(evaluation: Evaluation) -> dict[str, Any]:
    return dict(evaluation.named("kubernetes:apps/v1:Deployment", "cloudflared").inputs["spec"])


def test_the_tunnel_leads_to_the_public_apps_and_nothing_else() -> None:
    config = stack.read(ROOT / "Pulumi.homelab.yaml")
    assert ingress(evaluate(config.values, SECRETS)) == [
        {"hostname": "photos.kanokgan.com", "service": "http://immich-server.photos.svc:2283"},
        {"hostname": "films.kanokgan.com", "service": "http://jellyfin.media.svc:8096"},
        NOTHING,
    ]


def test_the_tunnel_is_managed_at_cloudflare_and_has_no_secret_of_ours(own_login: Evaluation) -> None:
    [line] = own_login.of_type(TUNNEL)
    assert line.inputs == {"accountId": "generated-account-id", "configSrc": "cloudflare", "name": "homebrain"}


def test_every_public_name_is_a_proxied_record_that_leads_to_the_tunnel(asking: Evaluation) -> None:
    records = {one.inputs["name"]: one.inputs for one in asking.of_type(RECORD)}
    assert records.keys() == {"films.example.com", "photos.example.com"}
    for one in records.values():
        assert (one["type"], one["proxied"], one["ttl"]) == ("CNAME", True, 1)
        assert one["content"] == "homebrain.cfargotunnel.com"
        assert one["zoneId"] == "generated-zone-id"


def test_names_come_after_the_tunnel_knows_them(asking: Evaluation) -> None:
    [configuration] = asking.of_type(CONFIGURATION)
    assert [one.name for one in asking.of_type(RECORD) if configuration.urn not in one.depends_on] == []


def test_an_app_that_asks_for_identity_is_behind_access(asking: Evaluation) -> None:
    [application] = asking.of_type(APPLICATION)
    assert (application.inputs["domain"], application.inputs["type"]) == ("photos.example.com", "self_hosted")
    assert application.inputs["policies"] == [
        {"id": "immich-people", "precedence": 1},
        {"id": "immich-programs", "precedence": 2},
    ]
    policies = {one.name: one.inputs for one in asking.of_type(POLICY)}
    assert policies["immich-people"]["decision"] == "allow"
    # The owner and the family; the guest isn't among the app's roles.
    assert policies["immich-people"]["includes"] == [
        {"email": {"email": "ada@example.com"}},
        {"email": {"email": "ben@example.com"}},
    ]
    [token] = asking.of_type(SERVICE_TOKEN)
    assert policies["immich-programs"]["decision"] == "non_identity"
    assert policies["immich-programs"]["includes"] == [{"serviceToken": {"tokenId": token.name}}]


def test_the_tunnel_itself_checks_whom_access_let_in(asking: Evaluation) -> None:
    rules = {rule.get("hostname"): rule for rule in ingress(asking)}
    assert rules["photos.example.com"]["originRequest"] == {
        "access": {"required": True, "teamName": "generated-team", "audTags": ["generated-audience-tag"]}
    }
    assert "originRequest" not in rules["films.example.com"]


def test_a_programs_token_is_put_out_as_a_secret(asking: Evaluation, own_login: Evaluation) -> None:
    tokens = asking.exports["serviceTokens"]
    assert isinstance(tokens, Secret) or isinstance(tokens["immich"], Secret)
    assert "generated-client-secret" not in repr(asking.exports)
    assert "serviceTokens" not in own_login.exports


def test_where_nobody_is_asked_no_organization_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Cloudflare account has one only after somebody has set Zero Trust up."""
    looked_up: list[str] = []

    class Watched(dict[str, Any]):
        def __getitem__(self, token: str) -> Any:
            looked_up.append(token.rpartition(":")[2])
            return super().__getitem__(token)

    monkeypatch.setattr(program, "ANSWERS", Watched(program.ANSWERS))
    evaluated()
    assert set(looked_up) == {"getZone", "getZeroTrustTunnelCloudflaredToken"}
    evaluated(*ASKING)
    assert "getZeroTrustOrganization" in looked_up


def test_an_asking_app_without_a_tag_of_access_is_refused() -> None:
    public = planned(small(*ASKING)).public
    with pytest.raises(KeyError, match="immich"):
        tunnel.configuration(public, "team", {})


def differing(before: Evaluation, after: Evaluation) -> set[str]:
    """What isn't the same resource in both, as in `DnsRecord jellyfin`."""

    def by_urn(evaluation: Evaluation) -> dict[str, tuple[Registration, Any]]:
        # What a resource depends on is a set: what comes first in it is chance.
        return {
            one.urn: (replace(one, depends_on=tuple(sorted(one.depends_on))), evaluation.outputs.get(one.urn))
            for one in evaluation.registrations
        }

    ours, theirs = by_urn(before), by_urn(after)
    urns = [urn for urn in ours.keys() | theirs.keys() if ours.get(urn) != theirs.get(urn)]
    return {" ".join((urn.split("::")[-2].rpartition(":")[2], urn.rpartition("::")[2])) for urn in urns}


def test_a_public_app_more_or_less_is_one_line_and_changes_nothing_else(own_login: Evaluation) -> None:
    """Its name, the one configuration, and the two ends of one flow. Not the connector: nobody's stream breaks off."""
    with_immich = (set_to("apps.immich.hostname", "photos"), set_to("apps.immich.signIn", False))
    before = evaluated(*with_immich)
    after = evaluated(*with_immich, set_to("apps.immich.doors", ["public", "tailnet"]))
    assert differing(before, after) == {
        "DnsRecord immich",
        "ZeroTrustTunnelCloudflaredConfig homebrain",
        "NetworkPolicy tunnel-cloudflared",
        "NetworkPolicy photos-immich-server",
        "PublicDoor public-door",
    }
    assert {**after.exports, "public": before.exports["public"]} == before.exports


def test_an_asking_app_more_brings_access_along_and_changes_nothing_else() -> None:
    before = evaluated(set_to("apps.immich.hostname", "photos"))
    after = evaluated(*ASKING)
    assert differing(before, after) == {
        "DnsRecord immich",
        "ZeroTrustAccessApplication immich",
        "ZeroTrustAccessPolicy immich-people",
        "ZeroTrustAccessPolicy immich-programs",
        "ZeroTrustAccessServiceToken immich",
        "ZeroTrustTunnelCloudflaredConfig homebrain",
        "NetworkPolicy tunnel-cloudflared",
        "NetworkPolicy photos-immich-server",
        "PublicDoor public-door",
    }


def test_two_connectors_on_two_nodes_of_which_one_may_be_away(own_login: Evaluation) -> None:
    spec = connector(own_login)
    assert spec["replicas"] == 2
    [spread] = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    [budget] = [one for one in own_login.objects if one["kind"] == "PodDisruptionBudget"]
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"] == spec["selector"]["matchLabels"]


def test_the_connector_is_asked_whether_it_is_connected_and_restarted_only_when_it_hangs(own_login: Evaluation) -> None:
    [container] = connector(own_login)["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "metrics"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthcheck", "port": "metrics"}
    assert container["ports"] == [{"name": "metrics", "containerPort": 2000, "protocol": "TCP"}]
    assert container["args"] == ["tunnel", "--metrics", "0.0.0.0:2000", "run"]


def test_the_connector_has_its_token_from_a_file_and_runs_as_nobody(own_login: Evaluation) -> None:
    spec = connector(own_login)["template"]["spec"]
    [container] = spec["containers"]
    assert container["env"] == [{"name": "TUNNEL_TOKEN_FILE", "value": "/run/secrets/cloudflared-token/token"}]
    [mount] = container["volumeMounts"]
    [volume] = spec["volumes"]
    assert mount["mountPath"] == "/run/secrets/cloudflared-token"
    assert volume["secret"]["secretName"] == "cloudflared-token"
    assert spec["securityContext"]["runAsUser"] == 65532
    assert spec["automountServiceAccountToken"] is False
    [secret] = [one for one in own_login.of_type("kubernetes:core/v1:Secret") if one.name == "cloudflared-token"]
    data = secret.inputs["stringData"]
    assert isinstance(data, Secret) or isinstance(data["token"], Secret)


def test_the_connector_talks_to_cloudflare_and_to_public_apps_only(own_login: Evaluation) -> None:
    policy = policy_of(own_login, "cloudflared")
    assert "ingress" not in policy["spec"]
    _, jellyfin, cloudflare = policy["spec"]["egress"]
    assert jellyfin["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "jellyfin"}
    assert jellyfin["ports"] == [{"protocol": "TCP", "port": 8096}]
    assert cloudflare["ports"] == [
        {"protocol": "TCP", "port": 443},
        {"protocol": "TCP", "port": 7844},
        {"protocol": "UDP", "port": 7844},
    ]
    assert "10.0.0.0/8" in cloudflare["to"][0]["ipBlock"]["except"]


def test_a_home_without_a_public_app_has_no_tunnel_and_never_imports_cloudflare() -> None:
    """Importing it takes longer than everything else in a preview."""
    asked = (
        "import sys; from pathlib import Path; from render import evaluate, stack; from tests.homes import SECRETS\n"
        "config = stack.read(Path('examples/Pulumi.tailnet-only.yaml'))\n"
        "found = evaluate(config.values, SECRETS)\n"
        "print([one.type for one in found.registrations if one.type.startswith('cloudflare')])\n"
        "print('pulumi_cloudflare' in sys.modules, 'tunnel' in {one.name for one in found.registrations})"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False False"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(homes())
def test_in_any_home_the_tunnel_lets_in_what_is_public_and_access_asks_where_it_should(here: Home) -> None:
    rooms = planned(here)
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
            includes = tunnel.people_policy(opening(rooms.public, name))["includes"]
            assert [one["email"]["email"] for one in includes] == [p.email for p in here.people_of(*app.roles)]
