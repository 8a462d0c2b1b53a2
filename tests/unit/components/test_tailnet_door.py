"""The tailnet door: a proxy for each app, unprivileged, that may touch one Secret and reach one app."""

from __future__ import annotations

import json

import pytest

import tailnet
from render.program import Secret
from tests.unit.components.homes import HOMELAB, rendered

ACL = "tailscale:index/acl:Acl"
KEY = "tailscale:index/tailnetKey:TailnetKey"


def test_the_policy_is_never_overwritten_unasked_and_comes_before_every_key() -> None:
    evaluation = rendered()
    [policy] = evaluation.of_type(ACL)
    assert "overwriteExistingContent" not in policy.inputs
    assert tailnet.parse(policy.inputs["acl"]).failed_tests() == ()
    keys = evaluation.of_type(KEY)
    assert {one.name for one in keys} == {"api", "immich", "jellyfin", "monitoring", "ntfy"}
    for key in keys:
        assert policy.urn in key.depends_on
        assert key.inputs["tags"] == [f"tag:app-{key.name}"]
        assert (key.inputs["reusable"], key.inputs["preauthorized"]) == (False, True)
        assert 0 < key.inputs["expiry"] <= 90 * 24 * 3600


def test_names_and_their_certificates_are_switched_on() -> None:
    evaluation = rendered()
    [names] = evaluation.of_type("tailscale:index/dnsPreferences:DnsPreferences")
    [settings] = evaluation.of_type("tailscale:index/tailnetSettings:TailnetSettings")
    assert (names.inputs["magicDns"], settings.inputs["httpsEnabled"]) == (True, True)
    assert names.urn in settings.depends_on


SERVICES = {"immich": "immich-server.photos.svc:2283", "jellyfin": "jellyfin.media.svc:8096"}


@pytest.mark.parametrize(("app", "service"), SERVICES.items())
def test_a_proxy_serves_its_app_over_https_and_nothing_to_the_internet(app: str, service: str) -> None:
    config = rendered().named("kubernetes:core/v1:ConfigMap", f"proxy-{app}-serve")
    serve = json.loads(config.inputs["data"]["serve.json"])
    assert serve["TCP"] == {"443": {"HTTPS": True}}
    assert serve["Web"] == {"${TS_CERT_DOMAIN}:443": {"Handlers": {"/": {"Proxy": f"http://{service}"}}}}
    assert not any(serve["AllowFunnel"].values())


@pytest.mark.parametrize("app", ["immich", "jellyfin"])
def test_a_proxy_may_touch_its_own_state_and_nothing_else(app: str) -> None:
    evaluation = rendered()
    role = evaluation.named("kubernetes:rbac.authorization.k8s.io/v1:Role", f"proxy-{app}").inputs
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": [f"proxy-{app}-state"],
            "verbs": ["get", "update", "patch"],
        }
    ]
    pod = evaluation.named("kubernetes:apps/v1:Deployment", f"proxy-{app}").inputs["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsUser"] == 1000
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    env = {one["name"]: one.get("value") for one in container["env"]}
    assert (env["TS_USERSPACE"], env["TS_KUBE_SECRET"]) == ("true", f"proxy-{app}-state")
    assert (env["TS_AUTHKEY"] or "").startswith("file:/")
    key = evaluation.named("kubernetes:core/v1:Secret", f"proxy-{app}-key").inputs["stringData"]
    assert isinstance(key, Secret) or isinstance(key["authkey"], Secret)


def test_closing_the_tailnet_door_of_an_app_changes_what_is_about_that_app_and_the_policy() -> None:
    both = {one.urn: repr(one.inputs) for one in rendered().registrations}
    one = {
        each.urn: repr(each.inputs)
        for each in rendered({"path": "apps.jellyfin.doors", "set": ["public"]}).registrations
    }
    assert one.keys() - both.keys() == set()
    assert all("jellyfin" in urn for urn in both.keys() - one.keys())
    assert {urn.rpartition("$")[2] for urn in one if one[urn] != both[urn]} == {
        f"{ACL}::policy",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::media-jellyfin",
        # Prometheus asks one proxy less, and reads that without stopping.
        "kubernetes:core/v1:ConfigMap::prometheus-config",
        # And the API shows who comes in.
        "kubernetes:core/v1:ConfigMap::api-map",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy::monitoring-prometheus",
    }


def test_a_home_without_a_tailnet_has_no_trace_of_one() -> None:
    evaluation = rendered(
        {"path": "tailnet", "remove": True},
        {"path": "nodes[1].joinedOver", "remove": True},
        *({"path": f"apps.{app}.doors", "set": ["public"]} for app in ("immich", "jellyfin", "api")),
        *(
            {"path": f"apps.{app}", "remove": True}
            for app in ("transcode", "fileBrowser", "argocd", "monitoring", "ntfy")
        ),
    )
    assert not any("tailscale" in one.type for one in evaluation.registrations)


@pytest.mark.parametrize("app", ["immich", "jellyfin"])
def test_what_a_proxy_writes_into_its_state_is_not_the_programs(app: str) -> None:
    state = rendered().named("kubernetes:core/v1:Secret", f"proxy-{app}-state")
    assert not {"data", "stringData"} & state.inputs.keys()
    assert {"data", "stringData"} <= set(state.ignore_changes)


def test_no_second_proxy_logs_in_with_the_identity_of_the_first() -> None:
    spec = rendered().named("kubernetes:apps/v1:Deployment", "proxy-immich").inputs["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_a_proxy_talks_to_its_app_to_the_api_server_and_to_tailscale() -> None:
    [policy] = [
        one["spec"]
        for one in rendered().objects
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "proxy-jellyfin"
    ]
    [watched] = policy["ingress"]
    assert watched["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    _dns, app, api_server, internet, *networks = policy["egress"]
    assert app["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "jellyfin"}
    master = HOMELAB["nodes"][0]["addresses"]
    servers = {f"{master['lan']}/32", f"{master['tailnet']}/32"}
    assert {peer["ipBlock"]["cidr"] for peer in api_server["to"]} == servers
    assert api_server["ports"] == [{"protocol": "TCP", "port": 6443}]
    assert internet["ports"] == [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 80}, {"protocol": "UDP"}]
    # Devices at home are reached directly: over UDP, and in no other way.
    cidrs = [network["cidr"] for network in HOMELAB["networks"]]
    assert [one["to"][0]["ipBlock"]["cidr"] for one in networks] == cidrs
    assert all(one["ports"] == [{"protocol": "UDP"}] for one in networks)
