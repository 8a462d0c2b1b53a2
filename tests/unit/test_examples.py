"""Other people's homes: every example is a home that fits, and what it lacks is absent from what the program makes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import home
from home import Home, fit, secrets, skew
from policies.pod_security import violations
from references import problems
from render import Evaluation, evaluate, stack
from render.program import Secret

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FILES: Mapping[str, Path] = {
    path.name.removeprefix("Pulumi.").removesuffix(".yaml"): path for path in sorted(EXAMPLES.glob("Pulumi.*.yaml"))
}
README = EXAMPLES / "README.md"

# The namespaces of each: a room that a home lacks has none.
ROOMS: Mapping[str, set[str]] = {
    "no-nas": {"gpu", "photos", "tailnet", "tunnel"},
    "one-node": {"storage", "photos", "media", "tunnel"},
    "raspberry-pis": {"storage", "photos", "media", "tailnet"},
    "tailnet-only": {"storage", "photos", "media", "tailnet"},
    "two-gpus": {"gpu", "storage", "photos", "media", "tailnet", "tunnel"},
}
# The drivers of shares that each needs, by the name of their node plugin.
DRIVERS: Mapping[str, set[str]] = {
    "no-nas": set(),
    "one-node": {"csi-nfs-node"},
    "raspberry-pis": {"csi-nfs-node"},
    "tailnet-only": {"csi-smb-node"},
    "two-gpus": {"csi-nfs-node", "csi-smb-node"},
}

each_example = pytest.mark.parametrize("name", FILES)


@cache
def described(name: str) -> Home:
    return home.load_file(FILES[name])


@cache
def evaluated(name: str) -> Evaluation:
    """What the program registers for an example, on a stack of the example's own name."""
    config = stack.read(FILES[name])
    return evaluate(config.values, config.secrets, stack=name)


def plain(value: Any) -> Any:
    """Without the marks of secrets: whoever checks references wants to see a Secret's keys."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def names_of(name: str, kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in evaluated(name).objects if one["kind"] == kind}


def pods(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every controller with its pod template."""
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    return [(one, one["spec"]["template"]) for one in evaluated(name).objects if one["kind"] in kinds]


def pod_spec(name: str, controller: str) -> dict[str, Any]:
    [template] = [template for one, template in pods(name) if one["metadata"]["name"] == controller]
    spec: dict[str, Any] = template["spec"]
    return spec


def counted_gpus(name: str) -> set[str]:
    """The nodes whose cards are given out by counting."""
    return {node.name for node in described(name).nodes_in_service if node.gpu and node.gpu.slices}


# The files.


def test_there_is_one_for_each_kind_of_home() -> None:
    assert set(FILES) == set(ROOMS) == set(DRIVERS)
    homes = {name: described(name) for name in FILES}
    assert any(len(one.nodes) == 1 and not one.gpu_nodes for one in homes.values())
    assert any(one.nas is None for one in homes.values())
    assert any(one.tailnet and not one.domain for one in homes.values())
    assert any(len({node.gpu.vram_bytes for node in one.gpu_nodes if node.gpu}) == 2 for one in homes.values())
    assert any({node.arch for node in one.nodes} == {"arm64"} for one in homes.values())


@each_example
def test_an_editor_finds_the_schema_and_agrees(name: str) -> None:
    first, *_ = FILES[name].read_text().splitlines()
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match
    schema = json.loads((FILES[name].parent / match[1]).read_text())
    assert list(jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(FILES[name].read_text()))) == []


@each_example
def test_default_providers_are_disabled(name: str) -> None:
    assert yaml.safe_load(FILES[name].read_text())["config"]["pulumi:disable-default-providers"] == ["*"]


@each_example
def test_the_machines_hold_it_whatever_comes_first(name: str) -> None:
    found = fit.weigh(described(name), fit.demands_of(plain(evaluated(name).objects)))
    assert found.verdict == "always", fit.text(found)
    assert evaluated(name).exports["fit"]["verdict"] == "always"


@each_example
def test_the_versions_go_together(name: str) -> None:
    assert skew.look(described(name)).is_kept


# What the program makes of each.


@each_example
def test_the_rooms_are_those_of_the_home(name: str) -> None:
    assert names_of(name, "Namespace") == ROOMS[name]
    spaces = {one["metadata"].get("namespace") for one in evaluated(name).objects} - {None}
    assert spaces == ROOMS[name]
    # What stands in the config is what runs: nothing is promised that the program doesn't make yet.
    apps = {"immich": "photos", "jellyfin": "media"}
    assert {apps[app] for app in described(name).app_names} == ROOMS[name] - {"gpu", "storage", "tailnet", "tunnel"}
    doors = {"tailnet": "tailnet", "tunnel": "public"}
    exported = {door for room, door in doors.items() if room in ROOMS[name]}
    if any(audience.asks for audience in home.doors.audiences(described(name))):
        exported |= {"serviceTokens"}
    assert set(evaluated(name).exports) == {"fit", *described(name).app_names, *exported}


@each_example
def test_every_resource_names_its_provider(name: str) -> None:
    prefix = "pulumi:providers:"
    registrations = evaluated(name).registrations
    providers = {one.type.removeprefix(prefix): one.urn for one in registrations if one.type.startswith(prefix)}
    custom = [one for one in registrations if one.custom and not one.type.startswith(prefix)]
    assert custom
    for one in custom:
        assert one.provider.startswith(f"{providers[one.type.partition(':')[0]]}::"), one.urn


