"""One program, two stacks: the home and its twin register the same but for a short list, and what holds data is kept.

The twin's config is derived as its engine derives it, so that what differs here is what differs there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from render import Evaluation, Registration, evaluate, stack
from render.program import Secret
from twin import stack_config

HOMELAB = Path(__file__).parents[2] / "Pulumi.homelab.yaml"
TWINS_KUBECONFIG = Path("/somewhere/.twin/kubeconfig")
# Differs from the home's own placeholder, as a throwaway secret does.
THROWAWAY = "twin-throwaway"
ABSENT = "(absent)"

# Everything in which the two may differ: the resource, the field, and why.
DIFFERENCES: Mapping[tuple[str, str], str] = {
    ("pulumi:providers:kubernetes cluster", "inputs.kubeconfig"): "the twin has a cluster of its own",
    ("pulumi:providers:kubernetes cluster", "inputs.context"): "its kubeconfig leads to that one alone",
    ("pulumi:providers:kubernetes cluster", "inputs.clusterIdentifier"): "the stack's name tells the clusters apart",
    ("kubernetes:core/v1:Secret nas-credentials", "inputs.stringData.password"): "no secret of the home leaves it",
    ("pulumi:providers:cloudflare cloudflare", "inputs.apiToken"): "nor does one of its accounts",
    ("pulumi:providers:tailscale tailscale", "inputs.oauthClientId"): "nor does one of its accounts",
    ("pulumi:providers:tailscale tailscale", "inputs.oauthClientSecret"): "nor does one of its accounts",
}

# Claims on a class that deletes, and why nothing is lost with them.
MADE_AGAIN: Mapping[str, str] = {
    "jellyfin-cache": "transcoded pieces and images, made again when they are asked for",
    "immich-models": "fetched again from the hub that publishes them",
}

CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
VOLUME = "kubernetes:core/v1:PersistentVolume"
NAMESPACE = "kubernetes:core/v1:Namespace"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"


@pytest.fixture(scope="module")
def homelab() -> Evaluation:
    config = stack.read(HOMELAB)
    return evaluate(config.values, config.secrets, stack="homelab")


@pytest.fixture(scope="module")
def twin() -> Evaluation:
    document = yaml.safe_load(HOMELAB.read_text())
    required = [secret.key for secret in home.secrets.required(home.load_file(HOMELAB))]
    places = stack_config.secret_places(document, required)
    derived = stack_config.derive(document, TWINS_KUBECONFIG)["config"]
    own = {key.removeprefix(stack.PREFIX): value for key, value in derived.items() if key.startswith(stack.PREFIX)}
    keys = {str(key).removeprefix(stack.PREFIX) for key, *deeper in places if not deeper}
    assert len(keys) == len(places), "a secret below the first level: give it a throwaway one here as well"
    values = {key: value for key, value in own.items() if key not in keys}
    return evaluate(values, dict.fromkeys(keys, THROWAWAY), stack="twin")


def same_named(urn: str, stack_name: str) -> str:
    """A URN without the name of its stack, which stands in it twice for the stack itself."""
    return urn.replace(f"urn:pulumi:{stack_name}::", "urn:pulumi::").replace(f"::homebrain-{stack_name}", "::homebrain")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value below, by its path; a secret's too, for the mark alone says nothing of what it hides."""
    if isinstance(value, Secret):
        yield f"{path}(secret)", True
        yield from leaves(value.value, path)
    elif isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and value:
        for index, one in enumerate(value):
            yield from leaves(one, f"{path}[{index}]")
    else:
        yield path, value


def registered(evaluation: Evaluation, stack_name: str) -> dict[tuple[str, str], Any]:
    """Every field of every registration, and all outputs, by resource and path."""
    found: dict[tuple[str, str], Any] = {}
    for one in evaluation.registrations:
        urn = same_named(one.urn, stack_name)
        for field in fields(one):
            value = getattr(one, field.name)
            if field.name == "depends_on":
                # A set to the engine; what comes first in it is chance.
                value = sorted(value)
            for path, leaf in leaves(value, field.name):
                key = (urn, path)
                assert key not in found, key
                found[key] = same_named(leaf, stack_name) if isinstance(leaf, str) else leaf
    outputs = {same_named(urn, stack_name): value for urn, value in evaluation.outputs.items()}
    for urn, value in {**outputs, "the stack": evaluation.exports}.items():
        found |= {(urn, f"outputs.{path}"): leaf for path, leaf in leaves(value)}
    return found


def called(urn: str) -> str:
    """`kubernetes:core/v1:Secret nas-credentials` of its URN."""
    _, _, rest = urn.partition("::homebrain::")
    types, _, name = rest.partition("::")
    return f"{types.rpartition('$')[2]} {name}"


def test_the_two_stacks_differ_in_what_is_named_and_in_all_of_it(homelab: Evaluation, twin: Evaluation) -> None:
    ours, theirs = registered(homelab, "homelab"), registered(twin, "twin")
    differing = {key for key in ours.keys() | theirs.keys() if ours.get(key, ABSENT) != theirs.get(key, ABSENT)}
    assert {(called(urn), path) for urn, path in differing} == set(DIFFERENCES)
    assert len(differing) == len(DIFFERENCES)


