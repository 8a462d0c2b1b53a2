"""Ways in: Services stay inside the cluster, and nothing is published by an ingress. The doors are the only ways in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import ResourceCheck
from policies.fault import Fault, must
from policies.field import Field
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import ANY, INTEGER, TEXT, Shape, cut

CLUSTER_IP: Final = Rule(
    "service-cluster-ip",
    "Services are reached from inside the cluster only",
    Severity.CRITICAL,
    "https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
)
NO_INGRESS: Final = Rule(
    "no-ingress",
    "Nothing is published by an ingress or a gateway: the tunnel and the tailnet are the only doors",
    Severity.CRITICAL,
    "https://kubernetes.io/docs/concepts/services-networking/ingress/",
)

_SERVICE: Shape = {
    "spec": {"type": TEXT, "externalIPs": [TEXT], "ports": [{"nodePort": INTEGER}], "selector": {ANY: TEXT}}
}
# K3s' own Traefik, and what other controllers and the Gateway API call the same thing.
_INGRESSES = frozenset(
    (
        "Ingress", "IngressClass", "IngressRoute", "IngressRouteTCP", "IngressRouteUDP", "Gateway", "GatewayClass",
        "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute", "VirtualService",
    )
)  # fmt: skip


def inside_only(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """What of a Service makes it reachable on a node's address or on one outside the cluster."""
    whole, misshapen = cut(resource.props, _SERVICE)
    yield from misshapen
    spec = Field("", whole).get("spec")
    yield from must(
        spec.get("type"),
        lambda value: value in (None, "", "ClusterIP", "ExternalName"),
        allowed="`ClusterIP` or nothing",
        fix="give the app a door in its stack's config",
        vocabulary=("NodePort", "LoadBalancer"),
    )
    yield from must(
        spec.get("externalIPs"),
        lambda value: not value,
        allowed="nothing",
        fix="take them out; give the app a door in its stack's config",
        found="set",
    )
    for port in spec.get("ports").items():
        yield from must(
            port.get("nodePort"),
            lambda value: value in (None, 0),
            allowed="nothing",
            fix="take it out; give the app a door in its stack's config",
            found="a port of every node",
        )


def published(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """An ingress of any kind is one too many."""
    yield Fault("", f"of kind {resource.kind}", "no ingress at all", "give the app a door in its stack's config")


def _is_service(resource: Resource) -> bool:
    return resource.kind == "Service" and resource.group == "core"


def _is_ingress(resource: Resource) -> bool:
    return resource.group is not None and resource.kind.removesuffix("Patch") in _INGRESSES


CHECKS: Final = (
    ResourceCheck(CLUSTER_IP, _is_service, inside_only),
    ResourceCheck(NO_INGRESS, _is_ingress, published),
)
