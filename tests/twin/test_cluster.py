"""The twin's cluster: what is there, who gets in, and what its simulated machines do."""

from __future__ import annotations

import json
import ssl
import urllib.request
from itertools import count
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import yaml

from tests.twin import objects
from tests.twin.objects import eventually, says
from twin import summary
from twin.api import Api, ApiError, Manifest
from twin.cluster import Twin
from twin.controllers.pods import condition, is_ready

_numbers = count(1)


@pytest.fixture
def room(api: Api) -> str:
    """A namespace of the test's own, in which anything may run."""
    name = f"room-{next(_numbers)}"
    api.create(objects.namespace(name))
    # Pods need it, and Kubernetes makes it a moment after the namespace.
    eventually(lambda: api.get("ServiceAccount", "default", name))
    return name


def node(api: Api, name: str) -> Manifest:
    found = api.get("Node", name)
    assert found is not None
    return found


def test_the_nodes_are_as_the_home_describes_them(api: Api) -> None:
    found = {each["metadata"]["name"]: each for each in api.list("Node")}
    assert set(found) == {"k3s-master", "k3s-gpu", "k3s-worker"}
    versions = {name: each["status"]["nodeInfo"]["kubeletVersion"] for name, each in found.items()}
    assert versions == {"k3s-master": "v1.33.6+k3s1", "k3s-gpu": "v1.34.3+k3s1", "k3s-worker": "v1.34.3+k3s1"}
    master = found["k3s-master"]
    assert master["status"]["capacity"]["cpu"] == "12"
    assert master["status"]["capacity"]["memory"] == "32Gi"
    assert master["status"]["addresses"][0] == {"type": "InternalIP", "address": "192.168.0.206"}
    assert master["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == "true"
    assert found["k3s-worker"]["metadata"]["labels"]["kubernetes.io/arch"] == "arm64"
    assert found["k3s-gpu"]["metadata"]["labels"]["example.org/room"] == "office"
    assert {"key": "example.org/batch", "effect": "NoSchedule"} in found["k3s-gpu"]["spec"]["taints"]


def test_a_node_that_the_home_describes_as_unknown_is_unknown_from_the_start(api: Api) -> None:
    assert condition(node(api, "k3s-worker"), "Ready")["status"] == "Unknown"
    taints = {(taint["key"], taint["effect"]) for taint in node(api, "k3s-worker")["spec"]["taints"]}
    assert ("node.kubernetes.io/unreachable", "NoSchedule") in taints
    assert is_ready(node(api, "k3s-master"))
    assert is_ready(node(api, "k3s-gpu"))


def test_what_k3s_brings_along_is_there(api: Api) -> None:
    assert api.get("RuntimeClass", "nvidia")
    local_path = api.get("StorageClass", "local-path")
    assert local_path is not None
    assert local_path["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert (local_path["provisioner"], local_path["volumeBindingMode"], local_path["reclaimPolicy"]) == (
        "rancher.io/local-path",
        "WaitForFirstConsumer",
        "Delete",
    )
    dns = api.get("Service", "kube-dns", "kube-system")
    assert dns is not None
    assert dns["spec"]["clusterIP"] == "10.43.0.10"
    eventually(lambda: [is_ready(pod) for pod in api.list("Pod", "kube-system")], [True, True])


def test_the_kubeconfig_verifies_the_api_server_and_a_wrong_token_is_refused(twin: Twin) -> None:
    config = yaml.safe_load(twin.kubeconfig.read_text())
    server = config["clusters"][0]["cluster"]["server"]
    assert server.startswith("https://127.0.0.1:")

    def status(headers: dict[str, str], trust: ssl.SSLContext) -> int:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{server}/api", headers=headers), context=trust
            ) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    ours = ssl.create_default_context(cafile=str(twin.state / "pki" / "ca.crt"))
    assert status({"Authorization": f"Bearer {config['users'][0]['user']['token']}"}, ours) == 200
    assert status({"Authorization": "Bearer wrong"}, ours) == 401
    assert status({}, ours) == 401
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        status({}, ssl.create_default_context())


def test_nobody_but_its_owner_reads_anything_of_a_twin(twin: Twin) -> None:
    assert twin.state.stat().st_mode & 0o777 == 0o700
    readable = [
        path for path in (twin.state, *twin.state.rglob("*")) if path.stat().st_mode & 0o077 and secretive(path)
    ]
    assert readable == []


