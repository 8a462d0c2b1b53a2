"""The doors: does the tunnel hold, do public names lead in, is the tailnet well."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from home import Home
from home.doors import is_in_a_tailnet, is_public

SUBJECT = "doors"


def alerts(home: Home) -> Iterator[Alert]:
    """Those of the doors that this home has."""
    if is_public(home):
        yield Alert(
            "TunnelWithoutConnections",
            SUBJECT,
            "urgent",
            "sum(cloudflared_tunnel_ha_connections) == 0 or absent(cloudflared_tunnel_ha_connections)",
            "5m",
            "The tunnel has no connection to Cloudflare: nobody comes in from the internet.",
        )
        yield Alert(
            "PublicNameUnreachable",
            SUBJECT,
            "warning",
            'probe_success{door="public"} == 0 and on (target) max by (target) (probe_success{door="cluster"}) == 1',
            "10m",
            "{{ $labels.instance }} doesn't lead to {{ $labels.target }}, which is well.",
        )
    if is_in_a_tailnet(home):
        yield Alert(
            "TailnetProxyUnwell",
            SUBJECT,
            "warning",
            'max by (job, node) (tailscaled_health_messages{type="warning"}) > 0',
            "1h",
            "{{ $labels.job }} says that something is wrong with its place in the tailnet: its log says what.",
        )
