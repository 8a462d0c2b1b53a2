"""The home's Kubernetes objects as YAML files: the same program gives the same bytes, and no secret shows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from render.program import Secret

CLUSTER_WIDE = "cluster"
FIRST = ("apiVersion", "kind", "metadata", "spec")
MARK = ".homebrain-render"


def write(objects: Iterable[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write one file an object, `NAMESPACE/KIND-NAME.yaml`, and return their paths, sorted.

    The folder is replaced as a whole, so nothing of an earlier run stays. Raises `FileExistsError` when it holds files
    that something else put there.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise FileExistsError(f"{folder} holds files that are not a rendering; name another folder, or empty it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    (fresh / MARK).touch()
    written = []
    for one in objects:
        path = fresh / file_name(one)
        path.parent.mkdir(exist_ok=True)
        with path.open("x") as file:
            file.write(text(one))
        written.append(folder / file_name(one))
    fresh.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return sorted(written)


def file_name(one: Mapping[str, Any]) -> Path:
    """Where an object's file lies below the folder."""
    metadata = one["metadata"]
    name = metadata["name"].replace(":", "-")
    return Path(metadata.get("namespace") or CLUSTER_WIDE) / f"{one['kind'].lower()}-{name}.yaml"


def text(one: Mapping[str, Any]) -> str:
    """An object as YAML: what it is first, then the rest by name."""
    keys = [*(key for key in FIRST if key in one), *sorted(key for key in one if key not in FIRST)]
    return yaml.safe_dump({key: _visible(one[key]) for key in keys}, sort_keys=False, width=120, allow_unicode=True)


def _visible(value: Any) -> Any:
    if isinstance(value, Secret):
        # The keys of a Secret are no secret: pods name them.
        return {key: str(value) for key in sorted(value.value)} if isinstance(value.value, Mapping) else str(value)
    if isinstance(value, Mapping):
        return {key: _visible(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_visible(one) for one in value]
    return value
