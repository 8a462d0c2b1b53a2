"""Grafana's dashboards, one module each: pure functions from the home to `Dashboard`s. `shape` says what one is.

A home has those of what it has: without a GPU none of GPUs. Every query asks for metrics that something of the home
tells; `references/metrics.yaml` knows which, and the tests hold the two together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from components.monitoring.dashboards import (
    backups,
    doors,
    gpu,
    immich,
    jellyfin,
    logs,
    nodes,
    overview,
    storage,
    transcode,
)
from components.monitoring.dashboards.shape import Dashboard, to_json
from home import Home

HOME_PAGE = overview.UID
"""The uid of the page that Grafana shows first."""


def dashboards(home: Home) -> tuple[Dashboard, ...]:
    """Every dashboard of this home, each uid once."""
    return checked(_of(home))


def _of(home: Home) -> Iterator[Dashboard]:
    yield overview.dashboard(home)
    yield nodes.dashboard(home)
    if home.gpu_nodes:
        yield gpu.dashboard(home)
    yield storage.dashboard(home)
    yield doors.dashboard(home)
    if home.apps.immich:
        yield immich.dashboard(home)
    if home.apps.jellyfin:
        yield jellyfin.dashboard(home)
    if home.apps.transcode:
        yield transcode.dashboard(home)
    yield logs.dashboard(home)
    yield backups.dashboard(home)


def checked(found: Iterable[Dashboard]) -> tuple[Dashboard, ...]:
    """The same dashboards. Raises `ValueError` where two have one uid: Grafana would show whichever it read last."""
    by_uid: dict[str, Dashboard] = {}
    for one in found:
        other = by_uid.setdefault(one.uid, one)
        if other is not one:
            raise ValueError(
                f'the dashboards "{other.title}" and "{one.title}" have the same uid "{one.uid}"; '
                "a uid is a dashboard's address, so give one of them another"
            )
    return tuple(by_uid.values())


def files(found: Iterable[Dashboard]) -> dict[str, dict[str, str]]:
    """The files that Grafana reads: for each folder, by its name as a path has it, the content by file name."""
    folders: dict[str, dict[str, str]] = {}
    for one in found:
        folders.setdefault(path_of(one.folder), {})[f"{one.uid}.json"] = json.dumps(to_json(one), indent=1) + "\n"
    return folders


def path_of(folder: str) -> str:
    """A folder's title as a path has it: `Home` is `home`."""
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")
