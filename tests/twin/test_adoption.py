"""Taking over a home that runs: a twin that was filled by hand beforehand, and a person's shell."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from adoption.changes import changes
from tests.twin.objects import eventually
from tests.twin.test_plain_pulumi import HUNG, Plain
from twin import binaries
from twin.api import Api
from twin.cluster import Twin
from twin.engine import Engine

ROOT = Path(__file__).parents[2]
PASSWORD = "correct horse"
SELECTOR = {"app.kubernetes.io/name": "jellyfin"}

Manifest = dict[str, Any]


def deployment(labels: dict[str, str]) -> Manifest:
    """Jellyfin as somebody might run it: its claim, another image, a variable of theirs."""
    container = {
        "name": "jellyfin",
        "image": "jellyfin/jellyfin:10.9.1",
        "env": [{"name": "MINE", "value": "1"}],
        "volumeMounts": [{"name": "data", "mountPath": "/config"}],
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "jellyfin-config"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "jellyfin", "namespace": "media"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }


BY_HAND: list[Manifest] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "media", "labels": {"owner": "me"}}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storage"}},
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "local-path-retain"},
        "provisioner": "rancher.io/local-path",
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "WaitForFirstConsumer",
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "jellyfin-config", "namespace": "media", "annotations": {"films/watched": "1287"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local-path-retain",
            "resources": {"requests": {"storage": "10Gi"}},
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "jellyfin", "namespace": "media"},
        "spec": {"selector": SELECTOR, "ports": [{"name": "http", "port": 80, "targetPort": 8096}]},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "nas-credentials", "namespace": "storage"},
        "stringData": {"username": "somebody", "password": "battery staple"},
    },
]
FOREIGN: list[Manifest] = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "mine", "namespace": "media"},
        "data": {"a": "b"},
    },
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "music"}},
]
WOULD_BE_TAKEN_OVER = {
    "Namespace media",
    "Namespace storage",
    "StorageClass local-path-retain",
    "PersistentVolumeClaim media/jellyfin-config",
    "Service media/jellyfin",
    "Secret storage/nas-credentials",
    "Deployment media/jellyfin",
}


class Living:
    """A home that somebody runs, and the project beside it."""

    def __init__(self, shell: Plain) -> None:
        self.shell = shell
        self.shown = ""

    @property
    def api(self) -> Api:
        return self.shell.twin.api()

    def kubectl(self, *args: str, objects: list[Manifest] | None = None) -> None:
        given = None if objects is None else yaml.safe_dump_all(objects)
        command = [str(binaries.find("kubectl")), "--kubeconfig", str(self.shell.twin.kubeconfig), *args]
        subprocess.run(command, input=given, text=True, check=True, capture_output=True)

    def adoption(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / ".venv" / "bin" / "python"), "-m", "adoption", *args, "--stack", "homelab"]
        return subprocess.run(
            command,
            cwd=self.shell.project,
            env=self.shell.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )

    def found(self) -> str:
        """What Jellyfin's objects say of themselves, for whoever wants to know why something waits."""
        kinds = ("Deployment", "ReplicaSet", "Pod", "PersistentVolumeClaim", "Event")
        told = [
            {
                "kind": kind,
                "name": one["metadata"]["name"],
                "generation": one["metadata"].get("generation"),
                "annotations": one["metadata"].get("annotations"),
                "status": one.get("status") or one.get("message"),
            }
            for kind in kinds
            for one in self.api.list(kind, "media")
        ]
        return json.dumps(told, indent=1)

    def objects(self, *those: Manifest) -> list[Manifest]:
        found = [self.api.get(one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")) for one in those]
        assert None not in found
        return [one for one in found if one]

    def settle(self) -> None:
        """Wait until nobody writes into the Deployment any more."""
        eventually(lambda: self.objects(deployment({}))[0]["status"].get("availableReplicas"), 1)

    def known(self) -> set[str]:
        """The URNs in the stack's state."""
        exported = json.loads(self.shell.pulumi("stack", "export", "-s", "homelab").stdout)
        return {one["urn"] for one in exported["deployment"].get("resources") or ()}


def identities(objects: list[Manifest]) -> list[tuple[str, str]]:
    return [(one["metadata"]["uid"], one["metadata"]["resourceVersion"]) for one in objects]


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    folder = tmp_path_factory.mktemp("living")
    twin = Twin(state=folder / "twin", home=ROOT / "Pulumi.homelab.yaml")
    twin.up()
    try:
        Engine(twin, capture=True).prepare()
        home = Living(Plain(folder, twin))
        created = home.shell.pulumi("stack", "init", "homelab")
        assert created.returncode == 0, created.stderr
        home.shell.set_secrets(PASSWORD)
        home.kubectl("apply", "-f", "-", objects=[*BY_HAND, *FOREIGN, deployment({"app": "jellyfin"})])
        home.settle()
        yield home
    finally:
        twin.reset()


def test_preflight_lists_exactly_what_would_be_taken_over_and_changes_nothing(living: Living) -> None:
    everything = [*BY_HAND, *FOREIGN, deployment({})]
    before = identities(living.objects(*everything))
    preflight = living.adoption("preflight")
    assert preflight.returncode == 1, preflight.stderr
    rows = [line.strip() for line in preflight.stdout.splitlines() if "urn:pulumi:homelab" in line]
    assert {row.partition("  ")[0] for row in rows} == WOULD_BE_TAKEN_OVER
    assert all("kubectl-client-side-apply" in row for row in rows)
    assert "make adopt STACK=homelab" in preflight.stdout
    assert identities(living.objects(*everything)) == before


def test_what_only_an_object_made_anew_could_be_is_refused_before_anything_is_imported(living: Living) -> None:
    everything = [*BY_HAND, *FOREIGN, deployment({})]
    before, known = identities(living.objects(*everything)), living.known()
    adopt = living.adoption("adopt", "--yes")
    assert adopt.returncode == 1
    assert "field is immutable" in adopt.stdout
    assert "kubectl delete deployment jellyfin -n media" in adopt.stdout
    assert "Nothing was imported." in adopt.stdout
    assert identities(living.objects(*everything)) == before
    assert living.known() == known


def test_nothing_is_imported_without_consent(living: Living) -> None:
    # What the refusal advises.
    living.kubectl("delete", "deployment", "jellyfin", "-n", "media")
    living.kubectl("apply", "-f", "-", objects=[deployment(SELECTOR)])
    living.settle()
    known = living.known()
    adopt = living.adoption("adopt")
    assert adopt.returncode == 1
    assert '~ spec.template.spec.containers[jellyfin].image: "jellyfin/jellyfin:10.9.1" -> ' in adopt.stdout
    assert "Nothing was imported." in adopt.stdout
    assert living.known() == known


def test_adopt_imports_and_leaves_the_cluster_as_it_is(living: Living) -> None:
    everything = [*BY_HAND, *FOREIGN, deployment({})]
    before = identities(living.objects(*everything))
    adopt = living.adoption("adopt", "--yes")
    assert adopt.returncode == 0, adopt.stdout + adopt.stderr
    assert identities(living.objects(*everything)) == before
    living.shown = adopt.stdout

    # Every line about a Secret says that it differs, and none with what.
    assert "~ data.password: (secret) -> (secret)" in adopt.stdout
    assert not any(value in adopt.stdout for value in (PASSWORD, "battery staple", "somebody"))

    kept = json.loads((living.shell.project / "build" / "adopt.json").read_text())
    assert len([one for one in kept["resources"] if "id" in one]) == len(WOULD_BE_TAKEN_OVER)
    preflight = living.adoption("preflight")
    assert preflight.returncode == 0, preflight.stdout + preflight.stderr
    assert "nothing would be taken over" in preflight.stdout


def test_the_next_up_changes_what_was_shown_and_keeps_every_object(living: Living) -> None:
    adopted = [*BY_HAND, deployment({})]
    before, foreign = living.objects(*adopted), identities(living.objects(*FOREIGN))
    living.shell.environment["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
    up = living.shell.pulumi("up", "-s", "homelab", "--yes", "--skip-preview")
    if up.returncode == HUNG:
        # In two whole runs of all tests, and never when this file ran alone, the provider waited for the Deployment
        # without end. Why isn't known yet: what the cluster looks like then is said at the end of the tests. The next
        # `up` has to come to the same end.
        warnings.warn(f"`pulumi up` hung:\n{living.found()}\n{up.stdout[-4000:]}", stacklevel=1)
        living.shell.pulumi("cancel", "-s", "homelab", "--yes")
        up = living.shell.pulumi("up", "-s", "homelab", "--yes", "--skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "replaced" not in up.stdout
    assert "deleted" not in up.stdout

    after = living.objects(*adopted)
    assert [one["metadata"]["uid"] for one in after] == [one["metadata"]["uid"] for one in before]
    assert identities(living.objects(*FOREIGN)) == foreign
    shown = sections(living.shown)
    for old, new in zip(before, after, strict=True):
        place = f"{old['metadata']['namespace']}/" if "namespace" in old["metadata"] else ""
        happened = [str(one) for one in changes(old, new) if "deployment.kubernetes.io/revision" not in one.path]
        assert sorted(happened) == sorted(shown[f"{old['kind']} {place}{old['metadata']['name']}"])


def sections(shown: str) -> dict[str, list[str]]:
    """The lines under each object that `adopt` shows."""
    found: dict[str, list[str]] = {}
    for line in shown.partition("\nThe imports")[0].splitlines():
        if " (managed by " in line:
            lines = found.setdefault(line.partition(" (managed by ")[0], [])
        elif line.startswith("  ") and line != "  nothing changes":
            lines.append(line.strip())
    return found
