"""The tailnet door: policy, names, keys, and a proxy for each app."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from components import tailnet_proxies
from components.workload import Deviation
from home import Home
from render import Evaluation
from render.program import Secret
from tests.unit.components.homes import evaluated, homes, opening, planned, set_to, small

ACL = "tailscale:index/acl:Acl"
KEY = "tailscale:index/tailnetKey:TailnetKey"
SETTINGS = "tailscale:index/tailnetSettings:TailnetSettings"
DNS = "tailscale:index/dnsPreferences:DnsPreferences"
DAYS_90 = 90 * 24 * 3600


@pytest.fixture(scope="module")
def door() -> Evaluation:
    """A home with two apps in the tailnet: Jellyfin has a hostname, Immich goes by its own name."""
    return evaluated()


def proxy(evaluation: Evaluation, app: str) -> dict[str, Any]:
    return dict(evaluation.named("kubernetes:apps/v1:Deployment", f"proxy-{app}").inputs["spec"]["template"]["spec"])


def variables(pod: dict[str, Any]) -> dict[str, Any]:
    [container] = pod["containers"]
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


def named(evaluation: Evaluation, kind: str, name: str) -> dict[str, Any]:
    [found] = [one for one in evaluation.objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def test_a_policy_that_somebody_else_wrote_is_never_overwritten(door: Evaluation) -> None:
    [policy] = door.of_type(ACL)
    assert set(policy.inputs) == {"acl"}


def test_names_and_certificates_are_switched_on(door: Evaluation) -> None:
    [names], [certificates] = door.of_type(DNS), door.of_type(SETTINGS)
    assert names.inputs == {"magicDns": True}
    assert certificates.inputs == {"httpsEnabled": True}
    assert names.urn in certificates.depends_on


def test_keys_come_after_the_policy_that_owns_their_tags(door: Evaluation) -> None:
    [policy] = door.of_type(ACL)
    keys = {one.name: one for one in door.of_type(KEY)}
    assert keys.keys() == {"immich", "jellyfin"}
    for name, key in keys.items():
        assert policy.urn in key.depends_on
        assert key.inputs["tags"] == [f"tag:app-{name}"]
        assert f'"tag:app-{name}": [' in policy.inputs["acl"]


def test_a_key_works_once_and_not_for_long(door: Evaluation) -> None:
    for key in door.of_type(KEY):
        assert key.inputs["reusable"] is False
        assert key.inputs["ephemeral"] is False
        assert key.inputs["preauthorized"] is True
        assert key.inputs["recreateIfInvalid"] == "never"
        assert 0 < key.inputs["expiry"] <= DAYS_90
        assert len(key.inputs["description"]) <= 50


def test_a_proxy_serves_its_app_over_https_and_nothing_to_the_internet(door: Evaluation) -> None:
    pod = proxy(door, "jellyfin")
    serve = json.loads(named(door, "ConfigMap", "proxy-jellyfin-serve")["data"]["serve.json"])
    assert serve == {
        "TCP": {"443": {"HTTPS": True}},
        "Web": {"${TS_CERT_DOMAIN}:443": {"Handlers": {"/": {"Proxy": "http://jellyfin.media.svc:8096"}}}},
        "AllowFunnel": {"${TS_CERT_DOMAIN}:443": False},
    }
    [volume] = [one["name"] for one in pod["volumes"] if one.get("configMap") == {"name": "proxy-jellyfin-serve"}]
    [mount] = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == volume]
    assert variables(pod)["TS_SERVE_CONFIG"] == f"{mount['mountPath']}/serve.json"


def test_a_proxy_is_called_in_the_tailnet_as_the_home_says(door: Evaluation) -> None:
    assert variables(proxy(door, "jellyfin"))["TS_HOSTNAME"] == "films"
    assert variables(proxy(door, "immich"))["TS_HOSTNAME"] == "immich"
    assert door.exports["tailnet"] == {
        "jellyfin": "https://films.tabby-cat.ts.net",
        "immich": "https://immich.tabby-cat.ts.net",
    }


def test_a_proxy_is_nobody_and_needs_no_device(door: Evaluation) -> None:
    pod = proxy(door, "immich")
    assert pod["securityContext"]["runAsUser"] == 1000
    [container] = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert variables(pod)["TS_USERSPACE"] == "true"
    assert not any("hostPath" in volume for volume in pod["volumes"])


def test_no_second_proxy_logs_in_with_the_identity_of_the_first(door: Evaluation) -> None:
    spec = door.named("kubernetes:apps/v1:Deployment", "proxy-immich").inputs["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_a_proxys_state_is_a_secret_made_beforehand_that_the_program_leaves_alone(door: Evaluation) -> None:
    state = door.named("kubernetes:core/v1:Secret", "proxy-immich")
    assert "data" not in state.inputs
    assert "stringData" not in state.inputs
    assert {"data", "stringData"} <= set(state.ignore_changes)
    pod = proxy(door, "immich")
    # It is called as the account is.
    assert pod["serviceAccountName"] == state.inputs["metadata"]["name"]
    assert variables(pod)["TS_KUBE_SECRET"] == {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}


def test_a_proxy_may_read_and_change_its_own_state_and_nothing_else(door: Evaluation) -> None:
    role = named(door, "Role", "proxy-immich")
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["proxy-immich"],
            "verbs": ["get", "update", "patch"],
        }
    ]
    binding = named(door, "RoleBinding", "proxy-immich")
    assert binding["roleRef"]["kind"] == "Role"
    assert binding["roleRef"]["name"] == "proxy-immich"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "proxy-immich", "namespace": "tailnet"}]
    assert Deviation.API_TOKEN in planned(small()).proxies[0].deviations


def test_a_proxys_key_is_a_secret_all_the_way(door: Evaluation) -> None:
    holder = door.named("kubernetes:core/v1:Secret", "proxy-immich-key")
    data = holder.inputs["stringData"]
    assert isinstance(data, Secret) or isinstance(data["authkey"], Secret)
    key = {"secretKeyRef": {"name": "proxy-immich-key", "key": "authkey"}}
    assert variables(proxy(door, "immich"))["TS_AUTHKEY"] == key
    assert "generated-auth-key" not in repr(door.registrations)


def test_a_proxy_talks_to_its_app_the_api_server_and_tailscale(door: Evaluation) -> None:
    policy = named(door, "NetworkPolicy", "proxy-jellyfin")["spec"]
    assert "ingress" not in policy
    _, app, api_server, internet, *networks = policy["egress"]
    assert app["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "jellyfin"}
    assert api_server["to"] == [{"ipBlock": {"cidr": "10.0.1.10/32"}}, {"ipBlock": {"cidr": "100.64.0.10/32"}}]
    assert api_server["ports"] == [{"protocol": "TCP", "port": 6443}]
    assert internet["ports"] == [
        {"protocol": "TCP", "port": 443},
        {"protocol": "TCP", "port": 80},
        {"protocol": "UDP"},
    ]
    # Devices at home are reached directly, over UDP and no other way.
    assert [one["to"][0]["ipBlock"]["cidr"] for one in networks] == ["10.0.0.0/24", "10.0.1.0/24"]
    assert all(one["ports"] == [{"protocol": "UDP"}] for one in networks)
    callers = [one["from"][0]["podSelector"] for one in named(door, "NetworkPolicy", "jellyfin")["spec"]["ingress"]]
    assert {"matchLabels": {"app.kubernetes.io/name": "proxy-jellyfin"}} in callers
    assert {"matchLabels": {"app.kubernetes.io/name": "proxy-immich"}} not in callers


def test_a_node_that_joined_over_the_tailnet_is_in_the_policy_of_a_home_without_apps_there() -> None:
    doors = [set_to(f"apps.{app}.doors", []) for app in ("immich", "jellyfin")]
    gone = [
        {"path": f"apps.{app}.{key}", "remove": True}
        for app, key in (("immich", "roles"), ("jellyfin", "roles"), ("jellyfin", "hostname"), ("jellyfin", "signIn"))
    ]
    found = evaluated(*doors, *gone)
    [policy] = found.of_type(ACL)
    assert "tcp:10250" in policy.inputs["acl"]
    assert found.of_type(KEY) == ()
    assert "tailnet" not in {one.name for one in found.of_type("kubernetes:core/v1:Namespace")}


def test_a_home_without_a_tailnet_has_no_policy() -> None:
    alone = (
        {"path": "tailnet", "remove": True},
        set_to("nodes[1].joinedOver", "lan"),
        set_to("nodes[1].addresses", {"lan": "10.0.1.11"}),
        set_to("nodes[0].addresses", {"lan": "10.0.1.10"}),
        set_to("nas.addresses", {"lan": "10.0.1.20"}),
        set_to("apps.jellyfin.doors", ["public"]),
        {"path": "apps.jellyfin.roles", "remove": True},
        {"path": "apps.immich.doors", "remove": True},
        {"path": "apps.immich.roles", "remove": True},
    )
    found = evaluated(*alone)
    assert [one.type for one in found.registrations if "tailscale" in one.type] == []
    assert "tailnet" not in found.exports


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(homes())
def test_in_any_home_each_app_of_the_tailnet_has_a_proxy_where_the_app_runs(here: Home) -> None:
    rooms = planned(here)
    apps = {name for name, app in here.apps.by_name.items() if "tailnet" in app.doors}
    assert {one.front.app for one in rooms.tailnet} == apps
    assert len(rooms.proxies) == len(apps)
    for name in apps:
        one = opening(rooms.tailnet, name)
        [found] = [each for each in rooms.proxies if each.name == tailnet_proxies.proxy_name(one)]
        assert found.nodes == ("attic",)
        assert one.front.flow in found.talks_to
