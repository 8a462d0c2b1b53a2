"""What Prometheus asks: everything that says that it tells something, and nothing that it may not reach."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import home
from components import names
from components.flows import ToAddress, ToWorkload
from components.monitoring import prometheus
from components.plan import plan
from components.workload import Container, Deviation, Metrics, Resources, User, Workload
from home import versions
from home.quantities import to_bytes, to_millicores
from tests.homes import changed
from tests.unit.components.homes import HOMELAB, rendered

HERE = home.load(changed(HOMELAB, []))
ROOMS = plan(HERE, versions.load())
ALL = [one for room in ROOMS.workloads.values() for one in room]
TELLING = {one.name: one for one in ALL if one.metrics}


def jobs() -> dict[str, dict[str, Any]]:
    config = rendered().named("kubernetes:core/v1:ConfigMap", "prometheus-config").inputs["data"]["prometheus.yml"]
    found = yaml.safe_load(config)["scrape_configs"]
    by_name = {job["job_name"]: job for job in found}
    assert len(by_name) == len(found)
    return by_name


def test_a_job_for_each_workload_that_tells_something_for_nodes_and_for_doors() -> None:
    assert set(jobs()) == {*TELLING, "prometheus", "kubelet", "cadvisor", "probe"}


@pytest.mark.parametrize("name", TELLING)
def test_what_is_asked_is_what_may_be_reached(name: str) -> None:
    """A room says its port once: the job keeps it, and a NetworkPolicy at each end lets Prometheus through."""
    workload = TELLING[name]
    job = jobs()[name]
    [kept] = [one for one in job["relabel_configs"] if one.get("action") == "keep"]
    ports = {one.port for one in workload.metrics}
    assert set(kept["regex"].split("|")) == ports
    assert ports <= workload.ports.keys()
    assert ROOMS.monitoring
    flows = {one for one in ROOMS.monitoring.prometheus.talks_to if isinstance(one, ToWorkload)}
    assert {ToWorkload(workload.namespace, name, port) for port in ports} <= flows
    policies = [one for one in rendered().objects if one["kind"] == "NetworkPolicy"]
    [policy] = [one["spec"] for one in policies if one["metadata"]["name"] == name]
    asked = [rule for rule in policy["ingress"] if "'prometheus'" in repr(rule["from"])]
    assert {port["port"] for rule in asked for port in rule["ports"]} == {workload.ports[port] for port in ports}


def test_each_series_says_which_machine_it_is_about() -> None:
    for name, job in jobs().items():
        labels = {one.get("target_label") for one in job.get("relabel_configs", ())}
        labels |= {label for one in job.get("static_configs", ()) for label in one.get("labels", ())}
        # What tells of others has their machines; Prometheus itself is only asked by itself.
        assert "node" in labels or name in ("kube-state-metrics", "prometheus"), name


@pytest.mark.parametrize("name", [one.name for one in ALL if one.kind == "DaemonSet"])
def test_nothing_waits_for_a_pod_on_a_machine_that_is_known_to_be_away(name: str) -> None:
    """Kubernetes places a DaemonSet's pod on a machine that doesn't answer too, and Pulumi waits until it is ready."""
    [workload] = [one for one in ALL if one.name == name]
    assert workload.nodes
    assert "k3s-worker" not in workload.nodes


def test_a_kubelet_is_asked_at_its_address_and_nowhere_else() -> None:
    assert ROOMS.monitoring
    flows = [one for one in ROOMS.monitoring.prometheus.talks_to if isinstance(one, ToAddress)]
    assert {one.cidr for one in flows} >= {"192.168.0.206/32"}
    assert all(one.ports == (10250,) for one in flows)
    # One that joined over the tailnet and whose address isn't written down could be anywhere there, and only there.
    assert "100.64.0.0/10" in {one.cidr for one in flows}
    known = home.load(changed(HOMELAB, [{"path": "nodes[1].addresses", "set": {"tailnet": "100.100.1.2"}}]))
    assert "100.64.0.0/10" not in prometheus.node_cidrs(known)
    assert "100.100.1.2/32" in prometheus.node_cidrs(known)


def test_prometheus_may_read_figures_of_kubelets_and_not_run_commands_by_them() -> None:
    rules = prometheus.role()["rules"]
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources == {"nodes", "pods", "nodes/metrics"}
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}


@given(st.integers(1, 2**50))
def test_prometheus_keeps_less_than_its_volume_has(size: int) -> None:
    found = re.fullmatch(r"([1-9][0-9]*)MB", prometheus.retention_size(str(size)))
    assert found
    kept = int(found[1]) * 2**20
    assert kept == 2**20 or kept <= size * 4 / 5


def test_a_workload_that_tells_on_a_port_that_it_has_not_is_refused() -> None:
    container = Container("a", "registry/a:1", Resources("10m", "32Mi"), ports={"http": 80})
    with pytest.raises(ValueError, match='tells metrics on port "metrics"'):
        Workload(
            "a",
            "a",
            (container,),
            User(1000, 1000),
            metrics=(Metrics("metrics"),),
            deviations={Deviation.NO_PROBES: "never runs"},
        )


def test_the_whole_stack_keeps_within_its_budget_on_the_master() -> None:
    """At most 1.5 CPU and 4 GiB, of which most is the database's."""
    rooms = (names.MONITORING, names.NODE_AGENTS, names.NOTIFICATIONS)
    asked = [
        container.resources
        for one in ALL
        if one.namespace in rooms or one.name in ("postgres-exporter", "redis-exporter")
        if "k3s-master" in one.nodes or not one.nodes
        for container in one.containers
    ]
    assert sum(to_millicores(one.cpu) for one in asked) <= 1500
    assert sum(to_bytes(one.memory) for one in asked) <= 4 * 2**30
