"""The Kubernetes adapter against a twin's real API server, with the rights that it is to have and no others."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from brain.access.proxies import NAME_LABEL, ProxyPods
from brain.adapters import Kubernetes
from brain.adapters.service import Nothing, Paged
from brain.services import OF_A_CLUSTER
from brain.upstream import Upstream, connect
from brain.verdict import Verdict
from components.api import role
from demo import twin as demo_twin
from tests.services.api.test_demo import overview, running
from tests.services.api.test_official_clients import real_now
from tests.twin import objects
from tests.twin.objects import eventually
from twin.api import Api
from twin.cluster import Twin

pytestmark = [pytest.mark.anyio, pytest.mark.engine]

HOME: Final = Path(__file__).parents[2] / "twin" / "home.yaml"
ROLE: Final = role()


def grants(account: str) -> list[dict[str, Any]]:
    """An account, and the role that it is given."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE["metadata"]["name"]}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "default"}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": "default"}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": account},
            "roleRef": reference,
            "subjects": [subject],
        },
    ]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin that runs, with a role that reads what the adapter asks for."""
    running = Twin(tmp_path_factory.mktemp("twin") / "state", HOME)
    running.up()
    try:
        running.api().create(ROLE)
        yield running
    finally:
        running.reset()


@pytest.fixture
def api(twin: Twin) -> Api:
    return twin.api()


def token_of(twin: Twin, account: str) -> str:
    """A token as a pod of this account has one: a TokenRequest of authentication.k8s.io/v1."""
    server = demo_twin.find(twin.kubeconfig)
    assert server is not None, "the demo finds a twin that runs"
    trusted = ssl.create_default_context(cadata=server.authority)
    answer = httpx.post(
        f"{server.url}/api/v1/namespaces/default/serviceaccounts/{account}/token",
        json={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        headers={"Authorization": f"Bearer {server.token}"},
        verify=trusted,
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["status"]["token"]
    return token


@asynccontextmanager
async def asked_with(twin: Twin, token: str, folder: Path) -> AsyncIterator[Kubernetes]:
    """The adapter, with this token and the cluster's own authority."""
    server = demo_twin.find(twin.kubeconfig)
    assert server is not None
    authority = folder / "ca.crt"
    authority.write_text(server.authority)
    client = connect(ca_file=str(authority))
    upstream = Upstream(
        "Kubernetes",
        server.url,
        client=client,
        headers=lambda: {"Authorization": f"Bearer {token}"},
        deadline=10,
        max_bytes=OF_A_CLUSTER,
    )
    try:
        yield Kubernetes(upstream, now=real_now, remedy="Its rights are a role.")
    finally:
        await client.aclose()


async def test_with_the_rights_to_read_four_kinds_it_tells_all_that_it_should(
    twin: Twin, api: Api, tmp_path: Path
) -> None:
    for one in grants("reader"):
        api.create(one)
    api.create(objects.namespace("apps"))
    eventually(lambda: api.get("ServiceAccount", "default", "apps"))
    api.create(objects.config_map("sharing", "apps", {"config.yaml": objects.sharing(4)}))
    api.create(objects.workload("DaemonSet", "plugin", "apps", objects.plugin_pod("sharing")))
    eventually(lambda: allocatable(api), "4")
    api.create(objects.gpu_pod("thinks", "apps"))
    eventually(lambda: objects.phase(api, "thinks", "apps"), "Running")
    api.create(objects.claim("data", "apps", "local-path"))

    async with asked_with(twin, token_of(twin, "reader"), tmp_path) as adapter:
        report = await adapter.look()
        gpus = (await adapter.gpus(Nothing())).gpus
        volumes = (await adapter.volumes(Paged())).items
        nodes = (await adapter.nodes(Paged())).items

    assert report.verdict is Verdict.DEGRADED
    # The home says of this machine that nobody knows where it is.
    assert report.reasons == ("k3s-worker doesn't answer any more.",)
    assert report.facts["version"].startswith("v1.")
    assert [(one.name, one.ready) for one in nodes] == [
        ("k3s-gpu", True),
        ("k3s-master", True),
        ("k3s-worker", False),
    ]
    assert next(one for one in nodes if one.name == "k3s-master").cpus == 12
    (master,) = [one for one in gpus if one.node == "k3s-master"]
    assert (master.slices, master.used) == (4, 1)
    assert [(one.namespace, one.pod, one.slices) for one in master.by] == [("apps", "thinks", 1)]
    assert [(one.namespace, one.name, one.phase) for one in volumes] == [("apps", "data", "Pending")]


async def test_without_rights_it_says_that_it_may_not_see_and_where_rights_come_from(
    twin: Twin, api: Api, tmp_path: Path
) -> None:
    api.create(grants("nobody")[0])
    async with asked_with(twin, token_of(twin, "nobody"), tmp_path) as adapter:
        report = await adapter.look()
    assert report.verdict is Verdict.UNKNOWN
    assert len(report.reasons) == 4
    assert all("doesn't allow the key" in one and "Its rights are a role." in one for one in report.reasons)


async def test_with_a_token_that_nobody_issued_it_can_t_be_asked(twin: Twin, tmp_path: Path) -> None:
    async with asked_with(twin, "made-up", tmp_path) as adapter:
        report = await adapter.look()
    assert report.verdict is Verdict.UNKNOWN
    assert "made-up" not in report.model_dump_json()


async def test_the_tailnets_proxies_are_the_running_pods_of_that_name_and_no_others(
    twin: Twin, api: Api, tmp_path: Path
) -> None:
    for one in grants("finder"):
        api.create(one)
    api.create(objects.namespace("tailnet"))
    eventually(lambda: api.get("ServiceAccount", "default", "tailnet"))
    addresses = {}
    for name, app in (("proxy", "proxy-api"), ("other", "proxy-immich")):
        pod = objects.pod(name, "tailnet")
        api.create({**pod, "metadata": {**pod["metadata"], "labels": {NAME_LABEL: app}}})
        eventually(lambda name=name: objects.phase(api, name, "tailnet"), "Running")
        found = api.get("Pod", name, "tailnet")
        assert found is not None
        addresses[name] = ip_address(found["status"]["podIP"])

    async with asked_with(twin, token_of(twin, "finder"), tmp_path) as adapter:
        pods = ProxyPods(adapter.upstream, "tailnet", "proxy-api")
        assert await pods.has(addresses["proxy"])
        assert not await pods.has(addresses["other"])
        await pods.close()


def test_the_demo_shows_the_cluster_of_a_twin_that_runs(twin: Twin, tmp_path: Path) -> None:
    with running(tmp_path, kubeconfig=twin.kubeconfig) as (_, address):
        told = overview(address)
    verdicts = {one["service"]: one["verdict"] for one in told["services"]}
    assert verdicts["kubernetes"] == "degraded"
    assert [one["node"] for one in told["gpus"]["items"]] == ["k3s-master"]


def allocatable(api: Api) -> str:
    found = api.get("Node", "k3s-master")
    return str(found["status"]["allocatable"].get("nvidia.com/gpu", "")) if found else ""
