"""What the plan's pods talk to and who is let in to them, for `home.exposure` to draw the map of who reaches what.

`python -m components connections` writes it, which is how `python -m home exposure` learns of it: `home` imports
nothing from here. It comes from the plan alone, like `components.demands`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from components.doors import Front, Opening
from components.flows import API_SERVER_PORT, Flow, ToAddress, ToApiServer, ToInternet, ToWorkload
from components.manifests import Manifest
from components.network import PRIVATE_RANGES
from components.workload import Workload
from exposure.shape import as_data
from home import Home
from home.exposure import expected, planned_of


def connections(
    workloads: Mapping[str, Iterable[Workload]], fronts: Iterable[Front], proxies: Iterable[tuple[Opening, Workload]]
) -> list[Manifest]:
    """What workloads, given by namespace, talk to; fronts: where people come in; proxies: each with what it is for.

    A document for each workload: `namespace`, `name`, `ports`, `hostNetwork`, and

    - `app` and `front`, the port where people come in, for the workload that is an app's front;
    - `app` and `proxy`, for its machine in the tailnet;
    - `talksTo`: ports of other workloads;
    - `leaves`: `ranges` outside the cluster, without their `exceptions`, with the ports in `tcp` and `udp`.
    """
    apps: dict[tuple[str, str], Manifest] = {
        (one.namespace, one.workload): {"app": one.app, "front": one.number} for one in fronts
    }
    apps |= {(proxy.namespace, proxy.name): {"app": opening.front.app, "proxy": True} for opening, proxy in proxies}
    everything = [one for room in workloads.values() for one in room]
    ports = {(one.namespace, one.name): one.ports for one in everything}
    return [
        {
            "namespace": one.namespace,
            "name": one.name,
            "ports": sorted(one.ports.values()),
            "hostNetwork": one.host_network,
            **apps.get((one.namespace, one.name), {}),
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


def exposure_map(home: Home, found: Iterable[Manifest]) -> str:
    """The map of who reaches what, of these connections, as JSON: as `python -m home exposure --json` prints it."""
    return json.dumps(as_data(expected(home, planned_of(found))), indent=1) + "\n"


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
