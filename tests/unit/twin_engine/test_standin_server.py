"""The generic stand-in, called as the engine calls it but without one."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2

from tests.unit.twin_engine.calls import CONTEXT, RefusedError
from twin.standins import random, sdk
from twin.standins.record import Entry, Record
from twin.standins.server import StandIn
from twin.standins.values import UNKNOWN, Secret, decode, encode, has_unknown, redact, reveal

PASSWORD = "urn:pulumi:twin::tiny::random:index/randomPassword:RandomPassword::password"
PET = "urn:pulumi:twin::tiny::home:Room$random:index/randomPet:RandomPet::pet"
STRING = "urn:pulumi:twin::tiny::random:index/randomString:RandomString::text"

json_values = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8) | st.just(UNKNOWN),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3) | st.builds(Secret, below)
    ),
    max_leaves=10,
)


@pytest.fixture
def standin(tmp_path: Path) -> StandIn:
    return StandIn(random.SERVICE, tmp_path)


def failures(standin: StandIn, urn: str, inputs: dict[str, Any]) -> dict[str, str]:
    answer = standin.Check(provider_pb2.CheckRequest(urn=urn, news=encode(inputs)), CONTEXT)
    return {failure.property: failure.reason for failure in answer.failures}


def diff(standin: StandIn, old: dict[str, Any], new: dict[str, Any], ignored: tuple[str, ...] = ()) -> list[str]:
    request = provider_pb2.DiffRequest(
        urn=PASSWORD, id="x", old_inputs=encode(old), news=encode(new), ignoreChanges=ignored
    )
    answer = standin.Diff(request, CONTEXT)
    assert list(answer.replaces) == list(answer.diffs), "every input of a random resource replaces it"
    assert (answer.changes == provider_pb2.DiffResponse.DIFF_SOME) == bool(answer.diffs)
    return list(answer.diffs)


def create(standin: StandIn, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    answer = standin.Create(
        provider_pb2.CreateRequest(urn=urn, name=urn.rpartition("::")[2], properties=encode(inputs)), CONTEXT
    )
    return answer.id, decode(answer.properties)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_values_survive_the_wire(properties: dict[str, Any]) -> None:
    assert decode(encode(properties)) == properties


@given(json_values)
def test_a_redacted_value_holds_no_secret_and_a_revealed_one_no_wrapper(value: Any) -> None:
    assert "Secret" not in str(redact([value]))
    assert "[secret]" not in str(reveal([value]))
    assert has_unknown(value) == ("UNKNOWN" in str(reveal([value])))


def test_a_secret_does_not_print() -> None:
    assert str({"a": Secret("hunter2")}) == "{'a': [secret]}"


def test_a_misspelt_property_is_refused_with_the_known_ones(standin: StandIn) -> None:
    assert failures(standin, PET, {"lenght": 3}) == {
        "lenght": "the stand-in for random refuses: random:index/randomPet:RandomPet has no property 'lenght'; "
        "it has keepers, length, prefix, separator"
    }


def test_a_missing_property_is_refused(standin: StandIn) -> None:
    assert list(failures(standin, PASSWORD, {"special": False})) == ["length"]


@pytest.mark.parametrize(
    ("inputs", "wrong"),
    [
        ({"length": "long"}, "length"),
        ({"length": 1.5}, "length"),
        ({"length": 8, "special": "no"}, "special"),
        ({"length": 8, "keepers": ["a"]}, "keepers"),
        ({"length": 0}, "length"),
        ({"length": 4, "minLower": 3, "minUpper": 2}, "length"),
        ({"length": 8, "upper": False, "lower": False, "numeric": False, "special": False}, "special"),
    ],
)
def test_what_the_service_would_refuse_is_refused(standin: StandIn, inputs: dict[str, Any], wrong: str) -> None:
    assert list(failures(standin, PASSWORD, inputs)) == [wrong]


def test_a_value_not_known_yet_is_not_refused(standin: StandIn) -> None:
    assert failures(standin, PASSWORD, {"length": UNKNOWN, "keepers": {"a": UNKNOWN}}) == {}


def test_a_type_that_it_does_not_play_is_refused(standin: StandIn) -> None:
    with pytest.raises(RefusedError, match="stand-in for random: it does not play random:index/randomUuid7"):
        failures(standin, PET.replace("randomPet:RandomPet", "randomUuid7:RandomUuid7"), {})


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ({"length": 8}, {"length": 8}, []),
        ({"length": 8}, {"length": 9}, ["length"]),
        ({"length": 8}, {"length": 8, "special": True, "minLower": 0}, []),
        ({"length": 8}, {"length": 8, "special": False}, ["special"]),
        ({"length": 8, "keepers": {"a": "1"}}, {"length": 8, "keepers": {"a": "2"}}, ["keepers"]),
        ({"length": 8, "keepers": {"a": "1"}}, {"length": 8}, ["keepers"]),
        ({"length": 8, "keepers": {"a": "1"}}, {"length": 8, "keepers": Secret({"a": Secret("1")})}, []),
        ({"length": 8, "keepers": {"a": "1"}}, {"length": 8, "keepers": {"a": UNKNOWN}}, ["keepers"]),
        ({"length": 8, "keepers": {"a": UNKNOWN}}, {"length": 8, "keepers": {"a": UNKNOWN}}, ["keepers"]),
    ],
)
def test_a_diff_sees_through_defaults_secrets_and_unknowns(
    standin: StandIn, old: dict[str, Any], new: dict[str, Any], changed: list[str]
) -> None:
    assert diff(standin, old, new) == changed


def test_a_diff_leaves_out_what_is_to_be_ignored(standin: StandIn) -> None:
    assert diff(standin, {"length": 8}, {"length": 9}, ("length",)) == []


@given(
    length=st.integers(1, 60),
    classes=st.fixed_dictionaries({name: st.booleans() for name in ("lower", "upper", "numeric", "special")}),
    minimums=st.fixed_dictionaries({name: st.integers(0, 9) for name in ("minLower", "minUpper", "minNumeric")}),
)
def test_a_text_is_either_as_asked_for_or_refused(
    tmp_path_factory: pytest.TempPathFactory, length: int, classes: dict[str, bool], minimums: dict[str, int]
) -> None:
    standin = StandIn(random.SERVICE, tmp_path_factory.getbasetemp() / "texts")
    inputs = {"length": length, **classes, **minimums}
    possible = any(classes.values()) and sum(minimums.values()) <= length
    assert (failures(standin, STRING, inputs) == {}) == possible
    if possible:
        _, outputs = create(standin, STRING, inputs)
        text = outputs["result"]
        assert len(text) == length
        for name, letters in (("Lower", string.ascii_lowercase), ("Upper", string.ascii_uppercase)):
            drawn = sum(letter in letters for letter in text)
            assert drawn >= minimums[f"min{name}"]
            assert classes[name.lower()] or drawn == minimums[f"min{name}"]


def test_a_preview_creates_nothing_and_knows_only_what_was_given(standin: StandIn, tmp_path: Path) -> None:
    request = provider_pb2.CreateRequest(urn=PASSWORD, name="p", properties=encode({"length": 8}), preview=True)
    outputs = decode(standin.Create(request, CONTEXT).properties)
    assert outputs["length"] == 8
    assert outputs["result"] == Secret(UNKNOWN)
    assert Record(tmp_path, "random").entries() == []


def test_a_password_can_be_read_again_though_the_record_does_not_hold_it(standin: StandIn, tmp_path: Path) -> None:
    id, created = create(standin, PASSWORD, {"length": 30, "keepers": Secret({"a": "1"})})
    assert isinstance(created["result"], Secret)
    assert created["result"].value not in (tmp_path / "random.json").read_text()
    read = standin.Read(provider_pb2.ReadRequest(urn=PASSWORD, id=id), CONTEXT)
    assert read.id == id
    assert decode(read.properties)["result"] == created["result"]
    restarted = StandIn(random.SERVICE, tmp_path)
    assert (
        decode(restarted.Read(provider_pb2.ReadRequest(urn=PASSWORD, id=id), CONTEXT).properties)["result"]
        == (created["result"])
    )


def test_reading_what_is_not_there_is_an_empty_answer(standin: StandIn) -> None:
    assert standin.Read(provider_pb2.ReadRequest(urn=PASSWORD, id="gone"), CONTEXT).id == ""


def test_deleting_twice_is_deleting_once(standin: StandIn, tmp_path: Path) -> None:
    id, _ = create(standin, PET, {})
    for _ in range(2):
        standin.Delete(provider_pb2.DeleteRequest(urn=PET, name="pet", id=id), CONTEXT)
    assert Record(tmp_path, "random").entries() == []


def test_two_of_the_same_inputs_differ(standin: StandIn) -> None:
    first, second = (create(standin, PASSWORD, {"length": 20})[1]["result"] for _ in range(2))
    assert first != second


def test_a_seed_gives_the_same_number_again(standin: StandIn) -> None:
    urn = PET.replace("randomPet:RandomPet", "randomInteger:RandomInteger")
    drawn = [create(standin, urn, {"min": 1, "max": 10**6, "seed": "home"})[1]["result"] for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_functions_are_refused(standin: StandIn) -> None:
    with pytest.raises(RefusedError, match="stand-in for random: it does not play the function random:index/get:get"):
        standin.Invoke(provider_pb2.InvokeRequest(tok="random:index/get:get"), CONTEXT)


def test_the_record_is_the_owner_s_alone_and_survives_in_order(tmp_path: Path) -> None:
    record = Record(tmp_path, "random")
    for number in range(5):
        record.add(Entry(id=str(number), type="t", urn="u", inputs={}, outputs={}))
    assert record.path.stat().st_mode & 0o077 == 0
    assert [entry.id for entry in record.entries()] == ["0", "1", "2", "3", "4"]
    with record.changing() as entries:
        del entries[2]
    assert [entry["id"] for entry in json.loads(record.path.read_text())["entries"]] == ["0", "1", "3", "4"]


@pytest.mark.parametrize("kind", random.SERVICE.kinds, ids=lambda kind: kind.token.rpartition(":")[2])
def test_every_kind_is_as_the_installed_sdk_declares_it(kind: Any) -> None:
    declared = sdk.resource_type(kind.token)
    assert declared is not None
    assert kind.defaults.keys() <= declared.inputs.keys()
    assert declared.inputs.keys() <= declared.outputs


def test_the_sdk_is_read_as_it_behaves() -> None:
    import pulumi_random

    password = sdk.resource_type("random:index/randomPassword:RandomPassword")
    assert password is not None
    assert password.secret_outputs == {"result", "bcryptHash"}
    assert [name for name, declared in password.inputs.items() if declared.required] == ["length"]
    assert password.inputs["minLower"].shape.kind == "integer"
    assert password.inputs["keepers"].shape.kind == "map"
    # The SDK's own table of wire names, which costs an import.
    getters = {
        getattr(value.fget, "_pulumi_name", name)
        for name, value in vars(pulumi_random.RandomPassword).items()
        if isinstance(value, property)
    }
    assert password.outputs == getters


@pytest.mark.parametrize("token", ["random:index/nothing:Nothing", "random:index/randomPet:RandomCat"])
def test_a_type_that_the_sdk_lacks_is_not_made_up(token: str) -> None:
    assert sdk.resource_type(token) is None


def test_the_larger_sdks_can_be_read_too() -> None:
    tunnel = sdk.resource_type("cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared")
    assert tunnel is not None
    assert {name for name, declared in tunnel.inputs.items() if declared.required} == {"accountId", "name"}
    key = sdk.resource_type("tailscale:index/tailnetKey:TailnetKey")
    assert key is not None
    assert key.secret_outputs == {"key"}
