"""How a rendered container becomes a process here: nothing of it is lost on the way, and nothing left to chance."""

from __future__ import annotations

import copy
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tests.real
from render import Evaluation
from tests.real.container import Container, UnmappedPathError, laid_out, unprivileged
from tests.real.database import CONF

Change = Callable[[dict[str, Any]], None]


class Changed:
    """A home whose objects are others than the program's."""

    def __init__(self, home: Evaluation, change: Change) -> None:
        self.objects = copy.deepcopy(home.objects)
        for one in self.objects:
            if (one["kind"], one["metadata"]["name"]) == ("StatefulSet", "immich-database"):
                change(one["spec"]["template"]["spec"])


def test_paths_lie_below_one_folder_and_shared_memory_where_the_system_has_it(homelab: Evaluation) -> None:
    with laid_out(homelab, "immich-database") as container:
        assert container.file("/dev/shm") == Path("/dev/shm")
        for inside in set(container.mounts) - {"/dev/shm"}:
            assert container.file(f"{inside}/x").is_relative_to(container.root)
        assert container.command(container.spec["args"])[1:] == ["-c", f"config_file={container.file(CONF)}"]
        data = container.file("/var/lib/postgresql/data")
        assert container.environment["PGDATA"] == f"{data}/pgdata"
        assert stat.S_IMODE(container.root.stat().st_mode) == 0o700
    assert not container.root.exists()


def test_no_mount_takes_the_paths_of_another_whose_name_it_begins_with(homelab: Evaluation) -> None:
    with laid_out(homelab, "immich-database") as container:
        own = container.mounts["/etc/postgresql"]
        assert (
            container.local("a=/etc/postgresql/x.conf b='/etc/postgresql' c=Etc/UTC")
            == f"a={own}/x.conf b='{own}' c=Etc/UTC"
        )
        for outside in ("/etc/postgresql-common", "/etc", "/usr/share/x", "--dir=/var/lib/postgresql"):
            with pytest.raises(UnmappedPathError):
                container.local(outside)


def lose_a_mount(pod: dict[str, Any]) -> None:
    pod["containers"][0]["volumeMounts"] = [
        one for one in pod["containers"][0]["volumeMounts"] if one["mountPath"] != "/var/lib/postgresql/data"
    ]


def name_another(kind: str, key: str) -> Change:
    def change(pod: dict[str, Any]) -> None:
        [volume] = [one for one in pod["volumes"] if kind in one]
        volume[kind][key] = "another"

    return change


def take_the_nodes_own_folder(pod: dict[str, Any]) -> None:
    pod["volumes"][0] = {"name": pod["volumes"][0]["name"], "hostPath": {"path": "/srv"}}


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lose_a_mount, UnmappedPathError, "/var/lib/postgresql/data/pgdata is in none of the mounts"),
        (name_another("configMap", "name"), LookupError, "no ConfigMap another"),
        (name_another("secret", "secretName"), LookupError, "no Secret another"),
        (name_another("persistentVolumeClaim", "claimName"), LookupError, "no PersistentVolumeClaim another"),
        (take_the_nodes_own_folder, ValueError, "nothing here stands in for the volume"),
        (lambda pod: pod["containers"][0].update(command=["sh"]), ValueError, "a command of its own"),
    ],
)
def test_what_can_not_be_stood_in_for_is_refused(
    homelab: Evaluation, tmp_path: Path, change: Change, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        Container(Changed(homelab, change), "immich-database", tmp_path, unprivileged())  # type: ignore[arg-type]


def test_what_is_missing_is_said_by_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert tests.real.missing() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tests.real, "POSTGRESQL", tmp_path)
    assert tests.real.missing() == ["chromium", "postgresql", "redis-server", "util-linux"]
    for name in ("google-chrome", "valkey-server", "redis-cli", "setpriv"):
        (tmp_path / name).touch(0o755)
    assert tests.real.missing() == ["postgresql"]


def test_of_postgresqls_the_newest_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tests.real, "POSTGRESQL", tmp_path)
    for version in ("9", "15", "14"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "postgres").touch(0o755)
    assert tests.real.find("postgres") == tmp_path / "15" / "bin" / "postgres"
