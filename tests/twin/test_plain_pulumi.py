"""The program as whoever knows Pulumi uses it: `pulumi` and nothing of ours around it.

The cluster is a twin's, under the name that the owner's config expects; the plugins are those of the twin, since the
real `random` can't be had everywhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import home
from tests.twin.tiny import wait_until
from twin import binaries
from twin.cluster import Twin
from twin.engine import Engine

ROOT = Path(__file__).parents[2]
NOT_COPIED = (".git", ".venv", ".tools", ".twin", "build", "tests", "__pycache__", ".*_cache", ".hypothesis")


class Plain:
    """A copy of the project, and a person's shell in it."""

    def __init__(self, folder: Path, twin: Twin) -> None:
        self.twin = twin
        self.project = folder / "homebrain"
        shutil.copytree(ROOT, self.project, ignore=shutil.ignore_patterns(*NOT_COPIED))
        (self.project / ".venv").symlink_to((ROOT / ".venv").resolve())
        kubeconfig = yaml.safe_load(twin.kubeconfig.read_text())
        kubeconfig["contexts"][0]["name"] = kubeconfig["current-context"] = "homelab"
        (folder / ".kube").mkdir()
        (folder / ".kube" / "config").write_text(yaml.safe_dump(kubeconfig))
        (folder / "backend").mkdir()
        self.environment = {
            "HOME": str(folder),
            "PATH": os.pathsep.join([str(binaries.folder()), os.environ["PATH"]]),
            "PULUMI_HOME": str(twin.state / "pulumi" / "home"),
            "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "of the test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }

    def set_secrets(self, password: str) -> None:
        """Set every secret that the home needs; `password` is the NAS's, the others are worth nothing."""
        for secret in home.secrets.required(home.load_file(self.project / "Pulumi.homelab.yaml")):
            value = password if secret.key == "nasPassword" else f"throwaway {secret.key}"
            assert self.pulumi("config", "set", "--secret", f"homebrain:{secret.key}", value).returncode == 0

    def pulumi(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end. One that hangs is interrupted, as a person would do; what it said so far is given back."""
        process = subprocess.Popen(
            ["pulumi", *args],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, errors = process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                out, errors = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                out, errors = process.communicate()
            return subprocess.CompletedProcess(process.args, HUNG, out, errors)
        return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


HUNG = -1000
"""The exit code of a command that had to be interrupted."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    folder = tmp_path_factory.mktemp("plain")
    twin = Twin(state=folder / "twin", home=ROOT / "Pulumi.homelab.yaml")
    twin.up()
    try:
        Engine(twin, capture=True).prepare()
        shell = Plain(folder, twin)
        created = shell.pulumi("stack", "init", "homelab")
        assert created.returncode == 0, created.stderr
        yield shell
    finally:
        twin.reset()


def test_a_missing_secret_is_asked_for_before_anything_registers(plain: Plain) -> None:
    preview = plain.pulumi("preview", "-s", "homelab", "--policy-pack", "policies")
    assert preview.returncode != 0
    # All that are missing are told at once.
    for secret in home.secrets.required(home.load_file(ROOT / "Pulumi.homelab.yaml")):
        assert f"homebrain:{secret.key}" in preview.stdout
    assert "Traceback" not in preview.stdout
    assert "pulumi config set --secret" in preview.stdout
    assert "kubernetes:core" not in preview.stdout


def test_a_mistake_is_told_plainly_before_anything_registers(plain: Plain) -> None:
    plain.pulumi("config", "set", "--path", "homebrain:apps.jellyfin.node", "k3s-mastr")
    preview = plain.pulumi("preview", "-s", "homelab", "--policy-pack", "policies")
    plain.pulumi("config", "set", "--path", "homebrain:apps.jellyfin.node", "k3s-master")
    assert preview.returncode != 0
    assert 'apps.jellyfin.node: there is no node "k3s-mastr"; did you mean "k3s-master"?' in preview.stdout
    assert "Traceback" not in preview.stdout
    assert "kubernetes:core" not in preview.stdout


def test_preview_and_up_work_on_their_own(plain: Plain) -> None:
    plain.set_secrets("correct horse")
    preview = plain.pulumi("preview", "-s", "homelab", "--policy-pack", "policies")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert "homebrain:media:Jellyfin" in preview.stdout
    assert "correct horse" not in preview.stdout + preview.stderr
    assert "throwaway" not in preview.stdout + preview.stderr

    up = plain.pulumi("up", "-s", "homelab", "--yes", "--skip-preview", "--policy-pack", "policies")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "jellyfin" in plain.pulumi("stack", "output", "-s", "homelab").stdout


def test_destroying_the_home_spares_what_holds_data(plain: Plain) -> None:
    api = plain.twin.api()
    kinds = ("PersistentVolumeClaim", "PersistentVolume", "Namespace")
    before = {kind: {one["metadata"]["name"] for one in api.list(kind)} for kind in kinds}
    destroy = plain.pulumi("destroy", "-s", "homelab", "--yes", "--skip-preview", "--exclude-protected")
    assert destroy.returncode == 0, destroy.stdout + destroy.stderr
    wait_until(lambda: api.get("Deployment", "jellyfin", "media") is None)
    after = {kind: {one["metadata"]["name"] for one in api.list(kind)} for kind in kinds}
    gone = {kind: before[kind] - after[kind] for kind in kinds}
    # What goes can be made again, and says so: its class deletes.
    expendable = {"jellyfin-cache", "immich-models"}
    assert gone["PersistentVolumeClaim"] <= expendable
    assert len(gone["PersistentVolume"]) <= len(expendable)
    assert gone["Namespace"] == set()
