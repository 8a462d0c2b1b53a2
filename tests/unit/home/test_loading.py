"""Loading a home: from a stack's file, from what Pulumi hands over, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import home
from home import values
from tests.homes import GOOD, ROOT, changed, config


@pytest.fixture(params=GOOD)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_good_home_loads(name: str) -> None:
    assert home.load_file(GOOD[name]).nodes


def test_a_home_survives_being_written_down_and_read_again(name: str) -> None:
    here = home.load_file(GOOD[name])
    assert home.load(home.dump(here)) == here
    assert home.load(json.loads(json.dumps(home.dump(here)))) == here


def test_pulumi_hands_structures_over_as_json_text_and_secrets_beside_them(name: str) -> None:
    handed = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config(name).items()}
    assert home.load({**handed, "nasPassword": "correct horse"}) == home.load_file(GOOD[name])


def test_a_key_without_value_counts_as_left_out_when_pulumi_hands_it_over() -> None:
    assert home.load({**config(), "context": None}).context is None


@pytest.mark.parametrize("given", [8, 8.0, "8"])
def test_a_number_may_arrive_in_any_dress_that_json_gives_it(given: Any) -> None:
    assert home.load(changed(config(), [{"path": "nodes[0].cpus", "set": given}])).nodes[0].cpus == 8


def test_only_homebrain_keys_of_a_stack_file_are_read(tmp_path: Path) -> None:
    stack = yaml.safe_load(GOOD["small"].read_text())
    stack["encryptionsalt"] = "v1:abc"
    stack["config"] |= {"aws:region": "eu-central-1", "homebrain:nasPassword": {"secure": "AAAB"}}
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(yaml.safe_dump(stack))
    assert home.load_file(file) == home.load_file(GOOD["small"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is no such file; name the stack's config file, such as Pulumi.homelab.yaml"),
        (b"\xff\xfe\x00", "can't be read: "),
        (b"", "holds no `config:`; a stack's config file has its keys below that"),
        (b"config: 7", "holds no `config:`; a stack's config file has its keys below that"),
        (b"config: {? [a] : b}", "line 1 is not YAML: found unhashable key"),
    ],
)
def test_a_file_that_holds_no_config_says_so(text: bytes | None, says: str, tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    if text is not None:
        file.write_bytes(text)
    with pytest.raises(home.HomeError) as caught:
        home.load_file(file)
    assert str(caught.value).startswith(f"{file}: {says}")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(home.HomeError, match="can't be read"):
        home.load_file(tmp_path)


def test_yaml_means_what_pulumi_takes_it_to_mean(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    text = (
        GOOD["small"].read_text().replace("model: GTX 1650", "model: on").replace("model: DS224+", "model: 2026-11-23")
    )
    file.write_text(text)
    here = home.load_file(file)
    assert here.nas
    assert here.nodes[0].gpu
    assert (here.nodes[0].gpu.model, here.nas.model) == ("on", "2026-11-23")


def test_what_is_no_config_at_all_is_refused() -> None:
    with pytest.raises(home.HomeError, match="a list stands where a stack's config is wanted"):
        home.load([])  # type: ignore[arg-type]


def test_a_loaded_home_cannot_be_changed() -> None:
    here = home.load(changed(config(), [{"path": "nodes[0].labels", "set": {"room": "attic"}}]))
    with pytest.raises(ValidationError):
        here.domain = "other.example"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        here.nodes[0].cpus = 64  # type: ignore[misc]
    with pytest.raises(TypeError):
        here.nodes[0].labels["room"] = "cellar"  # type: ignore[index]
    assert isinstance(here.nodes, tuple)
    assert hash(here) == hash(home.load(home.dump(here)))


def test_the_home_answers_by_name() -> None:
    here = home.load(config())
    assert here.node("cellar").joined_over == "tailnet"
    assert here.share("video").protocol == "nfs"
    assert here.app_names == ("immich", "jellyfin", "transcode")
    assert list(here.apps_on("attic")) == ["immich", "jellyfin"]
    assert [node.name for node in here.gpu_nodes] == ["attic", "cellar"]
    with pytest.raises(KeyError, match='no node "garage"'):
        here.node("garage")
    with pytest.raises(KeyError, match='no share "music"'):
        here.share("music")


def test_the_smallest_home_is_one_node() -> None:
    node = {"name": "pi", "role": "server", "version": "v1.33.6+k3s1", "arch": "arm64", "cpus": 4, "memory": "8Gi"}
    here = home.load({"kubeconfig": "k3s.yaml", "timezone": "UTC", "nodes": [node]})
    assert (here.app_names, here.shares, here.gpu_nodes) == ((), (), ())
    assert home.secrets.required(here) == ()


def test_a_machine_without_time_zones_judges_a_zone_by_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_known_zones", frozenset)
    assert home.load({**config(), "timezone": "America/Argentina/Buenos_Aires"})
    with pytest.raises(home.HomeError, match='"Berlin time" is not a time zone'):
        home.load({**config(), "timezone": "Berlin time"})


def test_the_home_knows_nothing_of_pulumi() -> None:
    code = "import sys, home, home.__main__; sys.exit('pulumi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
