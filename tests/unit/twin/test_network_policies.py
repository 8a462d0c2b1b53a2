"""What NetworkPolicies say of a connection, against a table of cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from twin.exposure.network_policies import Address, End, NetworkPolicies, Pod, Protocol, selects

NAMESPACES = {
    "photos": {"kubernetes.io/metadata.name": "photos", "room": "photos"},
    "media": {"kubernetes.io/metadata.name": "media", "room": "films"},
    "bare": {},
}


def pod(namespace: str, name: str, address: str, host_network: bool = False, **labels: str) -> Pod:
    ports = {"http": (8080, "TCP"), "metrics": (9090, "TCP"), "dns": (53, "UDP")}
    return Pod(namespace, name, {"app": name, **labels}, address, ports, host_network)


SERVER = pod("photos", "server", "10.42.0.10", tier="front")
DATABASE = pod("photos", "database", "10.42.0.11", tier="data")
FILMS = pod("media", "films", "10.42.1.10", tier="front")
STRAY = pod("bare", "stray", "10.42.2.10")
ON_HOST = pod("photos", "on-host", "192.168.0.206", host_network=True)
LAPTOP = Address("192.168.0.50")
NAS = Address("192.168.0.243")
WORLD = Address("203.0.113.9")
WORLD_6 = Address("2001:db8::9")


def policy(spec: str, namespace: str = "photos", name: str = "one") -> dict[str, Any]:
    return {
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": yaml.safe_load(spec) or {},
    }


DENY = policy("{podSelector: {}, policyTypes: [Ingress, Egress]}", name="deny")


@dataclass(frozen=True)
class Case:
    """A connection under some policies, and whether it is allowed."""

    what: str
    policies: tuple[dict[str, Any], ...]
    source: End
    target: End
    allowed: bool
    port: int = 8080
    protocol: Protocol = "TCP"
    namespaces: dict[str, dict[str, str]] = field(default_factory=lambda: NAMESPACES)

    def __str__(self) -> str:
        return self.what


def to_server(what: str, spec: str, source: End, allowed: bool, port: int = 8080, protocol: Protocol = "TCP") -> Case:
    """The server's namespace has this policy and nothing else; who comes in?"""
    return Case(what, (policy(spec),), source, SERVER, allowed, port, protocol)


def from_server(what: str, spec: str, target: End, allowed: bool, port: int = 8080, protocol: Protocol = "TCP") -> Case:
    """The same; where does the server get?"""
    return Case(what, (policy(spec),), SERVER, target, allowed, port, protocol)


