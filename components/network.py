"""NetworkPolicies: every namespace denies all traffic, both ways, but for what its workloads say in `talks_to`.

That opens exactly the flow that was named: egress at the workload's own end and, for another workload of the home,
ingress at the other end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from components.flows import API_SERVER_PORT, Flow, ToAddress, ToApiServer, ToInternet, ToWorkload, UdpPorts
from components.manifests import Manifest
from components.names import LABEL_NAME, LABEL_NAMESPACE, labels, selector
from components.workload import Workload

# Addresses that are not the internet: the home's networks, the cluster's, the tailnet's, and link-local ones.
PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")


def default_deny(namespace: str) -> Manifest:
    """The policy that denies every pod of `namespace` all traffic, in and out."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": namespace, "labels": labels("default-deny")},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def network_policies(workloads: Iterable[Workload]) -> list[Manifest]:
    """One NetworkPolicy for each workload that talks or is talked to.

    Raises `ValueError` for a flow to a workload, or to a port of one, that nothing declares. Pods on the host's network
    are left out: Kubernetes doesn't apply NetworkPolicies to them.
    """
    known = {(workload.namespace, workload.name): workload for workload in workloads}
    callers: dict[tuple[str, str], list[tuple[Workload, ToWorkload]]] = {}
    for workload in known.values():
        for flow in workload.talks_to:
            if isinstance(flow, ToWorkload):
                target = known.get((flow.namespace, flow.workload))
                if target is None:
                    raise ValueError(
                        f'{workload.name} talks to "{flow.workload}" in namespace "{flow.namespace}", '
                        "which nothing declares"
                    )
                if flow.port not in target.ports:
                    raise ValueError(
                        f'{workload.name} talks to port "{flow.port}" of {flow.workload}, '
                        f"which has {sorted(target.ports)}"
                    )
                callers.setdefault((flow.namespace, flow.workload), []).append((workload, flow))
    return [
        _policy(workload, callers.get(key, []), known)
        for key, workload in known.items()
        if not workload.host_network and (workload.talks_to or key in callers)
    ]


def _policy(
    workload: Workload,
    callers: list[tuple[Workload, ToWorkload]],
    known: Mapping[tuple[str, str], Workload],
) -> Manifest:
    spec: Manifest = {"podSelector": {"matchLabels": selector(workload.name)}, "policyTypes": ["Ingress", "Egress"]}
    ingress = [
        {"from": [_pods(caller.namespace, caller.name)], "ports": [_tcp(workload.ports[flow.port])]}
        for caller, flow in callers
    ]
    egress = [_egress(flow, known) for flow in workload.talks_to]
    if egress:
        egress.insert(0, _DNS)
    if ingress:
        spec["ingress"] = ingress
    if egress:
        spec["egress"] = egress
    metadata: Manifest = {"name": workload.name, "namespace": workload.namespace, "labels": labels(workload.name)}
    reasons = [flow.reason for flow in workload.talks_to if not isinstance(flow, ToWorkload)]
    if reasons:
        metadata["annotations"] = {"homebrain.io/egress": "; ".join(reasons)}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _egress(flow: Flow, known: Mapping[tuple[str, str], Workload]) -> Manifest:
    match flow:
        case ToWorkload(namespace, name, port):
            return {"to": [_pods(namespace, name)], "ports": [_tcp(known[namespace, name].ports[port])]}
        case ToInternet(_, ports, udp):
            anywhere_else = {"cidr": "0.0.0.0/0", "except": list(PRIVATE_RANGES)}
            return {"to": [{"ipBlock": anywhere_else}], "ports": [*map(_tcp, ports), *_udp(udp)]}
        case ToAddress(_, cidr, ports, udp):
            return {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [*map(_tcp, ports), *_udp(udp)]}
        case ToApiServer(_, cidrs):
            return {"to": [{"ipBlock": {"cidr": cidr}} for cidr in cidrs], "ports": [_tcp(API_SERVER_PORT)]}


def _pods(namespace: str, name: str) -> Manifest:
    return {
        "namespaceSelector": {"matchLabels": {LABEL_NAMESPACE: namespace}},
        "podSelector": {"matchLabels": {LABEL_NAME: name}},
    }


def _tcp(port: int) -> Manifest:
    return {"protocol": "TCP", "port": port}


def _udp(ports: UdpPorts) -> list[Manifest]:
    return [{"protocol": "UDP"}] if ports == "every" else [{"protocol": "UDP", "port": port} for port in ports]


# K3s runs CoreDNS in kube-system under this label.
_DNS: Manifest = {
    "to": [
        {
            "namespaceSelector": {"matchLabels": {LABEL_NAMESPACE: "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
}
