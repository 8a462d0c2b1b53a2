"""The ways in: who answers at them, what comes through the tunnel and the tailnet, how long certificates hold."""

from __future__ import annotations

from components.monitoring.dashboards.shape import UP, Dashboard, Panel, Promql, Row, at_least, below, none_of_it
from home import Home
from home.doors import is_public

UID = "home-doors"


def dashboard(home: Home) -> Dashboard:
    """The doors that the home has."""
    rows = [Row("Who answers", _answers())]
    if is_public(home):
        rows.append(Row("Public: the tunnel", _tunnel()))
    if any("tailnet" in app.doors for app in home.apps.by_name.values()):
        rows.append(Row("Tailnet: the proxies", _tailnet()))
    return Dashboard(uid=UID, title="Doors", folder="Home", tags=("doors",), rows=tuple(rows))


def _answers() -> tuple[Panel, ...]:
    return (
        Panel(
            "Until now",
            "state-timeline",
            (Promql("min by (target, door) (probe_success)", "{{target}} ({{door}})"),),
            width=10,
            meaning=UP,
        ),
        Panel(
            "How quickly",
            "timeseries",
            (Promql("max by (target, door) (probe_duration_seconds)", "{{target}} ({{door}})"),),
            unit="s",
            width=8,
        ),
        Panel(
            "Certificates hold for",
            "bargauge",
            (Promql("min by (target, door) (probe_ssl_earliest_cert_expiry) - time()", "{{target}} ({{door}})"),),
            unit="s",
            width=6,
            steps=below(21 * 86400, 7 * 86400),
        ),
    )


def _tunnel() -> tuple[Panel, ...]:
    return (
        Panel(
            "Connections to Cloudflare",
            "stat",
            (Promql("sum(cloudflared_tunnel_ha_connections)"),),
            width=4,
            steps=at_least(4),
            description="Each of the two connectors holds four; with none, the public door is shut.",
        ),
        Panel(
            "Requests, by what came back",
            "timeseries",
            (
                Promql(
                    "sum by (status_code) (rate(cloudflared_tunnel_response_by_code[$__rate_interval]))",
                    "{{status_code}}",
                ),
            ),
            unit="reqps",
            width=8,
            stacked=True,
        ),
        Panel(
            "Requests that found no app",
            "timeseries",
            (Promql("sum by (pod) (rate(cloudflared_tunnel_request_errors[$__rate_interval]))", "{{pod}}"),),
            unit="reqps",
            width=6,
            steps=none_of_it(0.1),
        ),
        Panel(
            "Requests at once",
            "timeseries",
            (Promql("sum by (pod) (cloudflared_tunnel_concurrent_requests_per_tunnel)", "{{pod}}"),),
            width=6,
            decimals=0,
        ),
    )


def _tailnet() -> tuple[Panel, ...]:
    return (
        Panel(
            "Traffic, by app",
            "timeseries",
            (
                Promql("sum by (job) (rate(tailscaled_inbound_bytes_total[$__rate_interval]))", "{{job}} in"),
                Promql("-sum by (job) (rate(tailscaled_outbound_bytes_total[$__rate_interval]))", "{{job}} out"),
            ),
            unit="Bps",
            width=8,
            lowest=None,
        ),
        Panel(
            "Traffic, by way",
            "timeseries",
            (Promql("sum by (path) (rate(tailscaled_outbound_bytes_total[$__rate_interval]))", "{{path}}"),),
            unit="Bps",
            width=8,
            stacked=True,
            description="`derp` goes round by Tailscale's relays, which are slow: the two ends find no straight way.",
        ),
        Panel(
            "What the proxies complain about",
            "timeseries",
            (Promql("sum by (job) (tailscaled_health_messages)", "{{job}}"),),
            width=8,
            decimals=0,
            steps=none_of_it(),
        ),
    )