def secretive(path: Path) -> bool:
    # What etcd makes below its own folder is kept from others by that folder.
    return "member" not in path.parts


def test_the_simulated_parts_have_no_more_rights_than_they_need(twin: Twin) -> None:
    for part in ("kwok", "controllers", "kube-controller-manager", "kube-scheduler"):
        api = Api(twin.state / "kubeconfigs" / part)
        with pytest.raises(ApiError, match='cannot create resource "namespaces"'):
            api.create(objects.namespace("mine"))
    with pytest.raises(ApiError, match='cannot list resource "secrets"'):
        Api(twin.state / "kubeconfigs" / "kwok").list("Secret")


def test_the_client_that_people_know_works_as_well(twin: Twin) -> None:
    nodes = twin.client().resources.get(api_version="v1", kind="Node").get()
    assert {each.metadata.name for each in nodes.items} == {"k3s-master", "k3s-gpu", "k3s-worker"}


def test_a_pod_runs_where_the_scheduler_puts_it(api: Api, room: str) -> None:
    api.create(objects.pod("plain", room))
    eventually(lambda: objects.phase(api, "plain", room), "Running")
    plain = api.get("Pod", "plain", room)
    assert plain is not None
    assert plain["spec"]["nodeName"] == "k3s-master", "the one that answers and has no taint"
    assert plain["status"]["hostIP"] == "192.168.0.206"
    api.delete("Pod", "plain", room)
    eventually(lambda: objects.phase(api, "plain", room), "gone")


def test_nothing_leaves_the_twin_when_somebody_asks_for_logs_or_a_proxy(api: Api, room: str) -> None:
    api.create(objects.pod("plain", room))
    eventually(lambda: objects.phase(api, "plain", room), "Running")
    plain = f"/api/v1/namespaces/{room}/pods/plain"
    with pytest.raises(ApiError, match="no preferred addresses found"):
        api.request("GET", f"{plain}/log")
    with pytest.raises(ApiError, match="nothing-leaves-a-twin"):
        api.request("GET", f"{plain}/proxy/")


def test_a_restricted_namespace_refuses_a_privileged_pod(api: Api) -> None:
    api.apply(objects.namespace("strict", "restricted"))
    with pytest.raises(ApiError, match='violates PodSecurity "restricted:latest": privileged'):
        api.create(objects.pod("mighty", "strict", container={"securityContext": {"privileged": True}}))


def test_a_refused_pod_is_shown_as_refused(api: Api) -> None:
    api.apply(objects.namespace("strict", "restricted"))
    spec = objects.pod("mighty", "strict", container={"securityContext": {"privileged": True}})["spec"]
    for kind in ("Deployment", "DaemonSet"):
        api.create(objects.workload(kind, "mighty", "strict", spec))
    refused = eventually(lambda: found if len(found := summary.refusals(summary.take(api))) == 2 else None)
    assert refused is not None
    assert {trouble.what for trouble in refused} == {"Deployment strict/mighty", "DaemonSet strict/mighty"} or (
        {trouble.what.partition("/")[0] for trouble in refused} == {"ReplicaSet strict", "DaemonSet strict"}
    )
    assert all('violates PodSecurity "restricted:latest": privileged' in trouble.why for trouble in refused)
    for kind in ("Deployment", "DaemonSet"):
        api.delete(kind, "mighty", "strict")


def test_a_job_runs_and_ends_well(api: Api, room: str) -> None:
    spec = {**objects.pod("once", room)["spec"], "restartPolicy": "Never"}
    template = {"metadata": {}, "spec": spec}
    metadata = {"name": "once", "namespace": room}
    api.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}})
    eventually(lambda: (api.get("Job", "once", room) or {})["status"].get("succeeded"), 1)


