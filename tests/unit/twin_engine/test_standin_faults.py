"""Faults on demand, on a stand-in that is called as the engine calls it but without one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.twin_engine.calls import Calls, RefusedError
from twin.standins import cloudflare, faults, random, tailscale
from twin.standins.cloudflare import TUNNEL
from twin.standins.faults import Fault
from twin.standins.kinds import Home
from twin.standins.tailscale import DNS_PREFERENCES

TUNNEL_INPUTS = {"accountId": "account", "name": "home"}
PET = "random:index/randomPet:RandomPet"


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(cloudflare.SERVICE, tmp_path, Home("example.com"), apiToken="throwaway")


@pytest.mark.parametrize("kind", ["rate limit", "server error", "timeout"])
def test_a_create_that_failed_before_its_effect_leaves_nothing(calls: Calls, kind: Any) -> None:
    faults.arm(calls.folder, Fault("create", "tunnel", kind=kind, times=3))
    with pytest.raises(RefusedError, match=r"429|503|deadline exceeded"):
        calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)
    assert calls.held(TUNNEL) == []
    faults.disarm(calls.folder)
    calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)


def test_a_create_whose_answer_was_lost_has_taken_effect(calls: Calls) -> None:
    faults.arm(calls.folder, Fault("create", "tunnel", "after", "timeout"))
    with pytest.raises(RefusedError, match="deadline exceeded"):
        calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)
    assert [entry.inputs["name"] for entry in calls.held(TUNNEL)] == ["home"]
    with pytest.raises(RefusedError, match="You already have a tunnel with this name"):
        calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)


@pytest.mark.parametrize("kind", ["rate limit", "server error"])
@pytest.mark.parametrize(("times", "fails"), [(1, False), (2, False), (3, True), (5, True)])
def test_the_cloudflare_provider_tries_three_times(calls: Calls, kind: Any, times: int, fails: bool) -> None:
    faults.arm(calls.folder, Fault("create", "tunnel", kind=kind, times=times))
    if fails:
        with pytest.raises(RefusedError):
            calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)
    else:
        calls.create(TUNNEL, "tunnel", TUNNEL_INPUTS)
    assert sum(fault.times for fault in faults.armed(calls.folder)) == max(0, times - 3)


def test_the_tailscale_provider_tries_once(tmp_path: Path) -> None:
    calls = Calls(tailscale.SERVICE, tmp_path, apiKey="throwaway")
    faults.arm(tmp_path, Fault("create", "dns", kind="rate limit"))
    with pytest.raises(RefusedError, match="stand-in for tailscale: 429 Too Many Requests"):
        calls.create(DNS_PREFERENCES, "dns", {"magicDns": True})
    calls.create(DNS_PREFERENCES, "dns", {"magicDns": True})


METHODS: dict[str, Callable[[Calls, str], object]] = {
    "read": lambda calls, id: calls.read(PET, "pet", id, {}, {}),
    "update": lambda calls, id: calls.update(PET, "pet", id, {"length": 3}),
    "delete": lambda calls, id: calls.delete(PET, "pet", id),
}


@pytest.mark.parametrize("method", METHODS)
def test_any_call_can_be_made_to_fail_and_has_then_changed_nothing(tmp_path: Path, method: str) -> None:
    calls = Calls(random.SERVICE, tmp_path)
    id, _ = calls.create(PET, "pet", {})
    before = calls.record.path.read_text()
    faults.arm(tmp_path, Fault(method, "pet", kind="server error"))
    with pytest.raises(RefusedError, match="503"):
        METHODS[method](calls, id)
    assert calls.record.path.read_text() == before
    METHODS[method](calls, id)


def test_a_function_can_be_made_to_fail(calls: Calls) -> None:
    faults.arm(calls.folder, Fault("invoke", "getZone", kind="timeout"))
    arguments = {"filter": {"name": "example.com", "match": "all"}}
    with pytest.raises(RefusedError, match="deadline exceeded"):
        calls.invoke("cloudflare:index/getZone:getZone", **arguments)
    assert calls.invoke("cloudflare:index/getZone:getZone", **arguments)["name"] == "example.com"


def test_a_fault_strikes_only_what_it_was_armed_for(tmp_path: Path) -> None:
    calls = Calls(random.SERVICE, tmp_path)
    faults.arm(tmp_path, Fault("create", "other", kind="timeout"), Fault("delete", "pet", kind="timeout"))
    calls.create(PET, "pet", {})
    assert len(faults.armed(tmp_path)) == 2


def test_a_fault_for_any_name_strikes_the_next_calls_whatever_their_name(tmp_path: Path) -> None:
    calls = Calls(random.SERVICE, tmp_path)
    faults.arm(tmp_path, Fault("create", "*", kind="timeout", times=2))
    for name in ("one", "two"):
        with pytest.raises(RefusedError):
            calls.create(PET, name, {})
    calls.create(PET, "three", {})


@pytest.mark.parametrize("kind", ["rate limit", "server error"])
def test_a_call_that_is_turned_away_has_no_effect_by_nature(kind: Any) -> None:
    with pytest.raises(ValueError, match="before it has any effect"):
        Fault("create", "tunnel", "after", kind)
