"""Where alerts are sent: to the home's own ntfy, which lets nobody in unasked, or to a webhook whose address is a
secret."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import yaml

import home
from components import ntfy
from components.monitoring.alerts import alerts
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
    assert sending["url"] == f"http://ntfy.notifications.svc:8080/{ntfy.TOPIC}?template=home"
    assert sending["http_config"]["authorization"]["credentials_file"] == "/run/secrets/alert-receiver/token"
    assert "0.0.0.0/0" not in egress(rendered())
    assert "'ntfy'" in egress(rendered())


def test_ntfy_takes_as_much_as_is_sent_at_once() -> None:
    """It refuses a body of more than 16 KiB and a message of more than 4, and Alertmanager doesn't try those again."""
    [sending] = routes(rendered())["receivers"][0]["webhook_configs"]
    longest = max((one.rule for one in alerts(home.load(HOMELAB))), key=lambda rule: len(json.dumps(rule)))
    name = "x" * 63
    labels = longest["labels"] | dict.fromkeys(("alertname", "job", "namespace", "pod", "container", "node"), name)
    alert = {
        "status": "resolved",
        "labels": labels | {"instance": name},
        "annotations": longest["annotations"],
        "startsAt": "2030-01-01T00:00:00.000000000Z",
        "endsAt": "2030-01-01T00:00:00.000000000Z",
        "generatorURL": f"http://prometheus-0:9090/graph?g0.expr={quote_plus(longest['expr'])}&g0.tab=1",
        "fingerprint": "0123456789abcdef",
    }
    common = {"commonLabels": labels, "groupLabels": labels, "commonAnnotations": longest["annotations"]}
    body = json.dumps(common | {"alerts": [alert] * sending["max_alerts"], "groupKey": name * 4})
    assert len(body) < ntfy.BODY_LIMIT
    assert sending["max_alerts"] * (ntfy.LONGEST_LINE + len("Over: \n")) + 200 < ntfy.MESSAGE_LIMIT


def test_the_message_is_made_by_the_template_that_ntfy_is_given() -> None:
    evaluation = rendered()
    maps = {
        name: evaluation.named("kubernetes:core/v1:ConfigMap", name).inputs["data"]
        for name in ("ntfy-config", "ntfy-templates")
    }
    [sending] = routes(rendered())["receivers"][0]["webhook_configs"]
    assert f"{sending['url'].partition('=')[2]}.yml" in maps["ntfy-templates"]
    folder = yaml.safe_load(maps["ntfy-config"]["server.yml"])["template-dir"]
    [container] = (
        rendered().named("kubernetes:apps/v1:Deployment", "ntfy").inputs["spec"]["template"]["spec"]["containers"]
    )
    assert folder in {one["mountPath"] for one in container["volumeMounts"]}
    template = yaml.safe_load(maps["ntfy-templates"]["home.yml"])
    assert set(template) == {"title", "message", "priority"}
    # The queries of alerts say nothing to people, and fill a message.
    assert "generatorURL" not in template["message"]


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
