"""Other people's homes, each previewed and deployed for real on a twin of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import home
from tests.twin.tiny import wait_until
from twin.cluster import Twin
from twin.engine import Engine

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("Pulumi.*.yaml"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name.removeprefix("Pulumi.").removesuffix(".yaml"))
def twin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Twin]:
    """A twin of one example, gone when its test is done."""
    running = Twin(state=tmp_path / "twin", home=request.param)
    try:
        running.up()
        yield running
    finally:
        running.reset()


def pods(twin: Twin) -> list[dict[str, Any]]:
    return twin.api().list("Pod")


def waiting(twin: Twin) -> list[str]:
    return [pod["metadata"]["name"] for pod in pods(twin) if pod["status"]["phase"] != "Running"]


def slices_taken(twin: Twin) -> dict[str, int]:
    """By node, what pods of the cluster hold of its cards."""
    taken: dict[str, int] = {}
    for pod in pods(twin):
        for container in pod["spec"]["containers"]:
            limits = container.get("resources", {}).get("limits", {})
            if count := int(limits.get("nvidia.com/gpu", 0)):
                taken[pod["spec"]["nodeName"]] = taken.get(pod["spec"]["nodeName"], 0) + count
    return taken


def test_an_example_is_previewed_and_deployed_and_then_left_alone(twin: Twin) -> None:
    here = home.load_file(twin.home)
    engine = Engine(twin, capture=True)

    # With the policy pack, and without doing anything.
    preview = engine.preview()
    assert preview.changes["create"] > 0
    assert "Policies:" in preview.output
    assert twin.api().get("Namespace", "photos") is None

    up = engine.up()
    assert up.changes["create"] == preview.changes["create"]
    wait_until(lambda: waiting(twin) == [])

    # Where the home says, with the slices that it says.
    placed = {pod["metadata"]["labels"].get("app.kubernetes.io/name"): pod["spec"]["nodeName"] for pod in pods(twin)}
    for app, workload in (("immich", "immich-server"), ("jellyfin", "jellyfin")):
        described = here.apps.by_name.get(app)
        assert (workload in placed) == (described is not None)
        if described and described.node:
            assert placed[workload] == described.node
    for node in here.nodes:
        found = twin.api().get("Node", node.name)
        assert found is not None
        assert found["status"]["nodeInfo"]["architecture"] == node.arch
        offered = int(found["status"]["allocatable"].get("nvidia.com/gpu", 0))
        assert offered == (node.gpu.slices if node.gpu else 0)
    asked = {
        node.name: sum(share.slices for app in here.apps_on(node.name).values() for share in app.gpu_shares.values())
        for node in here.gpu_nodes
    }
    assert slices_taken(twin) == asked
    claims = twin.api().list("PersistentVolumeClaim")
    assert {claim["status"]["phase"] for claim in claims} == {"Bound"}

    again = engine.up()
    assert again.changed == 0
    assert set(again.changes) <= {"same", "read"}
