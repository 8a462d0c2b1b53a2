"""What the plan's pods are, for `home.fit` to weigh against the nodes: the controllers of all rooms, as plain data.

`python -m components demands` writes them, which is how `python -m home fit` learns of them: `home` imports nothing
from here. They come from the plan alone, so that a home which the program refuses for not fitting can be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components.manifests import Manifest
from components.objects import controller
from components.workload import Workload


def controllers(workloads: Mapping[str, Iterable[Workload]]) -> list[Manifest]:
    """The Deployment, StatefulSet or DaemonSet of each workload, given as `Plan.workloads` has them."""
    return [controller(workload) for room in workloads.values() for workload in room]