@each_example
def test_every_pod_meets_the_level_of_its_namespace(name: str) -> None:
    levels = {
        one["metadata"]["name"]: one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in evaluated(name).objects
        if one["kind"] == "Namespace"
    }
    assert {room: level for room, level in levels.items() if level != "restricted"} == dict.fromkeys(
        ROOMS[name] & {"gpu", "storage"}, "privileged"
    )
    for controller, template in pods(name):
        level = levels[controller["metadata"]["namespace"]]
        assert level == "privileged" or violations(template, level) == []


@each_example
def test_everything_that_is_referred_to_is_there(name: str) -> None:
    assert [str(one) for one in problems(plain(evaluated(name).objects))] == []


@each_example
def test_gpus_are_asked_for_where_there_are_some(name: str) -> None:
    gpus = counted_gpus(name)
    plugins = {f"nvidia-device-plugin-{node}" for node in gpus}
    runtimes = evaluated(name).of_type("kubernetes:node.k8s.io/v1:RuntimeClass")
    assert {one for one in names_of(name, "DaemonSet") if "nvidia" in one} == plugins
    assert [one.read for one in runtimes] == ([True] if gpus else [])
    on_the_runtime = {one["metadata"]["name"] for one, template in pods(name) if "runtimeClassName" in template["spec"]}
    apps = described(name).apps.by_name.values()
    assert bool(on_the_runtime - plugins) == any(app.gpu_shares for app in apps)
    if not gpus:
        assert on_the_runtime == set()
        assert "nvidia" not in repr(evaluated(name).objects).lower()


@each_example
def test_immich_recognises_faces_where_the_home_says(name: str) -> None:
    """The image for CUDA is several times as large, and of no use without a card."""
    app = described(name).apps.immich
    assert app is not None
    images = home.versions.load()
    [container] = pod_spec(name, "immich-machine-learning")["containers"]
    wanted = "immich-machine-learning-cuda" if app.machine_learning.gpu else "immich-machine-learning"
    assert container["image"] == images[wanted].reference
    assert ("nvidia.com/gpu" in container["resources"]["requests"]) == bool(app.machine_learning.gpu)


@each_example
def test_the_nas_is_mounted_as_far_as_there_is_one(name: str) -> None:
    here = described(name)
    used = {(app_name, share) for app_name, app in here.apps.by_name.items() for share in app.shares.values()}
    assert (
        names_of(name, "DaemonSet") - {f"nvidia-device-plugin-{node}" for node in counted_gpus(name)} == DRIVERS[name]
    )
    assert len(names_of(name, "PersistentVolume")) == len(used)
    assert bool(used) == (here.nas is not None)
    assert ("nasPassword" in {secret.key for secret in secrets.required(here)}) == ("csi-smb-node" in DRIVERS[name])
    assert ("nas-credentials" in names_of(name, "Secret")) == ("csi-smb-node" in DRIVERS[name])


@each_example
def test_apps_are_placed_on_the_node_that_they_name(name: str) -> None:
    for app, controller in (("immich", "immich-server"), ("jellyfin", "jellyfin")):
        described_app = described(name).apps.by_name.get(app)
        if described_app is None:
            continue
        affinity = pod_spec(name, controller).get("affinity")
        assert (affinity is None) == (described_app.node is None)
        assert described_app.node is None or f"'{described_app.node}'" in repr(affinity)


def test_cards_of_other_sizes_are_shared_each_in_its_own_way() -> None:
    configs = {
        one["metadata"]["name"]: yaml.safe_load(one["data"]["config.yaml"])
        for one in evaluated("two-gpus").objects
        if one["kind"] == "ConfigMap" and "device-plugin" in one["metadata"]["name"]
    }
    assert set(configs) == {"nvidia-device-plugin-studio-sharing", "nvidia-device-plugin-den-sharing"}
    sliced = configs["nvidia-device-plugin-studio-sharing"]["sharing"]["timeSlicing"]["resources"]
    assert sliced == [{"name": "nvidia.com/gpu", "replicas": 6}]
    assert "sharing" not in configs["nvidia-device-plugin-den-sharing"]


def test_a_home_without_a_domain_is_refused_a_public_door() -> None:
    config = yaml.safe_load(FILES["tailnet-only"].read_text())["config"]
    keys = {key.removeprefix("homebrain:"): value for key, value in config.items() if key.startswith("homebrain:")}
    keys["apps"]["jellyfin"]["doors"].append("public")
    with pytest.raises(home.HomeError, match=r"apps\.jellyfin\.doors\[1\]: the public door needs a domain"):
        home.load(keys)


# The page.


def commands() -> list[list[str]]:
    """Every command of the page's blocks, as words."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(), re.S)
    lines = [line.partition(" #")[0] for block in blocks for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line))]


def test_the_page_shows_every_example() -> None:
    shown = re.findall(r"\]\(Pulumi\.([\w-]+)\.yaml\)", README.read_text())
    assert sorted(shown) == sorted(FILES)


def test_the_pages_commands_name_what_is_there() -> None:
    """Files are named from the checkout's root, where the commands are typed."""
    found = commands()
    assert {words[0] for words in found} >= {"python3", ".venv/bin/python", "cp"}
    for words in found:
        files = [word for word in words if word.endswith((".py", ".yaml")) and "myhome" not in word]
        assert [file for file in files if not (ROOT / file).exists()] == []


def test_a_home_of_ones_own_starts_as_a_copy_that_loads(tmp_path: Path) -> None:
    """The page's `cp`, what it says of the first line, and the check."""
    [copy] = [words for words in commands() if words[0] == "cp"]
    source, target = copy[1:]
    assert target == "Pulumi.myhome.yaml"
    text = (ROOT / source).read_text()
    changed = text.replace("$schema=../home/", "$schema=home/")
    assert changed != text
    (tmp_path / target).write_text(changed)
    assert home.load_file(tmp_path / target) == home.load_file(ROOT / source)
