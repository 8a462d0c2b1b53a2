"""The home, deployed for real on its twin: the API server is asked what came of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.twin.deployed import HOMELAB, Deployed, changed_home
from tests.twin.tiny import wait_until
from twin.api import Api, ApiError


@pytest.fixture(scope="module")
def homelab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    deployed = Deployed(tmp_path_factory.mktemp("homelab") / "twin", HOMELAB)
    deployed.twin.up()
    try:
        deployed.engine.up()
        yield deployed
    finally:
        deployed.twin.reset()


def slice_pod(name: str) -> dict[str, Any]:
    """A hand-made pod that takes a slice and meets the restricted standard."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "media"},
        "spec": {
            "runtimeClassName": "nvidia",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "taker",
                    "image": "example.org/taker:1",
                    "resources": {"limits": {"nvidia.com/gpu": "1"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def phase(api: Api, name: str) -> str:
    pod = api.get("Pod", name, "media")
    assert pod is not None
    return str(pod["status"]["phase"])


def test_jellyfin_runs_on_the_master_with_one_slice(homelab: Deployed) -> None:
    [pod] = homelab.pods("media", "jellyfin")
    assert pod["status"]["phase"] == "Running"
    assert pod["spec"]["nodeName"] == "k3s-master"
    assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_the_master_offers_four_slices_and_the_unlimited_card_none(homelab: Deployed) -> None:
    assert homelab.gpus("k3s-master") == "4"
    assert homelab.gpus("k3s-gpu") == "0"


def test_nothing_needs_the_worker_that_is_away(homelab: Deployed) -> None:
    on_worker = [pod for pod in homelab.api.list("Pod") if pod["spec"].get("nodeName") == "k3s-worker"]
    assert on_worker == []
    pending = [pod["metadata"]["name"] for pod in homelab.api.list("Pod") if pod["status"]["phase"] != "Running"]
    assert pending == []


def test_every_claim_is_bound_and_data_is_on_a_volume_that_is_kept(homelab: Deployed) -> None:
    claims = {one["metadata"]["name"]: one for one in homelab.api.list("PersistentVolumeClaim", "media")}
    assert {name: one["status"]["phase"] for name, one in claims.items()} == {
        "jellyfin-cache": "Bound",
        "jellyfin-config": "Bound",
        "library-media": "Bound",
    }
    for name in ("jellyfin-config", "library-media"):
        volume = homelab.api.get("PersistentVolume", claims[name]["spec"]["volumeName"])
        assert volume is not None
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_a_second_up_changes_nothing(homelab: Deployed) -> None:
    run = homelab.engine.up()
    assert run.changed == 0
    assert set(run.changes) <= {"same", "read"}


def test_each_part_that_uses_the_gpu_holds_one_slice_of_the_masters_four(homelab: Deployed) -> None:
    holding = {
        (pod["metadata"]["labels"]["app.kubernetes.io/name"], pod["spec"]["nodeName"], pod["status"]["phase"], slices)
        for pod in homelab.api.list("Pod")
        for container in pod["spec"]["containers"]
        if (slices := container.get("resources", {}).get("limits", {}).get("nvidia.com/gpu"))
    }
    assert holding == {
        ("immich-machine-learning", "k3s-master", "Running", "1"),
        ("immich-server", "k3s-master", "Running", "1"),
        ("jellyfin", "k3s-master", "Running", "1"),
    }


def test_a_fifth_slice_stays_pending(homelab: Deployed) -> None:
    # The home itself holds three.
    names = ["fourth"]
    try:
        for name in names:
            homelab.api.create(slice_pod(name))
        wait_until(lambda: all(phase(homelab.api, name) == "Running" for name in names))
        homelab.api.create(slice_pod("fifth"))
        names.append("fifth")

        def refusal() -> str:
            pod = homelab.api.get("Pod", "fifth", "media") or {}
            return " ".join(one.get("message", "") for one in pod.get("status", {}).get("conditions", []))

        wait_until(lambda: "Insufficient nvidia.com/gpu" in refusal())
        assert phase(homelab.api, "fifth") == "Pending"
    finally:
        for name in names:
            homelab.api.delete("Pod", name, "media")
    wait_until(lambda: len(homelab.api.list("Pod", "media")) == 1)


def test_a_hand_made_privileged_pod_is_refused_in_a_restricted_namespace(homelab: Deployed) -> None:
    pod = slice_pod("intruder")
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ApiError, match='violates PodSecurity "restricted') as refused:
        homelab.api.create(pod)
    assert refused.value.status == 403


def test_the_nas_password_is_in_no_file_of_the_twin_in_clear(homelab: Deployed) -> None:
    secret = homelab.api.get("Secret", "nas-credentials", "storage")
    assert secret is not None
    encoded = secret["data"]["password"]
    password = base64.b64decode(encoded)
    assert len(password) >= 8
    etcd = homelab.twin.state / "etcd"
    files = [path for path in homelab.twin.state.rglob("*") if path.is_file() and etcd not in path.parents]
    assert any(path.suffix == ".json" for path in files)
    assert [path for path in files if password in path.read_bytes() or encoded.encode() in path.read_bytes()] == []


def test_the_credentials_are_readable_by_their_owner_only(homelab: Deployed) -> None:
    assert homelab.twin.kubeconfig.stat().st_mode & 0o077 == 0
    assert homelab.twin.state.stat().st_mode & 0o077 == 0


def test_dropping_the_time_slicing_takes_the_capacity_from_four_to_one(tmp_path: Path) -> None:
    """Immich stays away here: its slices would not fit a card that is given out whole, and the home says so."""
    home = changed_home(tmp_path / "Pulumi.homelab.yaml", lambda config: config["homebrain:apps"].pop("immich"))
    deployed = Deployed(tmp_path / "twin", home)
    deployed.twin.up()
    try:
        deployed.engine.up()
        assert deployed.gpus("k3s-master") == "4"

        def exclusive(config: dict[str, Any]) -> None:
            config["homebrain:apps"].pop("immich")
            config["homebrain:nodes"][0]["gpu"]["sharing"] = {"mode": "exclusive"}

        changed_home(home, exclusive)
        run = deployed.engine.up()
        assert run.changed > 0
        wait_until(lambda: deployed.gpus("k3s-master") == "1")
        wait_until(lambda: [pod["status"]["phase"] for pod in deployed.pods("media", "jellyfin")] == ["Running"])
    finally:
        deployed.twin.reset()


def exists(deployed: Deployed, kind: str, name: str, namespace: str | None = None) -> bool:
    return deployed.api.get(kind, name, namespace) is not None


MOMENTS: dict[str, tuple[str, str, str | None]] = {
    "when the first namespaces are there": ("Namespace", "media", None),
    "when the device plugin starts": ("DaemonSet", "nvidia-device-plugin-k3s-master", "gpu"),
    "when Jellyfin starts": ("Deployment", "jellyfin", "media"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_is_killed_is_made_good_by_the_next_up(moment: str, tmp_path: Path) -> None:
    deployed = Deployed(tmp_path / "twin", HOMELAB)
    deployed.twin.up()
    try:
        deployed.killed_when(lambda: exists(deployed, *MOMENTS[moment]))
        deployed.made_good()
        [pod] = deployed.pods("media", "jellyfin")
        assert pod["status"]["phase"] == "Running"
        assert len(deployed.api.list("PersistentVolumeClaim", "media")) == 3
        assert len(deployed.api.list("ReplicaSet", "media")) == 1
    finally:
        deployed.twin.reset()
