"""Monitoring on a twin: it runs, it may ask what it has to ask and nothing else, and no secret is in clear."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.twin.deployed import HOMELAB, Deployed


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The owner's home."""
    deployed = Deployed(tmp_path_factory.mktemp("watched") / "twin", HOMELAB)
    deployed.twin.up()
    try:
        deployed.engine.up()
        yield deployed
    finally:
        deployed.twin.reset()


PARTS = {
    "monitoring": ("prometheus", "alertmanager", "grafana", "loki", "kube-state-metrics", "blackbox-exporter"),
    "notifications": ("ntfy",),
    "photos": ("postgres-exporter", "redis-exporter"),
}


def test_every_part_runs_on_the_master(watched: Deployed) -> None:
    for namespace, names in PARTS.items():
        for name in names:
            [pod] = watched.pods(namespace, name)
            assert (pod["status"]["phase"], pod["spec"]["nodeName"]) == ("Running", "k3s-master"), name


@pytest.mark.parametrize("agent", ["node-exporter", "alloy", "nvidia-gpu-exporter"])
def test_what_reads_on_a_machine_runs_on_each_that_answers(watched: Deployed, agent: str) -> None:
    pods = watched.pods("node-agents", agent)
    assert {pod["spec"]["nodeName"] for pod in pods if pod["status"]["phase"] == "Running"} == {"k3s-master", "k3s-gpu"}


@pytest.mark.parametrize(
    ("account", "verb", "resource", "allowed"),
    [
        ("prometheus", "list", "pods", True),
        ("prometheus", "watch", "nodes", True),
        ("prometheus", "get", "nodes/metrics", True),
        ("prometheus", "get", "nodes/proxy", False),
        ("prometheus", "get", "secrets", False),
        ("prometheus", "create", "pods", False),
        ("kube-state-metrics", "list", "persistentvolumeclaims", True),
        ("kube-state-metrics", "list", "secrets", False),
        ("kube-state-metrics", "list", "configmaps", False),
        ("grafana", "list", "pods", False),
    ],
)
def test_an_account_may_ask_what_its_figures_take(
    watched: Deployed, account: str, verb: str, resource: str, allowed: bool
) -> None:
    assert watched.may(f"monitoring/{account}", verb, resource) is allowed


def secrets(deployed: Deployed) -> dict[str, str]:
    """Every value of monitoring's Secrets, by Secret and key."""
    found: dict[str, str] = {}
    for namespace, name in (
        ("monitoring", "grafana-admin"),
        ("monitoring", "alert-receiver"),
        ("monitoring", "prometheus-token"),
        ("notifications", "ntfy-accounts"),
    ):
        found |= {f"{name}/{key}": value for key, value in deployed.secret(name, namespace).items()}
    return found


def test_the_token_that_alertmanager_has_is_the_one_that_ntfy_knows(watched: Deployed) -> None:
    found = secrets(watched)
    assert found["alert-receiver/token"].startswith("tk_")
    assert len(found["alert-receiver/token"]) == 32
    assert found["ntfy-accounts/tokens"] == f"home:{found['alert-receiver/token']}:alerts"
    users = found["ntfy-accounts/users"].split(",")
    assert [user.split(":")[0] for user in users] == ["owner", "home"]


def test_no_secret_of_monitoring_is_in_clear(watched: Deployed) -> None:
    values = [*secrets(watched).values()]
    outputs = json.loads(watched.engine.run("stack", "output", "--json", "--show-secrets").output)
    values += [outputs["monitoring"]["password"], outputs["ntfy"]["password"]]
    watched.assert_hidden(values)


def test_a_second_up_changes_nothing(watched: Deployed) -> None:
    assert watched.engine.up().changed == 0
