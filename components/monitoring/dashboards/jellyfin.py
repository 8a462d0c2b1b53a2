"""Jellyfin. It tells no figures of its own unless its config is changed by hand: others tell of it."""

from __future__ import annotations

from components import names
from components.monitoring.dashboards import parts
from components.monitoring.dashboards.shape import Dashboard, Logql, Panel, Promql, Row
from home import Home

UID = "home-jellyfin"

_OWN = f'namespace="{names.MEDIA}"'


def dashboard(home: Home) -> Dashboard:
    """Does it answer, does somebody watch, and how much is transcoded."""
    app = home.apps.jellyfin
    panels = [
        Panel(
            "Sent",
            "timeseries",
            (
                Promql(
                    f"sum by (pod) (rate(container_network_transmit_bytes_total{{{_OWN}}}[$__rate_interval]))",
                    "{{pod}}",
                ),
            ),
            unit="Bps",
            width=8,
            description="Films on their way to those who watch.",
        ),
        Panel(
            "Films that began to be transcoded",
            "timeseries",
            (Logql(f"sum(count_over_time({{{_OWN}}} |= `TranscodeManager` |= `ffmpeg -` [$__auto]))", "begun"),),
            width=8,
            decimals=0,
            description="By its log: it writes the command line of each ffmpeg that it starts.",
        ),
    ]
    if app and app.gpu and app.node:
        encoding = Promql(f'nvidia_smi_utilization_encoder_ratio{{node="{app.node}"}}', "{{node}}")
        panels.append(
            Panel(
                "Encoding on its card",
                "timeseries",
                (encoding,),
                unit="percentunit",
                width=8,
                description="By whatever runs there.",
                link="home-gpu",
            )
        )
    return Dashboard(
        uid=UID,
        title="Jellyfin",
        folder="Apps",
        tags=("apps",),
        rows=(
            parts.answers("jellyfin"),
            Row("Does somebody watch?", tuple(panels)),
            parts.containers(names.MEDIA),
            parts.log_lines(names.MEDIA),
        ),
    )
