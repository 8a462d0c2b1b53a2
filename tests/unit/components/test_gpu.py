"""GPUs: counted slices where a device plugin counts, the whole card in plain words where nothing does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from components import gpu
from components.objects import pod_template
from components.plan import plan
from components.workload import Deviation, EveryGpu, GpuMemory, Slices
from home import GpuShare, Home

HOMELAB = Path(__file__).parents[3] / "Pulumi.homelab.yaml"


def homelab(*changes: tuple[str, Any]) -> Home:
    """The owner's home with the sharing of the first node's card replaced, and changes to Jellyfin's config."""
    config = yaml.safe_load(HOMELAB.read_text())["config"]
    values = {key.removeprefix("homebrain:"): value for key, value in config.items() if key.startswith("homebrain:")}
    values["apps"].pop("immich")
    for key, value in changes:
        if key == "sharing":
            values["nodes"][0]["gpu"]["sharing"] = value
        else:
            values["apps"]["jellyfin"][key] = value
    return home.load(values)


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        ({"mode": "time-slicing", "replicas": 2}, {"name": "nvidia.com/gpu", "replicas": 2}),
        ({"mode": "exclusive"}, None),
    ],
)
def test_the_plugins_config_says_how_the_card_is_shared(
    sharing: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    config = gpu.sharing_config(homelab(("sharing", sharing)).node("k3s-master"))
    assert config["version"] == "v1"
    if expected is None:
        assert "sharing" not in config
    else:
        assert config["sharing"]["timeSlicing"]["resources"] == [expected]
        assert config["sharing"]["timeSlicing"]["failRequestsGreaterThanOne"] is True


def test_a_share_is_slices_or_the_whole_card() -> None:
    assert gpu.use_of(None) is None
    assert gpu.use_of(GpuShare(slices=1, vram="1Gi")) == Slices(1, GpuMemory("1Gi"))
    assert gpu.use_of(GpuShare(slices=0, vram="1Gi")) == EveryGpu(GpuMemory("1Gi"))
    assert gpu.deviations_of(GpuShare(slices=1, vram="1Gi"), None) == {}
    assert set(gpu.deviations_of(GpuShare(slices=0, vram="1Gi"))) == {Deviation.EVERY_GPU}


def test_an_app_on_a_card_without_limits_sees_it_and_asks_for_none() -> None:
    here = homelab(("sharing", {"mode": "unlimited"}), ("gpu", {"slices": 0, "vram": "1Gi"}))
    rooms = plan(here, home.versions.load())
    assert rooms.gpu_plugins == ()
    assert rooms.jellyfin is not None
    spec = pod_template(rooms.jellyfin)["spec"]
    [container] = spec["containers"]
    assert spec["runtimeClassName"] == "nvidia"
    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"} in container["env"]
    assert "nvidia.com/gpu" not in container["resources"]["requests"]
