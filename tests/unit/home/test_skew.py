"""Whether kubelets and API servers go together, and the way out when they don't."""

from __future__ import annotations

import json
from typing import Any

import pytest

import home
from home import skew
from home.__main__ import main
from tests.homes import GOOD, changed, config


def with_versions(*versions: str, servers: tuple[int, ...] = (0,)) -> home.Home:
    """The small home, each node at its version; `servers` are the indices of those that run the control plane."""
    changes: list[dict[str, Any]] = [
        {"path": f"nodes[{at}].version", "set": version} for at, version in enumerate(versions)
    ]
    changes += [{"path": f"nodes[{at}].role", "set": "server"} for at in servers]
    return home.load(changed(config(), changes))


def verdicts(of: home.Home) -> list[str]:
    return [node.verdict for node in skew.look(of).nodes]


def test_the_homelabs_agents_are_newer_than_its_server() -> None:
    found = skew.look(home.load_file(GOOD["homelab"]))
    assert not found.is_kept
    assert [(node.name, node.verdict) for node in found.nodes] == [
        ("k3s-master", "fine"),
        ("k3s-gpu", "too new"),
        ("k3s-worker", "too new"),
    ]
    assert found.problems == (
        "k3s-gpu (v1.34.3+k3s1) and k3s-worker (v1.34.3+k3s1) are newer than the API server: k3s-master has "
        "v1.33.6+k3s1. A kubelet must not be newer than an API server that it talks to.",
    )
    assert found.ways_out == (
        "upgrade k3s-master to v1.34.x: install K3s there again with INSTALL_K3S_VERSION=v1.34.3+k3s1; the agents stay "
        "as they are",
        "or reinstall k3s-gpu and k3s-worker at v1.33.x, with INSTALL_K3S_VERSION=v1.33.6+k3s1",
    )


@pytest.mark.parametrize(
    ("server", "agent", "verdict"),
    [
        ("v1.33.6+k3s1", "v1.33.6+k3s1", "fine"),
        # Patches don't count.
        ("v1.33.6+k3s1", "v1.33.9+k3s1", "fine"),
        ("v1.33.6+k3s1", "v1.34.0+k3s1", "too new"),
        ("v1.33.6+k3s1", "v1.30.1+k3s1", "fine"),
        ("v1.33.6+k3s1", "v1.29.15+k3s1", "too old"),
        ("v1.26.1+k3s1", "v1.24.1+k3s1", "fine"),
        ("v1.27.1+k3s1", "v1.24.1+k3s1", "too old"),
        ("v1.35.0", "v2.0.0", "too new"),
        ("v2.0.0", "v1.99.0", "too old"),
    ],
)
def test_a_kubelet_is_never_newer_and_at_most_three_minors_older(server: str, agent: str, verdict: str) -> None:
    assert verdicts(with_versions(server, agent, server)) == ["fine", verdict, "fine"]


def test_two_servers_apart_narrow_what_agents_may_have() -> None:
    apart = with_versions("v1.34.3+k3s1", "v1.33.6+k3s1", "v1.34.3+k3s1", servers=(0, 1))
    assert verdicts(apart) == ["fine", "fine", "too new"]
    assert skew.look(apart).ways_out[0].startswith("upgrade cellar to v1.34.x")
    assert verdicts(with_versions("v1.34.3+k3s1", "v1.33.6+k3s1", "v1.30.0+k3s1", servers=(0, 1)))[2] == "too old"


def test_servers_lie_within_one_minor_of_each_other() -> None:
    found = skew.look(with_versions("v1.35.1+k3s1", "v1.33.6+k3s1", "v1.33.6+k3s1", servers=(0, 1)))
    assert [node.verdict for node in found.nodes] == ["fine", "too old", "fine"]
    assert found.problems[0].startswith("The servers lie more than one minor version apart: attic (v1.35.1+k3s1) and")
    assert found.ways_out == ("upgrade cellar, a minor version at a time, to v1.35.1+k3s1",)


def test_a_server_far_behind_is_upgraded_step_by_step() -> None:
    found = skew.look(with_versions("v1.31.0+k3s1", "v1.34.3+k3s1", "v1.31.0+k3s1"))
    assert "a minor version at a time (v1.32, v1.33, v1.34)" in found.ways_out[0]


def test_an_agent_left_behind_is_reinstalled_at_the_servers_version() -> None:
    found = skew.look(with_versions("v1.33.6+k3s1", "v1.33.6+k3s1", "v1.28.1+k3s1"))
    assert found.problems == (
        "shed (v1.28.1+k3s1) is too old for the API server: attic has v1.33.6+k3s1. A kubelet may be 3 minor versions "
        "older at most.",
    )
    assert found.ways_out == ("reinstall shed with INSTALL_K3S_VERSION=v1.33.6+k3s1",)


def test_skew_advises_unless_it_is_told_to_be_strict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skew", str(GOOD["homelab"])]) == 0
    printed = capsys.readouterr().out
    assert "k3s-gpu     agent           v1.34.3+k3s1  1 minor ahead: too new" in printed
    assert "docs/runbooks/01-infrastructure.md" in printed
    assert main(["skew", str(GOOD["homelab"]), "--strict"]) == 1
    assert main(["skew", str(GOOD["small"]), "--strict"]) == 0
    assert "Every kubelet goes with the API server." in capsys.readouterr().out


def test_skew_as_data_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skew", str(GOOD["homelab"]), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["kept"] is False
    assert [node["minorsBehind"] for node in printed["nodes"]] == [0, -1, -1]
    assert printed["runbook"] == "docs/runbooks/01-infrastructure.md"
