"""Who may talk to whom: nothing, but for what a workload says."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.flows import ToAddress, ToApiServer, ToInternet, ToWorkload
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


def egress_of(*flows: ToInternet | ToAddress | ToApiServer) -> list[dict[str, object]]:
    [policy] = network_policies([workload("app", talks_to=flows)])
    rules: list[dict[str, object]] = policy["spec"]["egress"][1:]
    return rules


def test_udp_is_open_only_where_it_is_asked_for() -> None:
    [plain], [both] = egress_of(ToInternet("x")), egress_of(ToInternet("x", ports=(443,), udp=(7844,)))
    assert plain["ports"] == [{"protocol": "TCP", "port": 443}]
    assert both["ports"] == [{"protocol": "TCP", "port": 443}, {"protocol": "UDP", "port": 7844}]


def test_every_udp_port_opens_no_tcp_port() -> None:
    """A rule without any port would open all of both."""
    [rule] = egress_of(ToAddress("x", "192.0.2.0/24", udp="every"))
    assert rule["ports"] == [{"protocol": "UDP"}]


def test_a_flow_without_a_port_is_refused() -> None:
    """To Kubernetes, no port means every port."""
    with pytest.raises(ValueError, match="the flow for films names no port"):
        ToAddress("films", "192.0.2.0/24")
    with pytest.raises(ValueError, match="the flow for films names no port"):
        ToInternet("films", ports=())


def test_the_api_server_is_reached_at_each_of_its_addresses_and_one_port() -> None:
    [rule] = egress_of(ToApiServer("its state", ("192.0.2.1/32", "192.0.2.2/32")))
    assert rule == {
        "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}, {"ipBlock": {"cidr": "192.0.2.2/32"}}],
        "ports": [{"protocol": "TCP", "port": 6443}],
    }


def test_an_api_server_without_an_address_is_refused() -> None:
    """To Kubernetes, no address means every address."""
    with pytest.raises(ValueError, match="the flow for its state names no address"):
        ToApiServer("its state", ())