def test_a_pod_waits_for_the_files_and_variables_that_it_names(api: Api, room: str) -> None:
    source = {"secretKeyRef": {"name": "password", "key": "value"}}
    volumes = [{"name": "config", "configMap": {"name": "settings"}}]
    container = {"env": [{"name": "PASSWORD", "valueFrom": source}]}
    api.create(objects.pod("needy", room, volumes=volumes, container=container))

    def why() -> str:
        found = [each.why for each in summary.troubles(summary.take(api)) if each.what == f"Pod {room}/needy"]
        return found[0] if found else ""

    not_found = 'ContainerCreating: MountVolume.SetUp failed for volume "config" : configmap "settings" not found'
    eventually(why, not_found)
    api.create(objects.config_map("settings", room, {"a": "b"}))
    eventually(why, 'CreateContainerConfigError: Error: secret "password" not found')
    metadata = {"name": "password", "namespace": room}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"other": "x"}}
    api.create(secret)
    eventually(why, f"CreateContainerConfigError: Error: couldn't find key value in Secret {room}/password")
    api.apply({**secret, "stringData": {"value": "x"}})
    eventually(lambda: objects.phase(api, "needy", room), "Running")


def test_a_local_volume_is_made_where_its_pod_goes_and_goes_with_its_claim(api: Api, room: str) -> None:
    api.create(objects.claim("data", room, "local-path"))
    here = {"kubernetes.io/hostname": "k3s-gpu"}
    tolerations = [{"operator": "Exists"}]
    pod = objects.pod("writer", room, volumes=objects.mounting("data"), nodeSelector=here, tolerations=tolerations)
    api.create(pod)
    eventually(lambda: objects.phase(api, "writer", room), "Running")
    name = eventually(lambda: objects.volume_of(api, "data", room))
    assert name is not None
    volume = api.get("PersistentVolume", name)
    assert volume is not None
    (term,) = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["values"] == ["k3s-gpu"]
    assert volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == "rancher.io/local-path"
    api.delete("Pod", "writer", room)
    api.delete("PersistentVolumeClaim", "data", room)
    eventually(lambda: api.get("PersistentVolume", name) is None)


def test_a_volume_of_a_retaining_class_outlives_its_claim(api: Api, room: str) -> None:
    api.apply(objects.storage_class("keeping", volumeBindingMode="WaitForFirstConsumer", reclaimPolicy="Retain"))
    api.create(objects.claim("data", room, "keeping"))
    api.create(objects.pod("writer", room, volumes=objects.mounting("data")))
    name = eventually(lambda: objects.volume_of(api, "data", room))
    assert name is not None
    api.delete("Pod", "writer", room)
    api.delete("PersistentVolumeClaim", "data", room)

    def phase() -> str:
        volume = api.get("PersistentVolume", name)
        return str(volume["status"]["phase"]) if volume else "gone"

    eventually(phase, "Released")
    api.delete("PersistentVolume", name)


def test_a_class_whose_driver_nobody_declared_makes_no_volume_until_somebody_does(api: Api, room: str) -> None:
    api.apply(objects.storage_class("foreign", "driver.example.org", volumeBindingMode="Immediate"))
    api.create(objects.claim("data", room, "foreign"))

    def told() -> str:
        found = [each.why for each in summary.troubles(summary.take(api)) if each.what.endswith(f"{room}/data")]
        return found[0] if found else ""

    eventually(told, says("driver.example.org"))
    driver = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": "driver.example.org"},
        "spec": {},
    }
    api.create(driver)
    assert eventually(lambda: objects.volume_of(api, "data", room))


def test_a_local_volume_that_many_nodes_want_to_write_to_is_refused(api: Api, room: str) -> None:
    api.create(objects.claim("shared", room, "local-path", mode="ReadWriteMany"))
    api.create(objects.pod("writer", room, volumes=objects.mounting("shared")))

    def told() -> list[str]:
        return [each["message"] for each in api.list("Event", room) if each["reason"] == "ProvisioningFailed"]

    assert "only supports ReadWriteOnce" in eventually(told)[0]


def test_a_pod_on_a_share_waits_for_the_driver_of_that_share_on_its_node(api: Api, room: str) -> None:
    metadata = {"name": f"share-{room}"}
    csi = {"driver": "nfs.csi.k8s.io", "volumeHandle": room}
    spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "csi": csi, "storageClassName": ""}
    api.create({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec})
    wanted = objects.claim("share", room, "", mode="ReadWriteMany")
    wanted["spec"]["volumeName"] = metadata["name"]
    api.create(wanted)
    api.create(objects.pod("reader", room, volumes=objects.mounting("share")))

    def why() -> str:
        reader = api.get("Pod", "reader", room)
        return str(condition(reader, "PodReadyToStartContainers").get("message", "")) if reader else ""

    eventually(why, says("driver name nfs.csi.k8s.io not found"))
    registrar = {"name": "registrar", "image": "registry.k8s.io/sig-storage/csi-node-driver-registrar:v2.17.0"}
    plugin = {"name": "nfs", "image": "registry.k8s.io/sig-storage/nfsplugin:v4.13.4"}
    api.create(objects.workload("DaemonSet", "csi-nfs", room, {"containers": [plugin, registrar]}))
    eventually(lambda: objects.phase(api, "reader", room), "Running")
    entry = api.get("CSINode", "k3s-master")
    assert entry is not None
    assert [driver["name"] for driver in entry["spec"]["drivers"]] == ["nfs.csi.k8s.io"]


