"""The rendered config of Prometheus, Alertmanager and the exporters, in force in the real programs."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.monitoring import alertmanager, scraping
from render import Evaluation
from tests.real.container import until
from tests.real.monitoring_tools import program
from tests.real.watching import NODE, Web, arguments, files, on_this_machine, query, read, running

TOKEN = "tk_of-a-test"


def test_prometheus_takes_the_config(homelab: Evaluation, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(files(homelab, "prometheus-config")["prometheus.yml"])
    checked = subprocess.run(
        [program("promtool"), "check", "config", "--syntax-only", file], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.fixture
def routes(homelab: Evaluation, tmp_path: Path) -> Path:
    file = tmp_path / "alertmanager.yml"
    file.write_text(files(homelab, "alertmanager-config")["alertmanager.yml"])
    return file


def test_alertmanager_takes_the_config(routes: Path) -> None:
    checked = subprocess.run([program("amtool"), "check-config", routes], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(("severity", "receiver"), [("urgent", "home"), ("warning", "home"), ("info", "nobody")])
def test_an_alert_is_sent_by_how_much_it_matters(routes: Path, severity: str, receiver: str) -> None:
    routed = subprocess.run(
        [program("amtool"), "config", "routes", "test", f"--config.file={routes}", f"severity={severity}"],
        capture_output=True,
        text=True,
    )
    assert routed.stdout.strip() == receiver, routed.stderr


@dataclass
class Watching:
    """All of it, running. films: what stands for Jellyfin. phone: what gets the messages."""

    prometheus: str
    alertmanager: str
    rules: Path
    films: Web
    phone: Web

    def alerts(self) -> dict[str, dict[str, Any]]:
        """What Alertmanager knows, by name."""
        found = read(f"http://{self.alertmanager}/api/v2/alerts")
        return {one["labels"]["alertname"]: one for one in found}

    def told(self) -> list[str]:
        """The alerts that have come to the phone."""
        return [one["labels"]["alertname"] for _, body in self.phone.received for one in body["alerts"]]

    def tell(self, *alerts: dict[str, str]) -> None:
        """Hand alerts to Alertmanager, as Prometheus does."""
        body = json.dumps([{"labels": labels} for labels in alerts]).encode()
        request = urllib.request.Request(
            f"http://{self.alertmanager}/api/v2/alerts", body, {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def watching(homelab: Evaluation, tmp_path: Path) -> Iterator[Watching]:
    """Prometheus with two real exporters and Alertmanager, all by the rendered config and arguments."""
    films, phone = Web(), Web()
    for folder in ("rules", "prometheus", "alertmanager", "secrets"):
        (tmp_path / folder).mkdir()
    (tmp_path / "secrets" / alertmanager.TOKEN_KEY).write_text(TOKEN)
    for name, text in files(homelab, "prometheus-rules").items():
        # The alert whose way is gone to its end here doesn't wait for five minutes.
        rules = yaml.safe_load(text)
        for rule in rules["groups"][0]["rules"]:
            if rule["alert"] == "AppDown":
                rule["for"] = "0s"
        (tmp_path / "rules" / name).write_text(yaml.safe_dump(rules))
    routes = yaml.safe_load(files(homelab, "alertmanager-config")["alertmanager.yml"])
    routes["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    [sending] = routes["receivers"][0]["webhook_configs"]
    sending["url"] = sending["url"].replace("ntfy.notifications.svc:8080", phone.address)
    where = sending["http_config"]["authorization"]
    where["credentials_file"] = where["credentials_file"].replace(
        alertmanager.RECEIVER_FOLDER, str(tmp_path / "secrets")
    )
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(routes))
    (tmp_path / "blackbox.yml").write_text(files(homelab, "blackbox-exporter-config")["blackbox.yml"])
    here = {"/etc/blackbox": tmp_path, "/etc/alertmanager": tmp_path, "/alertmanager": tmp_path / "alertmanager"}
    host = {"/host/proc": "/proc", "/host/sys": "/sys", "/host/root": "/"}
    with ExitStack() as stack:
        stack.callback(films.end)
        stack.callback(phone.end)

        def start(name: str, kind: str, workload: str, inside: dict[str, Any], ready: str, *extra: str) -> str:
            words = [*arguments(homelab, kind, workload, inside), *extra]
            return stack.enter_context(running(tmp_path, name, words, ready))

        node = start("node_exporter", "DaemonSet", "node-exporter", host, "/metrics")
        blackbox = start("blackbox_exporter", "Deployment", "blackbox-exporter", here, "/-/healthy")
        alerting = start("alertmanager", "StatefulSet", "alertmanager", here, "/-/ready")
        config = on_this_machine(
            files(homelab, "prometheus-config")["prometheus.yml"],
            pods={"node-exporter": (node, "metrics"), "alertmanager": (alerting, "http")},
            knocked={"jellyfin": f"http://{films.address}/health"},
            blackbox=blackbox,
            alertmanager=alerting,
            rules=tmp_path / "rules",
        )
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
        inside = {"/etc/prometheus/config": tmp_path, "/prometheus": tmp_path / "prometheus"}
        prometheus = start(
            "prometheus", "StatefulSet", "prometheus", inside, "/-/ready", "--config.auto-reload-interval=1s"
        )
        yield Watching(prometheus, alerting, tmp_path / "rules", films, phone)


def test_what_a_node_tells_is_known_by_the_machine(watching: Watching) -> None:
    until(lambda: len(query(watching.prometheus, 'up{job="node-exporter"} == 1')) == 1, "the exporter is asked")
    [up] = query(watching.prometheus, 'up{job="node-exporter"}')
    assert up["metric"] == {
        "__name__": "up",
        "job": "node-exporter",
        "namespace": "node-agents",
        "pod": "node-exporter-1",
        "node": NODE,
        "instance": NODE,
    }
    [memory] = query(watching.prometheus, "node_memory_MemTotal_bytes")
    assert float(memory["value"][1]) > 2**28
    assert query(watching.prometheus, 'node_filesystem_avail_bytes{mountpoint="/"}')
    # What is of the pod's own network would be taken for the machine's.
    assert query(watching.prometheus, "node_network_receive_bytes_total") == []
    alerting = 'up{job="alertmanager",instance="alertmanager-1",node="k3s-master"} == 1'
    until(lambda: len(query(watching.prometheus, alerting)) == 1, "Alertmanager is asked by its pod's name")


def test_no_rule_fails(watching: Watching) -> None:
    def evaluated() -> list[dict[str, Any]]:
        groups = read(f"http://{watching.prometheus}/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    until(lambda: all(rule["health"] != "unknown" for rule in evaluated()), "every rule was worked out")
    assert [rule for rule in evaluated() if rule["health"] != "ok"] == []
    assert len(evaluated()) > 30


def test_an_app_that_stops_answering_is_told_of_on_the_phone(watching: Watching) -> None:
    up = 'probe_success{target="jellyfin",door="cluster",node="k3s-master"}'
    until(lambda: [one["value"][1] for one in query(watching.prometheus, up)] == ["1"], "Jellyfin is knocked at")
    assert "AppDown" not in watching.told()
    watching.films.end()
    until(lambda: "AppDown" in watching.told(), "the phone is told")
    sender, message = next(
        (sender, body)
        for sender, body in watching.phone.received
        if "AppDown" in [one["labels"]["alertname"] for one in body["alerts"]]
    )
    assert sender == f"Bearer {TOKEN}"
    [alert] = message["alerts"]
    assert alert["status"] == "firing"
    assert alert["annotations"]["summary"] == "jellyfin doesn't answer, asked from inside the cluster."
    assert alert["annotations"]["runbook"].endswith("#appdown")


def test_a_node_that_is_gone_keeps_back_what_follows_from_it(watching: Watching) -> None:
    watching.tell(
        {"alertname": "NodeGone", "severity": "urgent", "node": "k3s-gpu"},
        {"alertname": "PodNotRunning", "severity": "warning", "node": "k3s-gpu", "pod": "transcode-1"},
        {"alertname": "DiskFull", "severity": "urgent", "node": "k3s-master"},
        {"alertname": "K3sVersionSkew", "severity": "info"},
    )
    until(lambda: {"NodeGone", "DiskFull"} <= set(watching.told()), "the phone is told of both")
    states = {name: one["status"]["state"] for name, one in watching.alerts().items()}
    assert states["PodNotRunning"] == "suppressed"
    assert watching.alerts()["PodNotRunning"]["status"]["inhibitedBy"]
    assert states["DiskFull"] == "active"
    assert not {"PodNotRunning", "K3sVersionSkew"} & set(watching.told())


def test_changed_rules_are_read_again_without_a_restart(watching: Watching) -> None:
    group = {"name": "added", "rules": [{"alert": "Added", "expr": "vector(1)"}]}
    (watching.rules / "added.yaml").write_text(yaml.safe_dump({"groups": [group]}))
    until(lambda: query(watching.prometheus, 'ALERTS{alertname="Added"}') != [], "the rule is known")


def test_how_much_is_kept_is_in_force(watching: Watching, homelab: Evaluation) -> None:
    flags = read(f"http://{watching.prometheus}/api/v1/status/flags")["data"]
    assert flags["storage.tsdb.retention.time"] in ("30d", "4w2d")
    assert flags["storage.tsdb.retention.size"] == "16GiB"
    assert scraping.SECONDS == 30
