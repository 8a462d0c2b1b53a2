"""What the plan's pods are, for `home.fit` to weigh against the nodes: the controllers of all rooms, as plain data.

    python -m components.demands [FILE]

writes them as YAML, which is how `python -m home fit` learns of them: `home` imports nothing from here. They come from
the plan alone, so that a home which the program refuses for not fitting can still be looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

import yaml

import home
from components.manifests import Manifest
from components.objects import controller
from components.plan import plan
from components.workload import Workload


def controllers(workloads: Mapping[str, Iterable[Workload]]) -> list[Manifest]:
    """The Deployment, StatefulSet or DaemonSet of each workload, given as `Plan.workloads` has them."""
    return [controller(workload) for room in workloads.values() for workload in room]


def main() -> int:
    """Write the controllers of the home in a stack's config file; 1 when its description is wrong."""
    try:
        here = home.load_file(sys.argv[1] if len(sys.argv) > 1 else "Pulumi.homelab.yaml")
        yaml.safe_dump_all(controllers(plan(here, home.versions.load()).workloads), sys.stdout)
    except home.HomeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
