"""The engine and the real Kubernetes provider on a twin's cluster, killed and brought back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.dynamic import DynamicClient

from tests.twin.tiny import Tiny, wait_until
from twin.cluster import Twin

HOMELAB = Path(__file__).parents[2] / "Pulumi.homelab.yaml"
NAMESPACE = """
    import pulumi_kubernetes as kubernetes

    provider = kubernetes.Provider("cluster", kubeconfig=os.environ["KUBECONFIG"], cluster_identifier="twin",
                                   enable_config_map_mutable=True)
    opts = pulumi.ResourceOptions(provider=provider)
    namespace = kubernetes.core.v1.Namespace("NAME", metadata={"name": "NAME"}, opts=opts)
    place = {"namespace": namespace.metadata.name}
"""
CONFIG_MAPS = """
    named = kubernetes.core.v1.ConfigMap("named", metadata={**place, "name": "named"}, data=DATA, opts=opts)
    unnamed = kubernetes.core.v1.ConfigMap("unnamed", metadata=place, data=DATA, opts=opts)
"""
# A claim that nobody uses isn't bound, and so its creation doesn't come to an end.
CLAIM = """
    claim = kubernetes.core.v1.PersistentVolumeClaim("claim", metadata=place, opts=opts, spec={
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "nowhere"})
"""


def program(namespace: str, *parts: str, data: dict[str, str] | None = None) -> str:
    text = "    import os\n" + NAMESPACE.replace("NAME", namespace) + "".join(parts)
    return text.replace("DATA", repr(data or {"a": "1", "b": "2"}))


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    twin = Twin(tmp_path_factory.mktemp("twin") / "state", HOMELAB)
    twin.up()
    yield twin
    twin.reset()


@pytest.fixture(scope="module")
def client(twin: Twin) -> DynamicClient:
    return twin.client()


def config_maps(client: DynamicClient, namespace: str) -> dict[str, dict[str, str]]:
    found = client.resources.get(api_version="v1", kind="ConfigMap").get(namespace=namespace).to_dict()["items"]
    return {each["metadata"]["name"]: each["data"] for each in found if each["metadata"]["name"] != "kube-root-ca.crt"}


def forget(tiny: Tiny, *names: str) -> None:
    """Make the state what a crash leaves between the cluster's answer and the engine's note of it."""
    (path,) = tiny.state.rglob("stacks/tiny/twin.json")
    document: dict[str, Any] = json.loads(path.read_text())
    latest = document["checkpoint"]["latest"]
    lost = [resource for resource in latest["resources"] if resource["urn"].rpartition("::")[2] in names]
    latest["resources"] = [resource for resource in latest["resources"] if resource not in lost]
    for resource in lost:
        for noted in ("id", "outputs", "created", "modified"):
            resource.pop(noted, None)
    latest["pending_operations"] = [{"resource": resource, "type": "creating"} for resource in lost]
    path.write_text(json.dumps(document))


def test_objects_whose_creation_was_never_noted_are_taken_over_whole(
    tmp_path: Path, twin: Twin, client: DynamicClient
) -> None:
    tiny = Tiny(tmp_path, program("noted", CONFIG_MAPS), kubeconfig=twin.kubeconfig)
    tiny.engine.up()
    before = config_maps(client, "noted")
    forget(tiny, "named", "unnamed")

    assert tiny.engine.up().changed == 0
    assert config_maps(client, "noted") == before
    assert len(before) == 2

    # Only who applied a field can take it back.
    tiny.write(program("noted", CONFIG_MAPS, data={"a": "1"}))
    assert tiny.engine.up().changes["update"] == 2
    assert config_maps(client, "noted") == {name: {"a": "1"} for name in before}


def test_an_object_that_somebody_else_made_does_not_count_as_created(
    tmp_path: Path, twin: Twin, client: DynamicClient
) -> None:
    tiny = Tiny(tmp_path, program("others", CONFIG_MAPS), kubeconfig=twin.kubeconfig)
    tiny.engine.up()
    forget(tiny, "named")
    kind = client.resources.get(api_version="v1", kind="ConfigMap")
    kind.delete(name="named", namespace="others")
    kind.create(body={"metadata": {"name": "named"}, "data": {"theirs": "yes"}}, namespace="others")

    assert tiny.engine.up().changes["create"] == 1

    assert config_maps(client, "others")["named"] == {"a": "1", "b": "2", "theirs": "yes"}


def test_a_kill_while_the_cluster_takes_its_time_doubles_nothing(
    tmp_path: Path, twin: Twin, client: DynamicClient
) -> None:
    tiny = Tiny(tmp_path, program("slow", CLAIM), kubeconfig=twin.kubeconfig)
    claims = client.resources.get(api_version="v1", kind="PersistentVolumeClaim")

    def names() -> list[str]:
        return [each["metadata"]["name"] for each in claims.get(namespace="slow").to_dict()["items"]]

    with tiny.running_up() as up:
        wait_until(lambda: bool(names()) or not up.is_alive())
        before = names()
        os.kill(tiny.lock()["pid"], signal.SIGKILL)
    assert len(before) == 1

    tiny.write(program("slow"))
    tiny.engine.up()

    assert names() == []
    assert not tiny.deployment().get("pending_operations")
    assert tiny.processes() == []