CASES = (
    # Isolation.
    Case("without any policy all is allowed", (), STRAY, SERVER, True),
    Case("a policy elsewhere isolates nobody here", (policy("{podSelector: {}}", "media"),), STRAY, SERVER, True),
    Case("a policy for other pods isolates nobody else",
         (policy("{podSelector: {matchLabels: {app: database}}}"),), STRAY, SERVER, True),
    Case("denied in both directions, nothing comes in", (DENY,), FILMS, SERVER, False),
    Case("denied in both directions, nothing goes out", (DENY,), SERVER, FILMS, False),
    Case("denied, not even a neighbour comes in", (DENY,), DATABASE, SERVER, False),
    Case("a default deny is for its own namespace", (DENY,), STRAY, FILMS, True),
    Case("what one policy allows, another can't take back",
         (DENY, policy("{podSelector: {}, ingress: [{}], egress: [{}]}")), DATABASE, SERVER, True),
    Case("leave to come in is no leave to go out",
         (DENY, policy("{podSelector: {}, ingress: [{}]}")), DATABASE, SERVER, False),
    Case("leave to go out is no leave to come in",
         (DENY, policy("{podSelector: {}, egress: [{}], policyTypes: [Egress]}")), DATABASE, SERVER, False),
    Case("policies add up",
         (policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.50/32}}]}]}", name="a"),
          policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.243/32}}]}]}", name="b")),
         NAS, SERVER, True),
    # Directions.
    to_server("without types, a policy is about ingress", "{podSelector: {}}", FILMS, False),
    from_server("without types and egress rules, egress is free", "{podSelector: {}}", FILMS, True),
    from_server("an empty list of egress rules is none", "{podSelector: {}, egress: []}", FILMS, True),
    from_server("without types, egress rules are about egress too",
                "{podSelector: {}, egress: [{ports: [{port: 1}]}]}", FILMS, False),
    to_server("egress alone leaves ingress free", "{podSelector: {}, policyTypes: [Egress]}", FILMS, True),
    from_server("ingress alone leaves egress free", "{podSelector: {}, policyTypes: [Ingress]}", FILMS, True),
    from_server("egress rules don't count where the types say ingress",
                "{podSelector: {}, policyTypes: [Ingress], egress: [{ports: [{port: 1}]}]}", FILMS, True),
    to_server("ingress rules don't count where the types say egress",
              "{podSelector: {}, policyTypes: [Egress], ingress: [{ports: [{port: 1}]}]}", FILMS, True),
    to_server("an empty spec selects every pod", "{}", FILMS, False),
    # Peers.
    to_server("an empty rule is everybody", "{podSelector: {}, ingress: [{}]}", WORLD, True),
    to_server("an empty list of peers is everybody", "{podSelector: {}, ingress: [{from: []}]}", WORLD, True),
    to_server("an empty selector of pods is every pod of the namespace",
              "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", DATABASE, True),
    to_server("and no pod of another", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", FILMS, False),
    to_server("and no address outside", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", LAPTOP, False),
    to_server("pods are those of the policy's namespace",
              "{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {tier: front}}}]}]}", FILMS, False),
    to_server("an empty selector of namespaces is every namespace",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}", STRAY, True),
    to_server("but no address outside",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}", LAPTOP, False),
    to_server("a namespace goes by its labels",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}}}]}]}", FILMS, True),
    to_server("a namespace without labels is selected by none",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}}}]}]}", STRAY,
              False),
    to_server("in one peer, namespace and pod must both fit",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}},"
              " podSelector: {matchLabels: {app: other}}}]}]}", FILMS, False),
    to_server("and do",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}},"
              " podSelector: {matchLabels: {app: films}}}]}]}", FILMS, True),
    to_server("as two peers, either will do: the namespace",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}}},"
              " {podSelector: {matchLabels: {app: other}}}]}]}", FILMS, True),
    to_server("as two peers, either will do: the pod, here",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}}},"
              " {podSelector: {matchLabels: {app: database}}}]}]}", DATABASE, True),
    to_server("as two peers, the pod has to be here",
              "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: else}}},"
              " {podSelector: {matchLabels: {app: films}}}]}]}", FILMS, False),
    from_server("egress to a pod elsewhere",
                "{podSelector: {}, egress: [{to: [{namespaceSelector: {matchLabels: {room: films}},"
                " podSelector: {matchLabels: {app: films}}}]}]}", FILMS, True),
    from_server("and to no other", "{podSelector: {}, egress: [{to: [{namespaceSelector: {matchLabels: {room: films}},"
                " podSelector: {matchLabels: {app: films}}}]}]}", STRAY, False),
    # Addresses.
    to_server("an address within", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24}}]}]}", LAPTOP,
              True),
    to_server("an address outside", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.1.0/24}}]}]}", LAPTOP,
              False),
    to_server("an address that is left out",
              "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24, except: [192.168.0.50/32]}}]}]}",
              LAPTOP, False),
    to_server("an address beside the one that is left out",
              "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24, except: [192.168.0.50/32]}}]}]}",
              NAS, True),
    to_server("what one block leaves out, another lets in",
              "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24, except: [192.168.0.50/32]}},"
              " {ipBlock: {cidr: 192.168.0.50/32}}]}]}", LAPTOP, True),
    to_server("a pod's address is one as well",
              "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.42.0.0/16}}]}]}", FILMS, True),
    from_server("the internet without the home", "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0,"
                " except: [10.0.0.0/8, 192.168.0.0/16]}}], ports: [{port: 443}]}]}", WORLD, True, 443),
    from_server("and not the home", "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0,"
                " except: [10.0.0.0/8, 192.168.0.0/16]}}], ports: [{port: 443}]}]}", NAS, False, 443),
    from_server("nor its pods", "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0,"
                " except: [10.0.0.0/8, 192.168.0.0/16]}}], ports: [{port: 443}]}]}", FILMS, False, 443),
    from_server("addresses of the other kind are another matter",
                "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}", WORLD_6, False),
    from_server("and have blocks of their own", "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: '::/0'}}]}]}",
                WORLD_6, True),
    # Ports.
    to_server("the right port", "{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}", FILMS, True),
    to_server("another port", "{podSelector: {}, ingress: [{ports: [{port: 8081}]}]}", FILMS, False),
    to_server("an empty list of ports is every port", "{podSelector: {}, ingress: [{ports: []}]}", FILMS, True),
    to_server("a port without a protocol is TCP", "{podSelector: {}, ingress: [{ports: [{port: 53}]}]}", FILMS, False,
              53, "UDP"),
    to_server("a protocol without a port is every port", "{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}",
              FILMS, True, 40000, "UDP"),
    to_server("of that protocol", "{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}", FILMS, False, 40000),
    to_server("no ports at all are all protocols", "{podSelector: {}, ingress: [{}]}", FILMS, True, 1, "SCTP"),
    to_server("within a range", "{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8080}]}]}", FILMS, True),
    to_server("at its beginning", "{podSelector: {}, ingress: [{ports: [{port: 8080, endPort: 9000}]}]}", FILMS, True),
    to_server("past its end", "{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 8079}]}]}", FILMS, False),
    to_server("a range of another protocol",
              "{podSelector: {}, ingress: [{ports: [{port: 8000, endPort: 9000, protocol: UDP}]}]}", FILMS, False),
    to_server("a port by the pod's own name for it", "{podSelector: {}, ingress: [{ports: [{port: http}]}]}", FILMS,
              True),
    to_server("another port than the one of that name", "{podSelector: {}, ingress: [{ports: [{port: metrics}]}]}",
              FILMS, False),
    to_server("a name that the pod doesn't have", "{podSelector: {}, ingress: [{ports: [{port: web}]}]}", FILMS, False),
    to_server("a name whose port has another protocol", "{podSelector: {}, ingress: [{ports: [{port: dns}]}]}", FILMS,
              False, 53, "UDP"),
    to_server("and with that protocol", "{podSelector: {}, ingress: [{ports: [{port: dns, protocol: UDP}]}]}", FILMS,
              True, 53, "UDP"),
    from_server("going out, a name is the target's", "{podSelector: {}, egress: [{ports: [{port: http}]}]}", FILMS,
                True),
    from_server("and no name leads outside", "{podSelector: {}, egress: [{ports: [{port: http}]}]}", WORLD, False),
    to_server("peer and port have to fit in one rule",
              "{podSelector: {}, ingress: [{from: [{podSelector: {}}], ports: [{port: 9090}]},"
              " {from: [{ipBlock: {cidr: 192.168.0.0/16}}], ports: [{port: 8080}]}]}", DATABASE, False),
    # Selecting pods.
    to_server("by an expression: in",
              "{podSelector: {matchExpressions: [{key: app, operator: In, values: [server, x]}]}}", FILMS, False),
    to_server("by an expression: not in",
              "{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [server]}]}}", FILMS, True),
    to_server("not in, of a label that isn't there",
              "{podSelector: {matchExpressions: [{key: absent, operator: NotIn, values: [server]}]}}", FILMS, False),
    to_server("by an expression: exists", "{podSelector: {matchExpressions: [{key: app, operator: Exists}]}}", FILMS,
              False),
    to_server("by an expression: does not exist",
              "{podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}", FILMS, True),
    to_server("labels and expressions have to fit together",
              "{podSelector: {matchLabels: {app: server},"
              " matchExpressions: [{key: tier, operator: In, values: [data]}]}}", FILMS, True),
    # Host network.
    Case("no policy applies to a pod on its host's network", (DENY,), STRAY, ON_HOST, True),
    Case("nor when it opens the connection",
         (policy("{podSelector: {}, policyTypes: [Egress]}"),), ON_HOST, FILMS, True),
    to_server("no selector has it as a peer", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}", ON_HOST,
              False),
    to_server("its node's address does", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 192.168.0.206/32}}]}]}",
              ON_HOST, True),
    from_server("going there, too, it is an address", "{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}", ON_HOST,
                False),
    # Both ends.
    Case("two namespaces that deny, each with leave for the other",
         (DENY, policy("{podSelector: {}, policyTypes: [Ingress, Egress]}", "media", "deny"),
          policy("{podSelector: {matchLabels: {app: server}}, egress: [{to: [{namespaceSelector: {matchLabels:"
                 " {room: films}}}], ports: [{port: 8080}]}]}"),
          policy("{podSelector: {matchLabels: {app: films}}, ingress: [{from: [{namespaceSelector: {matchLabels:"
                 " {room: photos}}}], ports: [{port: 8080}]}]}", "media")), SERVER, FILMS, True),
    Case("and on no other port",
         (DENY, policy("{podSelector: {}, policyTypes: [Ingress, Egress]}", "media", "deny"),
          policy("{podSelector: {matchLabels: {app: server}}, egress: [{to: [{namespaceSelector: {matchLabels:"
                 " {room: films}}}]}]}"),
          policy("{podSelector: {matchLabels: {app: films}}, ingress: [{from: [{namespaceSelector: {matchLabels:"
                 " {room: photos}}}], ports: [{port: 8080}]}]}", "media")), SERVER, FILMS, False, 9090),
    Case("a namespace that lost its label is no longer the one that was meant",
         (policy("{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {room: films}}}]}]}"),),
         FILMS, SERVER, False, namespaces={"photos": {}, "media": {}}),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_connection_is_allowed_or_not(case: Case) -> None:
    answer = NetworkPolicies(case.policies, case.namespaces).may(case.source, case.target, case.port, case.protocol)
    assert answer.allowed is case.allowed, answer.why