class TestGpu:
    """What pods can ask of the GPU follows from the device plugin that runs there, step by step."""

    def offered(self, api: Api) -> str | None:
        allocatable: dict[str, str] = node(api, "k3s-master")["status"]["allocatable"]
        return allocatable.get("nvidia.com/gpu")

    def configure(self, api: Api, replicas: int | None) -> None:
        """Deploy a device plugin with this sharing; a new config rolls its pod, as a checksum annotation does."""
        data = {"config.yaml": objects.sharing(replicas)}
        api.apply(objects.config_map("sharing", "gpu", data))
        plugin = objects.workload("DaemonSet", "plugin", "gpu", objects.plugin_pod("sharing"))
        plugin["spec"]["template"]["metadata"]["annotations"] = {"config": f"{replicas}"}
        api.apply(plugin)

    def trouble(self, api: Api, name: str) -> str:
        found = [each.why for each in summary.troubles(summary.take(api)) if name in each.what]
        return found[0] if found else ""

    def test_the_life_of_a_card(self, api: Api) -> None:
        api.create(objects.namespace("gpu"))
        eventually(lambda: api.get("ServiceAccount", "default", "gpu"))
        eventually(lambda: self.offered(api), "0")

        self.configure(api, replicas=4)
        eventually(lambda: self.offered(api), "4")

        for number in range(1, 6):
            api.create(objects.gpu_pod(f"user-{number}", "gpu"))
        names = [f"user-{number}" for number in range(1, 6)]
        eventually(lambda: sorted(objects.phase(api, name, "gpu") for name in names), ["Pending", *["Running"] * 4])
        (last,) = (name for name in names if objects.phase(api, name, "gpu") == "Pending")
        why = eventually(lambda: self.trouble(api, last), says("Insufficient nvidia.com/gpu"))
        assert "k3s-master: 4 of 4 slices taken" in why
        assert summary.slices(summary.take(api), "k3s-master") == (4, 4)

        self.configure(api, replicas=None)
        eventually(lambda: self.offered(api), "1")

        self.configure(api, replicas=1)
        eventually(lambda: self.offered(api), "0")
        why = eventually(lambda: self.trouble(api, "gpu/plugin"), says("CrashLoopBackOff"))
        assert "number of replicas must be >= 2" in why

        self.configure(api, replicas=2)
        eventually(lambda: self.offered(api), "2")

        api.delete("DaemonSet", "plugin", "gpu")
        eventually(lambda: self.offered(api), "0")

    def test_a_plugin_without_the_nvidia_runtime_finds_no_card(self, api: Api, room: str) -> None:
        api.create(objects.config_map("sharing", room, {"config.yaml": objects.sharing(4)}))
        api.create(objects.workload("DaemonSet", "plugin", room, objects.plugin_pod("sharing", runtime=None)))
        eventually(lambda: self.trouble(api, f"{room}/plugin"), says("no NVML"))
        assert self.offered(api) == "0"
        api.delete("DaemonSet", "plugin", room)

    def test_the_nvidia_runtime_is_only_where_a_card_is(self, twin: Twin, api: Api, room: str) -> None:
        everywhere = {"runtimeClassName": "nvidia", "tolerations": [{"operator": "Exists"}]}
        api.create(objects.pod("on-gpu", room, nodeSelector={"kubernetes.io/hostname": "k3s-gpu"}, **everywhere))
        eventually(lambda: objects.phase(api, "on-gpu", room), "Running")
        card = json.loads(node(api, "k3s-gpu")["metadata"]["annotations"]["twin.homebrain.io/gpu"])
        assert card == {"model": "RTX 4060", "count": 1}
