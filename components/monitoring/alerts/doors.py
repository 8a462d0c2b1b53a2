"""The doors: does the tunnel hold, do public names lead in, is the tailnet well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

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
    for machine, day in _expiring(home):
        yield Alert(
            "TailnetKeyExpiring",
            SUBJECT,
            "warning",
            f"vector({int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())}) - time() < 14 * 86400",
            "0m",
            f"The key of {machine} in the tailnet ends on {day}; then nothing reaches it there.",
            {"machine": machine},
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


def _expiring(home: Home) -> Iterator[tuple[str, str]]:
    """Machines whose keys in the tailnet end, and when."""
    for node in home.nodes:
        if node.addresses.tailnet_key_expires:
            yield node.name, node.addresses.tailnet_key_expires
    if home.nas and home.nas.addresses.tailnet_key_expires:
        yield "the NAS", home.nas.addresses.tailnet_key_expires