def test_there_are_enough_cases_and_no_two_alike() -> None:
    assert len({case.what for case in CASES}) == len(CASES) > 60
    assert sum(case.allowed for case in CASES) > 25
    assert sum(not case.allowed for case in CASES) > 25


def test_a_refusal_names_the_policies_that_refuse() -> None:
    answer = NetworkPolicies((DENY,), NAMESPACES).may(STRAY, SERVER, 8080)
    assert answer.why == "in to photos/server: NetworkPolicy photos/deny let nothing of that pass"


def test_leave_names_the_policies_that_give_it_at_both_ends() -> None:
    answer = NetworkPolicies((policy("{podSelector: {}, ingress: [{}]}", name="all"),), NAMESPACES).may(
        STRAY, SERVER, 8080
    )
    assert answer.why == (
        "out of bare/stray: no NetworkPolicy selects it; in to photos/server: NetworkPolicy photos/all allows it"
    )


def test_an_operator_that_kubernetes_does_not_have_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no operator 'Near'"):
        selects({"matchExpressions": [{"key": "app", "operator": "Near"}]}, {"app": "x"})


RULES = st.sampled_from(
    [
        "{}",
        "{from: [{podSelector: {}}]}",
        "{from: [{namespaceSelector: {}}], ports: [{port: http}]}",
        "{from: [{ipBlock: {cidr: 192.168.0.0/16, except: [192.168.0.128/25]}}], ports: [{port: 1, endPort: 9000}]}",
        "{ports: [{protocol: UDP}]}",
    ]
)
ENDS: st.SearchStrategy[End] = st.sampled_from([SERVER, DATABASE, FILMS, STRAY, ON_HOST, LAPTOP, NAS, WORLD])
TARGETS: st.SearchStrategy[End] = st.sampled_from([SERVER, DATABASE, FILMS])


@given(st.lists(RULES, max_size=4), RULES, ENDS, TARGETS, st.sampled_from([53, 443, 8080, 9090]))
def test_one_more_rule_never_takes_anything_back(
    rules: list[str], more: str, source: End, target: End, port: int
) -> None:
    def asked(given: list[str]) -> bool:
        selecting = policy(f"{{podSelector: {{}}, ingress: [{', '.join(given)}]}}")
        return NetworkPolicies((selecting,), NAMESPACES).may(source, target, port).allowed

    assert asked([*rules, more]) or not asked(rules)


@given(st.lists(RULES, max_size=3), ENDS, TARGETS, st.sampled_from([53, 8080]))
def test_isolating_a_pod_never_opens_anything(rules: list[str], source: End, target: End, port: int) -> None:
    there = [policy(f"{{podSelector: {{}}, ingress: [{', '.join(rules)}]}}")]
    wider = NetworkPolicies(there, NAMESPACES).may(source, target, port).allowed
    narrower = NetworkPolicies([*there, DENY], NAMESPACES).may(source, target, port).allowed
    assert wider or not narrower
