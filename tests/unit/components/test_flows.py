"""Who may talk to whom: nothing, but for what a workload says."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.flows import ToAddress, ToInternet, ToWorkload
from components.network import PRIVATE_RANGES, default_deny, network_policies
from components.workload import Container, Exec, Probe, Resources, User, Workload


def workload(name: str, **changes: object) -> Workload:
    container = Container(
        name=name, image="example.org/x:1", resources=Resources("1m", "1Mi"), readiness=Probe(Exec(("true",)))
    )
    container = replace(container, ports=changes.pop("ports", {}))  # type: ignore[arg-type]
    return Workload(name=name, namespace="room", user=User(1, 1), containers=(container,), **changes)  # type: ignore[arg-type]


def test_a_room_denies_everything_in_both_directions() -> None:
    assert default_deny("room")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_silent_workload_opens_nothing() -> None:
    assert network_policies([workload("quiet", ports={"http": 80})]) == []


def test_a_flow_opens_both_ends_and_dns() -> None:
    app = workload("app", talks_to=(ToWorkload("room", "database", "sql"),))
    database = workload("database", ports={"sql": 5432, "metrics": 9187})
    at_app, at_database = network_policies([app, database])

    dns, egress = at_app["spec"]["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert egress["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "database"}
    assert egress["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert "ingress" not in at_app["spec"]

    [ingress] = at_database["spec"]["ingress"]
    assert ingress["from"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "app"}
    assert ingress["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert "egress" not in at_database["spec"]


def test_a_flow_to_what_nothing_declares_is_refused() -> None:
    app = workload("app", talks_to=(ToWorkload("room", "database", "sql"),))
    with pytest.raises(ValueError, match='app talks to "database" in namespace "room", which nothing declares'):
        network_policies([app])


def test_a_flow_to_a_port_that_is_not_there_is_refused() -> None:
    app = workload("app", talks_to=(ToWorkload("room", "database", "sql"),))
    with pytest.raises(ValueError, match=r"app talks to port \"sql\" of database, which has \['http'\]"):
        network_policies([app, workload("database", ports={"http": 80})])


@given(st.ip_addresses(v=4, network="192.168.0.0/16") | st.ip_addresses(v=4, network="100.64.0.0/10"))
def test_the_internet_is_not_the_home(address: ipaddress.IPv4Address) -> None:
    [policy] = network_policies([workload("app", talks_to=(ToInternet("pictures"),))])
    block = policy["spec"]["egress"][1]["to"][0]["ipBlock"]
    assert block["cidr"] == "0.0.0.0/0"
    assert any(address in ipaddress.ip_network(one) for one in block["except"])
    assert block["except"] == list(PRIVATE_RANGES)


def test_egress_out_of_the_cluster_says_why() -> None:
    flows = (ToInternet("pictures"), ToAddress("the NAS's API", "192.168.0.243/32", (5001,)))
    [policy] = network_policies([workload("app", talks_to=flows)])
    assert policy["metadata"]["annotations"] == {"homebrain.io/egress": "pictures; the NAS's API"}
    assert policy["spec"]["egress"][2] == {
        "to": [{"ipBlock": {"cidr": "192.168.0.243/32"}}],
        "ports": [{"protocol": "TCP", "port": 5001}],
    }
