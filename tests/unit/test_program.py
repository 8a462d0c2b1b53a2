"""The whole program, registered without an engine: what holds for every resource and every component."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from policies.pod_security import violations
from render import Evaluation, Registration, evaluate, stack
from render.program import Secret

HOMELAB = Path(__file__).parents[2] / "Pulumi.homelab.yaml"
NAMESPACED_DATA = ("PersistentVolumeClaim", "PersistentVolume", "Namespace")
# Claims whose content can be made again: nothing is lost with them.
EXPENDABLE = {"jellyfin-cache", "immich-models"}


@pytest.fixture(scope="module")
def homelab() -> Evaluation:
    """The owner's home."""
    config = stack.read(HOMELAB)
    return evaluate(config.values, {**config.secrets, **dict.fromkeys(config.secrets, "correct horse")})


def kinds(evaluation: Evaluation) -> set[str]:
    return {one.type.rpartition(":")[2] for one in evaluation.registrations}


def test_every_name_is_unique(homelab: Evaluation) -> None:
    twice = [urn for urn, count in Counter(one.urn for one in homelab.registrations).items() if count > 1]
    assert twice == []


def test_no_two_resources_declare_the_same_object(homelab: Evaluation) -> None:
    objects = Counter(
        (one["apiVersion"], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
        for one in homelab.objects
    )
    assert [key for key, count in objects.items() if count > 1] == []


def test_every_resource_names_its_provider(homelab: Evaluation) -> None:
    prefix = "pulumi:providers:"
    providers = {one.type.removeprefix(prefix): one for one in homelab.registrations if one.type.startswith(prefix)}
    assert sorted(providers) == ["cloudflare", "kubernetes", "random", "tailscale"]
    custom = [one for one in homelab.registrations if one.custom and not one.type.startswith(prefix)]
    assert custom
    for one in custom:
        package = one.type.partition(":")[0]
        assert one.provider.startswith(f"{providers[package].urn}::"), one.urn


def test_every_resource_but_a_room_lives_in_a_room(homelab: Evaluation) -> None:
    top = [one for one in homelab.registrations if one.parent.endswith("homebrain-homelab") or not one.parent]
    assert sorted(one.name for one in top) == [
        "api",
        "cloudflare",
        "cluster",
        "cluster",
        "gpu",
        "immich",
        "jellyfin",
        "monitoring",
        "ntfy",
        "public-door",
        "random",
        "storage",
        "tailnet-door",
        "tailscale",
    ]
    assert {one.type.split(":")[0] for one in top} == {"homebrain", "pulumi"}


def test_every_component_registers_its_outputs(homelab: Evaluation) -> None:
    components = [one for one in homelab.registrations if not one.custom]
    assert len(components) == 36
    assert [one.urn for one in components if not homelab.outputs.get(one.urn)] == []


def test_what_holds_data_is_protected_and_kept(homelab: Evaluation) -> None:
    holding = [one for one in homelab.registrations if one.type.rpartition(":")[2] in NAMESPACED_DATA]
    assert {"jellyfin-config", "immich-database", "immich-upload", "immich-queue", "nas-media-media"} <= {
        one.name for one in holding
    }
    assert [one.name for one in holding if not one.protect and one.name not in EXPENDABLE] == []
    volumes = [one for one in holding if not one.type.endswith("Namespace") and one.name not in EXPENDABLE]
    assert [one.name for one in volumes if not one.retain_on_delete] == []


def test_data_lies_on_a_class_that_keeps_it(homelab: Evaluation) -> None:
    for name in ("jellyfin-config", "immich-database", "immich-upload", "immich-queue"):
        claim = homelab.named("kubernetes:core/v1:PersistentVolumeClaim", name)
        storage_class = homelab.named(
            "kubernetes:storage.k8s.io/v1:StorageClass", claim.inputs["spec"]["storageClassName"]
        )
        assert storage_class.inputs["reclaimPolicy"] == "Retain"
    for volume in homelab.of_type("kubernetes:core/v1:PersistentVolume"):
        assert volume.inputs["spec"]["persistentVolumeReclaimPolicy"] == "Retain"


def test_secrets_are_marked_and_stand_nowhere_else(homelab: Evaluation) -> None:
    secrets = {one.name: one for one in homelab.of_type("kubernetes:core/v1:Secret")}
    proxies = [f"proxy-{app}" for app in ("api", "immich", "jellyfin", "monitoring", "ntfy")]
    assert sorted(secrets) == [
        "alert-receiver",
        "api-keys",
        "api-people",
        "api-tokens",
        "cloudflared-token",
        "grafana-admin",
        "immich-database-password",
        "nas-credentials",
        "ntfy-accounts",
        "prometheus-token",
        *(f"{proxy}-{what}" for proxy in proxies for what in ("key", "state")),
    ]
    for name, one in secrets.items():
        if name.endswith("-state"):
            # The proxy fills it itself.
            assert "stringData" not in one.inputs
            continue
        if name == "api-people":
            # Who people are stands in the home's own file, and by what Access knows them is nothing to be let in by.
            continue
        data = one.inputs["stringData"]
        assert isinstance(data, Secret) or all(
            isinstance(one, Secret) for key, one in data.items() if key != "username"
        )
    everything = repr([one.inputs for one in homelab.registrations]) + repr(homelab.outputs) + repr(homelab.exports)
    assert "correct horse" not in everything
    assert "generated-password" not in everything


def pods(evaluation: Evaluation) -> list[tuple[str, dict[str, object]]]:
    """Every pod template with the namespace it lives in."""
    return [
        (one["metadata"]["namespace"], one["spec"]["template"])
        for one in evaluation.objects
        if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet")
    ]


def test_every_pod_meets_the_level_of_its_namespace(homelab: Evaluation) -> None:
    levels = {
        one.name: one.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for one in homelab.of_type("kubernetes:core/v1:Namespace")
    }
    assert levels == {
        "brain": "restricted",
        "gpu": "privileged",
        "media": "restricted",
        "monitoring": "restricted",
        "node-agents": "privileged",
        "notifications": "restricted",
        "photos": "restricted",
        "storage": "privileged",
        "tailnet": "restricted",
        "tunnel": "restricted",
    }
    for namespace, pod in pods(homelab):
        if levels[namespace] != "privileged":
            assert violations(pod, levels[namespace]) == []


def test_every_namespace_denies_by_default(homelab: Evaluation) -> None:
    namespaces = {one.name for one in homelab.of_type("kubernetes:core/v1:Namespace")}
    denied = {
        one["metadata"]["namespace"]
        for one in homelab.objects
        if one["kind"] == "NetworkPolicy" and one["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert denied == namespaces


def test_no_service_opens_a_port_on_a_node(homelab: Evaluation) -> None:
    services = [one for one in homelab.objects if one["kind"] == "Service"]
    assert [one["spec"]["type"] for one in services] == ["ClusterIP"] * len(services)
    assert "Ingress" not in kinds(homelab)


def test_no_role_is_boundless(homelab: Evaluation) -> None:
    for role in homelab.of_type("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"):
        for rule in role.inputs["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert "secrets" not in rule["resources"]
    bindings = homelab.of_type("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding")
    assert "cluster-admin" not in [one.inputs["roleRef"]["name"] for one in bindings]


def test_jellyfin_takes_one_slice_of_the_master_and_reads_its_library(homelab: Evaluation) -> None:
    jellyfin: Registration = homelab.named("kubernetes:apps/v1:Deployment", "jellyfin")
    spec = jellyfin.inputs["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert spec["runtimeClassName"] == "nvidia"
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert mounts["/media/media"]["readOnly"] is True
    assert "readOnly" not in mounts["/config"]
    assert "fsGroup" not in spec["securityContext"]


def test_the_masters_card_is_cut_in_four_and_the_unlimited_one_in_none(homelab: Evaluation) -> None:
    [config] = [one for one in homelab.of_type("kubernetes:core/v1:ConfigMap") if "device-plugin" in one.name]
    assert config.name == "nvidia-device-plugin-k3s-master-sharing"
    assert "replicas: 4" in config.inputs["data"]["config.yaml"]


def test_nothing_waits_for_a_node_that_is_away(homelab: Evaluation) -> None:
    demanded = {
        expression["values"][0]
        for _, pod in pods(homelab)
        for term in (
            pod["spec"]
            .get("affinity", {})
            .get("nodeAffinity", {})
            .get("requiredDuringSchedulingIgnoredDuringExecution", {})
            .get("nodeSelectorTerms", ())
        )
        for expression in term["matchExpressions"]
    }
    assert demanded == {"k3s-master"}
    # What would rather be there runs elsewhere meanwhile.
    assert "k3s-worker" in repr([pod for _, pod in pods(homelab)])


def test_the_runtime_class_of_k3s_is_read_and_not_made(homelab: Evaluation) -> None:
    [runtime] = homelab.of_type("kubernetes:node.k8s.io/v1:RuntimeClass")
    assert runtime.read
