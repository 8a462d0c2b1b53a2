"""Local disks: large enough for the volumes that the apps of their node keep there. Imports the model.

K3s' local-path volumes are folders: nothing but this keeps them from filling the disk together.
"""

from __future__ import annotations

from collections.abc import Iterator

from home.apps import App
from home.model import Home
from home.problems import Problem
from home.quantities import format_bytes, to_bytes
from home.record import Record
from home.wording import listed


def disks_hold_the_volumes(home: Home) -> Iterator[Problem]:
    """The app that writes last finds the disk full, and takes down the others."""
    names = [node.name for node in home.nodes]
    for i, node in enumerate(home.nodes):
        there = node.local_storage_bytes
        # A name given twice is a problem of its own; until it is told apart, nothing is known to be stored there.
        if there is None or names.count(node.name) > 1:
            continue
        sizes = {name: _volumes(app) for name, app in home.apps_on(node.name).items()}
        wanted = {name: sum(map(to_bytes, volumes.values())) for name, volumes in sizes.items() if volumes}
        asked = sum(wanted.values())
        if asked <= there:
            continue
        yield Problem(
            f"nodes[{i}].localStorage",
            f"{node.name}'s disk has {node.local_storage}, but the volumes of its apps take {_rounded(asked)}: "
            f"{listed(f'{name} {_rounded(size)}' for name, size in wanted.items())}; take "
            f"{_rounded(asked - there)} off, or move an app to another node",
            (
                f"nodes[{i}].name",
                *(f"apps.{name}.storage.{volume}" for name, volumes in sizes.items() for volume in volumes),
                *(f"apps.{name}.{key}" for name in sizes for key in ("node", "storage")),
            ),
        )


def _volumes(app: App) -> dict[str, str]:
    """The sizes of the app's volumes on local disk, by their keys in the config."""
    storage = getattr(app, "storage", None)
    if not isinstance(storage, Record):
        return {}
    fields = type(storage).model_fields.items()
    return {field.alias or name: getattr(storage, name) for name, field in fields}


def _rounded(count: int) -> str:
    """Bytes in whole GiB, rounded up: more digits than that say nothing about a disk."""
    return format_bytes(-(-count // 2**30) * 2**30)


CHECKS = (disks_hold_the_volumes,)
