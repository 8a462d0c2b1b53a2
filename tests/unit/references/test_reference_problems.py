"""How problems are told, and references that the owner's home has none of yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import references
from references.objects import Objects
from references.options import options
from references.place import Place
from tests.unit.references.rendered import ROOT, Object, edited, homelab, named, steps

SERVER = "Deployment photos/immich-server"


def added(*more: Object) -> list[str]:
    """What is said of these objects on top of what is said of the home."""
    return [str(problem) for problem in references.problems([*homelab(), *more])]


def with_container(**more: Any) -> list[str]:
    objects = homelab()
    [container] = named(objects, SERVER)["spec"]["template"]["spec"]["containers"]
    for key, value in more.items():
        container[key] = [*container.get(key, []), *value]
    return [str(problem) for problem in references.problems(objects)]


def test_a_problem_says_what_is_where_what_there_is_and_what_was_probably_meant() -> None:
    way = steps(named(homelab(), SERVER), "spec.template.spec.volumes[immich-upload].persistentVolumeClaim.claimName")
    first = str(references.problems(edited(SERVER, way, "imich-upload"))[0])
    assert first.startswith(
        f'{SERVER}: spec.template.spec.volumes[0].persistentVolumeClaim.claimName is "imich-upload"; '
        "there is no such PersistentVolumeClaim in namespace photos, there are immich-database, "
    )
    assert first.endswith('did you mean "immich-upload"?')


@pytest.mark.parametrize("ref", ["secretKeyRef", "configMapKeyRef"])
def test_a_variable_from_a_key_that_is_not_there_is_told_with_the_key(ref: str) -> None:
    holder = {"secretKeyRef": "immich-database-password", "configMapKeyRef": "immich-database-conf"}[ref]
    entry = {"name": "REDIS_PASSWORD", "valueFrom": {ref: {"name": holder, "key": "pasword"}}}
    [said] = with_container(env=[entry])
    assert f"env[13].valueFrom.{ref}.key" in said
    entry["valueFrom"][ref]["optional"] = True  # type: ignore[index]
    assert with_container(env=[entry]) == []


def test_all_of_a_map_that_is_not_there_is_told() -> None:
    [said] = with_container(envFrom=[{"configMapRef": {"name": "immich-settings"}}])
    assert "envFrom[0].configMapRef.name" in said


def test_the_same_variable_twice_is_told() -> None:
    [said] = with_container(env=[{"name": "TZ", "value": "Etc/UTC"}])
    assert "env[13].name" in said


def test_a_projected_volume_is_looked_into() -> None:
    objects = homelab()
    spec = named(objects, SERVER)["spec"]["template"]["spec"]
    source = {"secret": {"name": "immich-database-password", "items": [{"key": "passwort", "path": "password"}]}}
    [volume] = [one for one in spec["volumes"] if one["name"] == "immich-database-password"]
    volume.pop("secret")
    volume["projected"] = {"sources": [source]}
    paths = {problem.path for problem in references.problems(objects)}
    assert "spec.template.spec.volumes[1].projected.sources[0].secret.items[0].key" in paths
    source["secret"]["items"][0]["key"] = "password"  # type: ignore[index]
    assert references.problems(objects) == []


def test_an_ingress_leads_to_a_service_and_a_port_of_it() -> None:
    backend = {"service": {"name": "jellyfin", "port": {"number": 8096}}}
    rules = [{"http": {"paths": [{"path": "/", "backend": backend}]}}]
    ingress = {"kind": "Ingress", "metadata": {"name": "door", "namespace": "media"}, "spec": {"rules": rules}}
    assert added(ingress) == []
    backend["service"]["port"] = {"number": 8097}
    assert ["spec.rules[0].http.paths[0].backend.service.port.number" in one for one in added(ingress)] == [True]
    backend["service"]["name"] = "jelyfin"
    assert ["spec.rules[0].http.paths[0].backend.service.name" in one for one in added(ingress)] == [True]


def test_a_budget_is_for_one_controller() -> None:
    selector = {"matchLabels": {"app.kubernetes.io/name": "jellyfn"}}
    budget = {"kind": "PodDisruptionBudget", "metadata": {"name": "b", "namespace": "media"}}
    [said] = added({**budget, "spec": {"selector": selector}})
    assert 'spec.selector.matchLabels["app.kubernetes.io/name"] is "jellyfn"' in said


def test_a_role_takes_effect_through_a_token_and_is_bound_to_an_account_that_is_there() -> None:
    role = {"kind": "Role", "metadata": {"name": "reader", "namespace": "media"}}
    subject = {"kind": "ServiceAccount", "name": "jellyfin", "namespace": "media"}
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "reader", "namespace": "media"},
        "roleRef": {"kind": "Role", "name": "reader"},
        "subjects": [subject],
    }
    [said] = added(role, binding)
    assert said.startswith("Deployment media/jellyfin: spec.template.spec.automountServiceAccountToken is false")
    subject["name"] = "jelyfin"
    [said] = added(role, binding)
    assert said.startswith("RoleBinding media/reader: subjects[0].name")
    [said] = added(role)
    assert said.startswith("Role media/reader: metadata.name")


def test_a_secret_that_hides_its_keys_has_the_right_ones() -> None:
    objects = homelab()
    for one in objects:
        if one["kind"] == "Secret":
            one["stringData"] = "[secret]"
    assert references.problems(objects) == []


def test_pods_are_known_by_the_nodes_that_they_are_bound_to() -> None:
    bound = {pods.name: pods.nodes for pods in Objects(homelab()).pods}
    assert bound["jellyfin"] == {"k3s-master"}
    # Nothing on k3s-gpu mounts a share over SMB.
    assert bound["csi-smb-node"] == {"k3s-master"}


def test_a_share_is_mounted_where_its_driver_runs() -> None:
    way = steps(
        named(homelab(), "DaemonSet storage/csi-smb-node"),
        "spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
        ".matchExpressions[0].values",
    )
    found = references.problems(edited("DaemonSet storage/csi-smb-node", way, ["k3s-gpu"]))
    assert sorted(problem.resource for problem in found) == ["Deployment media/jellyfin", SERVER]


def test_options_are_read_however_they_are_written() -> None:
    args = Place("x", "args", ["serve", "--a=1", "--b", "2", "-c", "d=3", "--e", "--f", "-1"])
    read = [(one.name, one.value, one.place.path) for one in options(args, frozenset({"--f"}))]
    assert read == [
        ("[0]", "serve", "args[0]"),
        ("--a", "1", "args[1]"),
        ("--b", "2", "args[3]"),
        ("d", "3", "args[5]"),
        ("--e", "", "args[6]"),
        ("--f", "-1", "args[8]"),
    ]


def test_the_command_prints_problems_and_fails(tmp_path: Path) -> None:
    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "references", "--rendered", str(tmp_path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    objects = homelab()
    (tmp_path / "all").mkdir()
    for number, one in enumerate(objects):
        (tmp_path / "all" / f"{number:03}.yaml").write_text(yaml.safe_dump(one))
    fine = run()
    assert (fine.returncode, fine.stdout) == (0, "")
    service = named(objects, "Service media/jellyfin")
    service["spec"]["ports"][0]["targetPort"] = "web"
    (tmp_path / "all" / f"{objects.index(service):03}.yaml").write_text(yaml.safe_dump(service))
    wrong = run()
    assert wrong.returncode == 1
    assert wrong.stdout.startswith('Service media/jellyfin: spec.ports[0].targetPort is "web"; there is no such port')
