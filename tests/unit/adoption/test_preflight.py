"""What would be taken over, worked out from the program, a state and what a cluster has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adoption import imports, preflight
from adoption.engine import State
from adoption.program import Declared, Key, Program, key_of, plain
from render import evaluate, stack
from render.program import Secret

ROOT = Path(__file__).parents[3]
CLAIM = Key("", "PersistentVolumeClaim", "photos", "immich-database")
SECRET = Key("", "Secret", "photos", "immich-database-password")
JELLYFIN = Key("apps", "Deployment", "media", "jellyfin")


@pytest.fixture(scope="module")
def program() -> Program:
    config = stack.read(ROOT / "Pulumi.homelab.yaml")
    return Program(evaluate(config.values, config.secrets), "homelab")


def state(*resources: Mapping[str, Any]) -> State:
    return State({"deployment": {"resources": list(resources)}})


def known(program: Program, *keys: Key) -> State:
    declared = [one for one in program.objects if one.key in keys]
    assert len(declared) == len(keys)
    return state(
        *({"urn": one.urn, "type": one.registration.type, "id": one.key.id, "custom": True} for one in declared)
    )


def having(*keys: Key, **metadata: Any) -> preflight.Look:
    def look(one: Declared) -> Mapping[str, Any] | None:
        return {"metadata": {"name": one.key.name, **metadata}} if one.key in keys else None

    return look


def test_an_empty_cluster_is_clear(program: Program) -> None:
    result = preflight.look(program, state(), having())
    assert result.is_clear
    assert result.declared > 40


def test_exactly_what_exists_and_is_unknown_is_found(program: Program) -> None:
    result = preflight.look(program, known(program, JELLYFIN), having(JELLYFIN, Key("", "Namespace", "", "media")))
    assert [str(one.declared.key) for one in result.found] == ["Namespace media"]
    assert not result.is_clear


def test_patches_are_not_counted_and_neither_is_what_is_only_read(program: Program) -> None:
    kinds = {one.key.kind for one in program.objects}
    assert "RuntimeClass" not in kinds
    assert Key("", "ServiceAccount", "media", "default") not in {one.key for one in program.objects}


def test_urns_are_the_engines(program: Program) -> None:
    [jellyfin] = [one for one in program.objects if one.key == JELLYFIN]
    assert jellyfin.urn == (
        "urn:pulumi:homelab::homebrain::"
        "homebrain:media:Jellyfin$homebrain:kubernetes:Workload$kubernetes:apps/v1:Deployment::jellyfin"
    )


@pytest.mark.parametrize("holder", [CLAIM, SECRET], ids=str)
def test_a_password_is_not_made_up_beside_data_that_has_another(program: Program, holder: Key) -> None:
    result = preflight.look(program, known(program, holder), having())
    assert not result.lockouts

    [lockout] = preflight.look(program, state(), having(holder)).lockouts
    assert lockout.holders == (str(holder),)
    assert "immich-database-password" in lockout.urn
    assert lockout.urn in preflight.text(preflight.look(program, state(), having(holder)), "homelab")


def test_other_claims_of_the_app_are_no_reason_to_fear_a_lockout(program: Program) -> None:
    upload = Key("", "PersistentVolumeClaim", "photos", "immich-upload")
    result = preflight.look(program, state(), having(upload))
    assert [one.declared.key for one in result.found] == [upload]
    assert not result.lockouts


def test_a_password_in_the_state_locks_nobody_out(program: Program) -> None:
    [password] = [one for one in program.passwords if "immich" in one.name]
    there = state({"urn": program.urn(password), "type": password.type, "id": "none", "custom": True})
    assert not preflight.look(program, there, having(CLAIM)).lockouts


def test_the_table_says_who_manages_an_object_and_the_way_out(program: Program) -> None:
    managed = [{"manager": "helm"}, {"manager": "kube-controller-manager"}, {"manager": "x", "subresource": "status"}]
    look = having(JELLYFIN, labels={"app.kubernetes.io/managed-by": "Helm"}, managedFields=managed)
    text = preflight.text(preflight.look(program, state(), look), "homelab")
    assert "Deployment media/jellyfin  Helm, helm  urn:pulumi:homelab::" in text
    assert "make adopt STACK=homelab" in text


@pytest.mark.parametrize(
    ("token", "identity", "key"),
    [
        ("kubernetes:core/v1:Namespace", "media", Key("", "Namespace", "", "media")),
        ("kubernetes:apps/v1:Deployment", "media/jellyfin", JELLYFIN),
        ("kubernetes:core/v1:ServiceAccountPatch", "media/default", None),
        ("random:index/randomPassword:RandomPassword", "none", None),
        ("pulumi:providers:kubernetes", "x", None),
    ],
)
def test_a_resource_of_the_state_is_the_object_it_stands_for(token: str, identity: str, key: Key | None) -> None:
    assert key_of(token, identity) == key


def test_imports_bring_the_components_around_an_object_along_once(program: Program) -> None:
    claim = Key("", "PersistentVolumeClaim", "media", "jellyfin-config")
    result = preflight.look(program, state(), having(JELLYFIN, claim))
    document = imports.import_file(program, result.found, state())
    components = [one for one in document["resources"] if one.get("component")]
    objects = {one["id"]: one for one in document["resources"] if "id" in one}
    assert [one["logicalName"] for one in components] == ["jellyfin", "jellyfin"]
    names = {one["name"]: one for one in components}
    assert names[objects["media/jellyfin"]["parent"]]["type"] == "homebrain:kubernetes:Workload"
    assert objects["media/jellyfin-config"]["parent"] == names[objects["media/jellyfin"]["parent"]]["parent"]
    assert len({one["name"] for one in document["resources"]}) == len(document["resources"])
    assert list(document["nameTable"].values()) == [
        "urn:pulumi:homelab::homebrain::pulumi:providers:kubernetes::cluster"
    ]


def test_an_imported_objects_inputs_are_what_the_program_declares_of_it(program: Program) -> None:
    claim = Key("", "PersistentVolumeClaim", "media", "jellyfin-config")
    [found] = preflight.look(program, state(), having(claim)).found
    inputs = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "jellyfin-config", "namespace": "media", "finalizers": ["kubernetes.io/pvc-protection"]},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "other", "volumeName": "pvc-1"},
    }
    other = {"urn": "urn:other", "inputs": {"volumeName": "stays"}, "outputs": {}}
    deployment = {"deployment": {"resources": [{"urn": found.declared.urn, "inputs": inputs, "outputs": {}}, other]}}
    narrow = imports.narrowed(deployment, [found])["deployment"]["resources"]
    assert narrow[0]["inputs"]["metadata"] == {"name": "jellyfin-config", "namespace": "media"}
    assert narrow[0]["inputs"]["spec"] == {"accessModes": ["ReadWriteOnce"], "storageClassName": "other"}
    assert narrow[1] == other


def test_a_secret_is_sent_as_the_provider_sends_it() -> None:
    manifest = {"kind": "Secret", "stringData": {"password": Secret("correct horse")}}
    assert plain(manifest) == {"kind": "Secret", "data": {"password": "Y29ycmVjdCBob3JzZQ=="}}
