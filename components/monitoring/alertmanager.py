"""Alertmanager: puts alerts together, keeps back those that follow from another, and sends the rest. Plain data."""

from __future__ import annotations

from typing import Any

import yaml

from components import names, ntfy
from components.flows import Flow, ToInternet
from components.workload import (
    Claim,
    Container,
    Files,
    Http,
    Metrics,
    Mount,
    Probe,
    Resources,
    SecretFiles,
    User,
    Workload,
)
from home import Home
from home.apps import Monitoring
from home.versions import Image

NAME = "alertmanager"
PORT = 9093
CLAIM = "alertmanager"

MOST_AT_ONCE = 8
"""Alerts in one message to ntfy, which takes only so much; the message says how many more there are."""

RECEIVER = "alert-receiver"
"""The Secret with what it takes to send: ntfy's token, or the webhook's address."""
RECEIVER_FOLDER = f"/run/secrets/{RECEIVER}"
TOKEN_KEY = "token"  # noqa: S105 the key in it
URL_KEY = "url"

# Labels of alerts, by which some keep others back.
NODE_GONE, NAS_GONE, TUNNEL_SHUT = "NodeGone", "NasUnreachable", "TunnelWithoutConnections"


def server(home: Home, nodes: tuple[str, ...], image: Image) -> Workload:
    """The server. Raises `ValueError` for a home without monitoring."""
    app = home.apps.monitoring
    if app is None:
        raise ValueError("this home has no monitoring")
    return Workload(
        name=NAME,
        namespace=names.MONITORING,
        kind="StatefulSet",
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        user=User(65534, 65534, fs_group=65534),
        containers=(
            Container(
                name=NAME,
                image=image.reference,
                resources=Resources(cpu="10m", memory="48Mi", memory_limit="128Mi"),
                args=(
                    "--config.file=/etc/alertmanager/alertmanager.yml",
                    "--storage.path=/alertmanager",
                    # One alone has nobody to agree with.
                    "--cluster.listen-address=",
                ),
                ports={"http": PORT},
                mounts=(
                    Mount("/alertmanager", Claim(CLAIM)),
                    Mount("/etc/alertmanager", Files("config", {"alertmanager.yml": config(app)})),
                    Mount(RECEIVER_FOLDER, SecretFiles(RECEIVER)),
                ),
                readiness=Probe(Http("/-/ready"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/-/healthy"), period=20, failures=5, timeout=5),
            ),
        ),
        talks_to=(_to_receiver(app),),
        metrics=(Metrics("http"),),
    )


def config(app: Monitoring) -> str:
    """Alertmanager's config file. prometheus/alertmanager, docs/configuration.md."""
    return yaml.safe_dump(
        {
            "route": {
                "receiver": "home",
                # One message for what happens to one machine, or one thing, at once.
                "group_by": ["alertname", "node"],
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "24h",
                "routes": [
                    # To be seen by who looks, and no reason to take a phone out of a pocket.
                    {"matchers": ['severity="info"'], "receiver": "nobody"},
                    {"matchers": ['severity="urgent"'], "receiver": "home", "repeat_interval": "4h"},
                ],
            },
            "inhibit_rules": [
                # What runs on a machine that is gone is gone as well.
                _keeps_back(NODE_GONE, f'alertname!="{NODE_GONE}"', equal=["node"]),
                _keeps_back(NAS_GONE, 'about="nas"'),
                _keeps_back(TUNNEL_SHUT, 'door="public"'),
            ],
            "receivers": [{"name": "home", "webhook_configs": [_sending(app)]}, {"name": "nobody"}],
        },
        sort_keys=False,
    )


def _keeps_back(source: str, target: str, equal: list[str] | None = None) -> dict[str, Any]:
    rule: dict[str, Any] = {"source_matchers": [f'alertname="{source}"'], "target_matchers": [target]}
    return rule | ({"equal": equal} if equal else {})


def _sending(app: Monitoring) -> dict[str, Any]:
    if app.alerts.receiver == "webhook":
        return {"url_file": f"{RECEIVER_FOLDER}/{URL_KEY}", "send_resolved": True, "max_alerts": 20}
    return {
        # ntfy makes a message for people of what Alertmanager says.
        "url": f"{ntfy.FRONT.address}/{ntfy.TOPIC}?template={ntfy.TEMPLATE}",
        "send_resolved": True,
        "max_alerts": MOST_AT_ONCE,
        "http_config": {
            "authorization": {"type": "Bearer", "credentials_file": f"{RECEIVER_FOLDER}/{TOKEN_KEY}"},
        },
    }


def _to_receiver(app: Monitoring) -> Flow:
    if app.alerts.receiver == "webhook":
        return ToInternet("alerts, to the webhook of the home's owner")
    return ntfy.FRONT.flow
