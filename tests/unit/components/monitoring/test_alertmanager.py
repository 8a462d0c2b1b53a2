"""Where alerts are sent: to the home's own ntfy, which lets nobody in unasked, or to a webhook whose address is a
secret."""

from __future__ import annotations

from typing import Any

import yaml

from components import ntfy
from home import versions
from render import Evaluation
from render.program import Secret
from tests.unit.components.homes import HOMELAB, rendered

TO_A_WEBHOOK: tuple[dict[str, Any], ...] = (
    {"path": "apps.monitoring.alerts", "set": {"receiver": "webhook"}},
    {"path": "apps.ntfy", "remove": True},
)


def routes(evaluation: Evaluation) -> dict[str, Any]:
    text = evaluation.named("kubernetes:core/v1:ConfigMap", "alertmanager-config").inputs["data"]["alertmanager.yml"]
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def egress(evaluation: Evaluation) -> str:
    [policy] = [
        one["spec"]
        for one in evaluation.objects
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "alertmanager"
    ]
    return repr(policy["egress"])


def test_alerts_go_to_the_homes_own_ntfy_with_a_token_from_a_file_and_nowhere_else() -> None:
    [sending] = routes(rendered())["receivers"][0]["webhook_configs"]
    assert sending["url"] == f"http://ntfy.notifications.svc:8080/{ntfy.TOPIC}?template=alertmanager"
    assert sending["http_config"]["authorization"]["credentials_file"] == "/run/secrets/alert-receiver/token"
    assert "0.0.0.0/0" not in egress(rendered())
    assert "'ntfy'" in egress(rendered())


def test_a_webhook_needs_no_ntfy_and_its_address_stands_in_a_secret_alone() -> None:
    evaluation = rendered(*TO_A_WEBHOOK)
    [sending] = routes(evaluation)["receivers"][0]["webhook_configs"]
    assert sending["url_file"] == "/run/secrets/alert-receiver/url"
    assert "url" not in sending
    data = evaluation.named("kubernetes:core/v1:Secret", "alert-receiver").inputs["stringData"]
    assert isinstance(data, Secret) or isinstance(data["url"], Secret)
    assert "0.0.0.0/0" in egress(evaluation)
    assert not [one for one in evaluation.registrations if "ntfy" in one.name]


def test_a_second_receiver_is_not_needed_for_what_only_shows() -> None:
    found = routes(rendered())
    receivers = {one["name"] for one in found["receivers"]}
    used = {found["route"]["receiver"], *(one["receiver"] for one in found["route"]["routes"])}
    assert used == receivers == {"home", "nobody"}


def test_ntfy_lets_nobody_in_unasked_and_the_home_only_send() -> None:
    text = rendered().named("kubernetes:core/v1:ConfigMap", "ntfy-config").inputs["data"]["server.yml"]
    config = yaml.safe_load(text)
    assert config["auth-default-access"] == "deny-all"
    assert config["enable-signup"] is False
    assert config["auth-access"] == ["home:alerts:write-only"]
    assert config["base-url"] == "https://ntfy.dove-komodo.ts.net"


def test_kube_state_metrics_is_made_for_the_servers_kubernetes() -> None:
    """Its minor is sixteen below that of the Kubernetes whose client it has: 2.17 has 1.33's, 2.20 has 1.36's."""
    minor = int(versions.load()["kube-state-metrics"].tag.split(".")[1])
    [server] = [node for node in HOMELAB["nodes"] if node["role"] == "server"]
    assert minor + 16 == int(server["version"].split(".")[1])
