"""What the plan's pods talk to and who is let in to them, for `home.exposure` to draw the map of who reaches what.

    python -m components.connections [FILE]

writes it as YAML, a document for each workload, which is how `python -m home exposure` learns of it: `home` imports
nothing from here. It comes from the plan alone, like `components.demands`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import yaml

import home
from components.flows import API_SERVER_PORT, Flow, ToAddress, ToApiServer, ToInternet, ToWorkload
from components.manifests import Manifest
from components.network import PRIVATE_RANGES
from components.plan import Plan, plan
from components.workload import Workload


def connections(rooms: Plan) -> list[Manifest]:
    """A document for each workload: `namespace`, `name`, `ports`, `hostNetwork`, and

    - `app` and `front`, the port where people come in, for the workload that is an app's front;
    - `app` and `proxy`, for its machine in the tailnet;
    - `talksTo`: ports of other workloads;
    - `leaves`: `ranges` outside the cluster, without their `exceptions`, with the ports in `tcp` and `udp`.
    """
    fronts = {(one.namespace, one.workload): {"app": one.app, "front": one.number} for one in rooms.fronts}
    proxies = {
        (proxy.namespace, proxy.name): {"app": opening.front.app, "proxy": True}
        for opening, proxy in zip(rooms.tailnet, rooms.proxies, strict=True)
    }
    everything = [one for room in rooms.workloads.values() for one in room]
    ports = {(one.namespace, one.name): one.ports for one in everything}
    return [
        {
            "namespace": one.namespace,
            "name": one.name,
            "ports": sorted(one.ports.values()),
            "hostNetwork": one.host_network,
            **fronts.get((one.namespace, one.name), {}),
            **proxies.get((one.namespace, one.name), {}),
            "talksTo": [
                {
                    "namespace": flow.namespace,
                    "workload": flow.workload,
                    "port": ports[flow.namespace, flow.workload][flow.port],
                }
                for flow in one.talks_to
                if isinstance(flow, ToWorkload)
            ],
            "leaves": list(_leaving(one)),
        }
        for one in everything
    ]


def _leaving(workload: Workload) -> Iterator[Manifest]:
    for flow in workload.talks_to:
        if found := _outward(flow):
            yield found


def _outward(flow: Flow) -> Manifest | None:
    match flow:
        case ToInternet(_, ports, udp):
            away: Manifest = {"ranges": ["0.0.0.0/0"], "exceptions": list(PRIVATE_RANGES)}
            return {**away, "tcp": list(ports), "udp": udp if udp == "every" else list(udp)}
        case ToAddress(_, cidr, ports, udp):
            return {"ranges": [cidr], "tcp": list(ports), "udp": udp if udp == "every" else list(udp)}
        case ToApiServer(_, cidrs):
            return {"ranges": list(cidrs), "tcp": [API_SERVER_PORT]}
    return None


def main() -> int:
    """Write the connections of the home in a stack's config file; 1 when its description is wrong."""
    try:
        here = home.load_file(sys.argv[1] if len(sys.argv) > 1 else "Pulumi.homelab.yaml")
        yaml.safe_dump_all(connections(plan(here, home.versions.load())), sys.stdout)
    except home.HomeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