def test_the_comparison_sees_every_field_that_a_registration_has(homelab: Evaluation) -> None:
    """Or it would be equal for want of looking."""
    assert is_dataclass(Registration)
    looked_at = {path.partition(".")[0].partition("[")[0] for _, path in registered(homelab, "homelab")}
    assert looked_at == {field.name for field in fields(Registration)} | {"outputs"}
    assert {"provider", "parent", "protect", "retain_on_delete", "depends_on", "inputs"} <= looked_at


def test_the_twins_provider_leads_to_the_twin_and_its_secret_is_worth_nothing(twin: Evaluation) -> None:
    provider = twin.named("pulumi:providers:kubernetes", "cluster")
    assert provider.inputs["kubeconfig"] == str(TWINS_KUBECONFIG)
    assert "context" not in provider.inputs
    [credentials] = [one for one in twin.of_type("kubernetes:core/v1:Secret") if one.name == "nas-credentials"]
    data = credentials.inputs["stringData"]
    data = data.value if isinstance(data, Secret) else data
    password = data["password"]
    assert (password.value if isinstance(password, Secret) else password) == THROWAWAY


# What holds data, found by what it is and not by its name.


def keeping_classes(evaluation: Evaluation) -> set[str]:
    """The classes whose volumes outlive their claims. K3s' own is not among them, as the program doesn't make it."""
    classes = evaluation.of_type(STORAGE_CLASS)
    return {one.inputs["metadata"]["name"] for one in classes if one.inputs.get("reclaimPolicy") == "Retain"}


def volumes_and_claims_with_data(evaluation: Evaluation) -> list[Registration]:
    """Claims on a class that keeps, claims on a volume that was there before (the NAS's), and those volumes."""
    keeping = keeping_classes(evaluation)
    assert keeping
    claims = [
        one
        for one in evaluation.of_type(CLAIM)
        if one.inputs["spec"].get("volumeName") or one.inputs["spec"]["storageClassName"] in keeping
    ]
    return [*claims, *evaluation.of_type(VOLUME)]


def test_claims_and_volumes_with_data_are_protected_and_retained(homelab: Evaluation) -> None:
    holding = volumes_and_claims_with_data(homelab)
    # Of both kinds, and of more than one room.
    assert {one.type for one in holding} == {CLAIM, VOLUME}
    assert {one.inputs["metadata"].get("namespace") for one in holding} >= {None, "media", "photos"}
    assert [one.urn for one in holding if not one.protect] == []
    assert [one.urn for one in holding if not one.retain_on_delete] == []


def test_volumes_are_kept_by_the_cluster_too(homelab: Evaluation) -> None:
    policies = {one.name: one.inputs["spec"].get("persistentVolumeReclaimPolicy") for one in homelab.of_type(VOLUME)}
    assert policies == dict.fromkeys(policies, "Retain")


def test_what_is_not_kept_can_be_made_again(homelab: Evaluation) -> None:
    """A claim that somebody put on a class that deletes is either named here, with why, or a mistake."""
    kept = {one.urn for one in volumes_and_claims_with_data(homelab)}
    assert {one.name for one in homelab.of_type(CLAIM) if one.urn not in kept} == set(MADE_AGAIN)


def test_no_claim_is_made_behind_the_programs_back(homelab: Evaluation) -> None:
    """A StatefulSet's templates and a pod's own volumes would be claims that nothing protects."""
    for one in homelab.of_type("kubernetes:apps/v1:StatefulSet"):
        assert "volumeClaimTemplates" not in one.inputs["spec"]
    claimed = {(one.inputs["metadata"]["namespace"], one.inputs["metadata"]["name"]) for one in homelab.of_type(CLAIM)}
    for controller in homelab.objects:
        pod = controller.get("spec", {}).get("template", {}).get("spec", {})
        for volume in pod.get("volumes", []):
            assert "ephemeral" not in volume
            if claim := volume.get("persistentVolumeClaim"):
                assert (controller["metadata"]["namespace"], claim["claimName"]) in claimed


def test_every_namespace_is_protected(homelab: Evaluation) -> None:
    """With a namespace goes every claim in it."""
    namespaces = homelab.of_type(NAMESPACE)
    claimed = {one.inputs["metadata"]["namespace"] for one in homelab.of_type(CLAIM)}
    assert claimed
    assert claimed <= {one.name for one in namespaces}
    assert [one.urn for one in namespaces if not one.protect] == []


def test_what_only_pulumis_state_knows_is_protected(homelab: Evaluation) -> None:
    """A generated password lies in the database already: another one would lock everybody out."""
    generated = [
        one
        for one in homelab.registrations
        if one.custom
        and one.type.startswith("random:")
        # The program hands these to both ends: another one is as good.
        and one.name != "prometheus-token"
    ]
    assert generated
    assert [one.urn for one in generated if not one.protect] == []
