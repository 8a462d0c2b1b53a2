"""Whatever a program hands over, the pack neither crashes nor tells a secret."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.namespaces import LABEL
from policies.pod import read
from policies.pod_security import CONTROLS, faults, violations
from policies.unknown import UNKNOWN
from tests.policies.cases import CASES
from tests.policies.cases.case import Case
from tests.policies.engine_props import messages, secret
from tests.policies.pods import hardened
from tests.policies.test_pod_bearing_kinds import KINDS

ODD_TEXTS = st.sampled_from(
    ["", "\x00", "‮", "\ud800", "\U0001d54f" * 100, "a.b[0]", "04da6b54-80e4-46f7-96ec-b56ff0331ba8", "é\n"]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10), ODD_TEXTS, st.just(UNKNOWN)
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | ODD_TEXTS, inner, max_size=4),
    max_leaves=10,
)
EVERYTHING = {
    "appArmorProfile": {"type": "Unconfined"},
    "runAsNonRoot": False,
    "runAsUser": 0,
    "seLinuxOptions": {"type": "spc_t", "user": "u", "role": "r"},
    "seccompProfile": {"type": "Unconfined"},
    "windowsOptions": {"hostProcess": True},
}


def hostile() -> dict[str, Any]:
    """A pod that breaks every rule, so that every place that a rule reads is there to be spoilt."""
    pod = hardened()
    container = {
        "name": "bad",
        "image": "nginx:latest",
        "ports": [{"containerPort": 80, "hostPort": 80}],
        "livenessProbe": {"httpGet": {"host": "192.168.0.1"}},
        "lifecycle": {"preStop": {"tcpSocket": {"host": "192.168.0.1"}}},
        "resources": {"requests": {"cpu": "0", "memory": "0"}, "limits": {"memory": "0"}},
        "securityContext": {
            **copy.deepcopy(EVERYTHING),
            "allowPrivilegeEscalation": True,
            "capabilities": {"add": ["SYS_ADMIN"], "drop": ["KILL"]},
            "privileged": True,
            "procMount": "Unmasked",
        },
    }
    pod["metadata"]["annotations"] = {"container.apparmor.security.beta.kubernetes.io/bad": "unconfined"}
    pod["spec"] |= {
        "containers": [container],
        "initContainers": [],
        "ephemeralContainers": [],
        "hostIPC": True,
        "hostNetwork": True,
        "hostPID": True,
        "os": {"name": "linux"},
        "securityContext": {**copy.deepcopy(EVERYTHING), "sysctls": [{"name": "kernel.msgmax"}]},
        "volumes": [{"name": "a", "hostPath": {"path": "/"}}, {"name": "b", "image": {"reference": "x"}}],
    }
    return pod


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of plain data, itself included."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, part in below for place in places(part, (*way, key)))]


def spoilt(way: tuple[Any, ...], value: Any) -> Any:
    """The hostile pod with another value in one place."""
    if not way:
        return value
    pod: Any = hostile()
    place = pod
    for key in way[:-1]:
        place = place[key]
    place[way[-1]] = value
    return pod


PLACES = places(hostile())


def test_the_hostile_pod_breaks_every_control() -> None:
    pod, misshapen = read(hostile())
    assert misshapen == []
    broken = {control.name for level in ("baseline", "restricted") for control, _ in faults(pod, level, (1, 34))}
    assert broken == {control.name for control in CONTROLS}


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@given(way=st.sampled_from(PLACES), junk=JUNK)
@settings(max_examples=150, deadline=None)
def test_violations_takes_any_value_in_any_place(level: Any, way: tuple[Any, ...], junk: Any) -> None:
    told = violations(spoilt(way, junk), level, (1, 34))
    assert all(isinstance(sentence, str) and sentence for sentence in told)


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@given(junk=JUNK)
@settings(max_examples=80, deadline=None)
def test_violations_takes_any_value_for_a_pod(level: Any, junk: Any) -> None:
    assert isinstance(violations(junk, level), list)


@given(kind=st.sampled_from(KINDS), way=st.sampled_from(PLACES), junk=JUNK)
@settings(max_examples=80, deadline=None)
def test_the_pack_takes_any_value_in_any_place_of_any_kind(kind: Any, way: tuple[Any, ...], junk: Any) -> None:
    token, wrap, _ = kind
    pod = spoilt(way, junk)
    if isinstance(pod, dict):
        messages((token, wrap(pod)))


@given(st.sampled_from([token for token, *_ in KINDS] + ["kubernetes:core/v1:Namespace"]), JUNK)
@settings(max_examples=80, deadline=None)
def test_the_pack_takes_any_properties_of_any_kind(token: str, junk: Any) -> None:
    messages((token, junk if isinstance(junk, dict) else {"spec": junk, "metadata": junk, "items": junk}))


@pytest.mark.parametrize("way", PLACES[1:], ids=lambda way: ".".join(map(str, way)))
def test_no_message_tells_a_secret_wherever_it_stands(way: tuple[Any, ...]) -> None:
    for value in ("s3cr3t", {"s3cr3t": ["s3cr3t"]}, 5330071):
        pod = spoilt(way, value)
        labels = {"metadata": {"name": "media", "labels": {LABEL: "restricted"}}}
        told = messages(
            ("kubernetes:core/v1:Namespace", labels),
            ("kubernetes:core/v1:Pod", pod | {"metadata": pod["metadata"]}),
            ("kubernetes:apps/v1:Deployment", {"spec": secret({"template": pod})}),
        )
        assert any(told.values())
        text = "\n".join(message for some in told.values() for message in some) + "\n".join(
            violations(pod, "restricted")
        )
        assert "s3cr3t" not in text
        assert "5330071" not in text


TOKENS = sorted({one.token for case in CASES for one in case.program})


@given(st.lists(st.tuples(st.sampled_from(TOKENS), JUNK), max_size=4))
@settings(max_examples=150, deadline=None)
def test_the_pack_takes_any_properties_of_any_type_that_a_rule_reads(junk: list[tuple[str, Any]]) -> None:
    messages(*((token, one if isinstance(one, dict) else {"spec": one, "data": one}) for token, one in junk))


@given(st.sampled_from(CASES), st.data())
@settings(max_examples=200, deadline=None)
def test_the_pack_takes_any_value_in_any_place_of_a_case(case: Case, data: st.DataObject) -> None:
    program = [(one.token, copy.deepcopy(one.props)) for one in case.program]
    _, props = data.draw(st.sampled_from(program))
    *way, last = data.draw(st.sampled_from(places(props)[1:]))
    place: Any = props
    for key in way:
        place = place[key]
    place[last] = data.draw(JUNK)
    messages(*program)


@pytest.mark.parametrize("case", [case for case in CASES if case.broken], ids=lambda case: f"{case.rule}: {case.what}")
def test_no_message_tells_what_stands_in_a_program(case: Case) -> None:
    """Every text of it is a secret in turn; what names a resource, a namespace or a node isn't one."""
    for number, one in enumerate(case.program):
        for *way, last in places(one.props)[1:]:
            program = [(each.token, copy.deepcopy(each.props)) for each in case.program]
            place: Any = program[number][1]
            for key in way:
                place = place[key]
            if not isinstance(place[last], str) or last in TOLD or (way and way[-1] == "values"):
                continue
            place[last] = "s3cr3t"
            told = messages(*program)
            assert not any("s3cr3t" in message for some in told.values() for message in some), (way, last)


# Names of resources and nodes, and versions of those, are what a message is about.
TOLD = frozenset(("name", "version", "kubernetes.io/hostname"))


def test_huge_lists_are_judged_and_told_briefly() -> None:
    pod = hostile()
    pod["spec"]["containers"] *= 500
    told = messages(("kubernetes:core/v1:Pod", pod))
    assert len(told["homebrain-resources"]) + len(told["homebrain-stack"]) < 1000
    assert len(violations(pod, "baseline")) > 500


@given(JUNK, JUNK)
@settings(max_examples=60, deadline=None)
def test_namespaces_of_any_shape_are_taken(metadata: Any, labels: Any) -> None:
    messages(
        ("kubernetes:core/v1:Namespace", {"metadata": metadata}),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": metadata, "labels": labels}}),
        ("kubernetes:core/v1:Pod", hardened() | {"metadata": {"namespace": metadata}}),
    )
