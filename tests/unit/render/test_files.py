"""`make render`: the home as YAML, the same each time, without secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from render import files
from render.program import Secret

ROOT = Path(__file__).parents[3]
OBJECTS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "media"}},
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": "media", "name": "creds"},
        "stringData": Secret({"password": "correct horse", "username": "me"}),
    },
]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_object_has_a_file_of_its_own(tmp_path: Path) -> None:
    written = files.write(OBJECTS, tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == [
        "cluster/namespace-media.yaml",
        "media/secret-creds.yaml",
    ]
    assert yaml.safe_load(written[0].read_text()) == OBJECTS[0]


def test_a_secret_shows_its_keys_and_nothing_else(tmp_path: Path) -> None:
    [_, secret] = files.write(OBJECTS, tmp_path / "out")
    assert yaml.safe_load(secret.read_text())["stringData"] == {"password": "[secret]", "username": "[secret]"}
    assert b"correct horse" not in b"".join(contents(tmp_path).values())


def test_nothing_of_an_earlier_rendering_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    files.write(OBJECTS, out)
    files.write(OBJECTS[:1], out)
    assert sorted(contents(out)) == [".homebrain-render", "cluster/namespace-media.yaml"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("dear to somebody")
    with pytest.raises(FileExistsError, match="holds files that are not a rendering"):
        files.write(OBJECTS, tmp_path)
    assert contents(tmp_path) == {"photo.jpg": b"dear to somebody"}


@given(st.permutations(["apiVersion", "kind", "metadata", "spec", "data", "rules"]))
def test_the_order_of_keys_makes_no_difference(keys: list[str]) -> None:
    values = {"apiVersion": "v1", "kind": "X", "metadata": {"b": 1, "a": 2}, "spec": {}, "data": {}, "rules": []}
    assert files.text({key: values[key] for key in keys}) == files.text(values)


def test_the_same_home_gives_the_same_bytes_and_shows_no_secret(tmp_path: Path) -> None:
    for name in ("one", "two"):
        command = [sys.executable, "-m", "render", "--out", str(tmp_path / name)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    rendered = contents(tmp_path / "one")
    assert rendered == contents(tmp_path / "two")
    assert len(rendered) > 50
    everything = b"".join(rendered.values())
    assert b"[secret]" in everything
    assert b"generated-password" not in everything
    assert b"placeholder" not in everything


def test_a_home_that_is_wrong_is_not_rendered(tmp_path: Path) -> None:
    document = yaml.safe_load((ROOT / "Pulumi.homelab.yaml").read_text())
    document["config"]["homebrain:apps"]["jellyfin"]["node"] = "k3s-mastr"
    wrong = tmp_path / "Pulumi.wrong.yaml"
    wrong.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "render", "--file", str(wrong), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert 'did you mean "k3s-master"?' in done.stderr
    assert not (tmp_path / "out").exists()
