"""Grafana: shows what Prometheus and Loki know, on dashboards that come with the program. Plain data, without Pulumi.

All that it needs to know is provisioned: data sources and dashboards are files, so that a lost volume loses people's
preferences and nothing else. Formats and settings: grafana/grafana, conf/defaults.ini, pkg/services/provisioning,
pkg/setting/setting_plugins.go, packaging/docker/run.sh.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import yaml

from components import names
from components.doors import Front
from components.flows import ToWorkload
from components.manifests import Manifest
from components.monitoring.dashboards import HOME_PAGE, files, path_of
from components.monitoring.dashboards.shape import ALERTMANAGER, LOKI, PROMETHEUS, Dashboard
from components.workload import (
    Claim,
    Container,
    Files,
    Http,
    Metrics,
    Mount,
    Probe,
    Resources,
    Scratch,
    SecretFiles,
    User,
    Workload,
)
from home import Home
from home.doors import audience
from home.versions import Image

NAME: Final = "grafana"
PORT: Final = 3000
CLAIM: Final = "grafana"
"""The claim on its database: people, and what they like to see first."""

PASSWORD: Final = "grafana-admin"  # noqa: S105 the name of the Secret
PASSWORD_KEY: Final = "password"  # noqa: S105 the key in it
"""Whose value Grafana takes when its database is new, and not again: a new one locks nobody out and lets nobody in."""

FRONT = Front("monitoring", names.MONITORING, NAME, "http", PORT, "/api/health")
"""What people reach of it."""

_SECRETS: Final = f"/run/secrets/{PASSWORD}"
_PROVISIONING: Final = "/etc/grafana/provisioning"
_DASHBOARDS: Final = "/etc/grafana/dashboards"

_SOURCES: Final = {PROMETHEUS: 9090, LOKI: 3100, ALERTMANAGER: 9093}


def server(home: Home, nodes: tuple[str, ...], image: Image, dashboards: Iterable[Dashboard]) -> Workload:
    """The server, with `dashboards`. Raises `ValueError` for a home without monitoring.

    Grafana looks every ten seconds whether a dashboard's file has changed: a changed one doesn't restart it.
    """
    shown = tuple(dashboards)
    by_folder = files(shown)
    return Workload(
        name=NAME,
        namespace=names.MONITORING,
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        # The image's own user.
        user=User(472, 472, fs_group=472),
        containers=(
            Container(
                name=NAME,
                image=image.reference,
                resources=Resources(cpu="50m", memory="256Mi", memory_limit="768Mi"),
                env=environment(home, shown),
                ports={FRONT.port: FRONT.number},
                mounts=(
                    Mount("/var/lib/grafana", Claim(CLAIM)),
                    # The sockets by which it talks to its data sources' programs are there too.
                    Mount("/tmp", Scratch("tmp", "128Mi")),
                    Mount("/var/log/grafana", Scratch("logs", "64Mi")),
                    Mount(_SECRETS, SecretFiles(PASSWORD)),
                    Mount(f"{_PROVISIONING}/datasources", Files("sources", {"sources.yaml": sources()})),
                    Mount(f"{_PROVISIONING}/dashboards", Files("folders", {"folders.yaml": folders(shown)})),
                    # A ConfigMap for each folder: none has folders of its own, and none may hold more than 1 MiB.
                    *(
                        Mount(f"{_DASHBOARDS}/{folder}", Files(f"dashboards-{folder}", content, reread=True))
                        for folder, content in by_folder.items()
                    ),
                ),
                # Long, because an upgrade migrates the database before it answers.
                startup=Probe(Http("/api/health"), period=5, failures=60, timeout=5),
                readiness=Probe(Http("/api/health"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/api/health"), period=20, failures=6, timeout=5),
            ),
        ),
        metrics=(Metrics(FRONT.port),),
        talks_to=tuple(ToWorkload(names.MONITORING, name, "http") for name in _SOURCES),
    )


def environment(home: Home, dashboards: Iterable[Dashboard]) -> dict[str, str]:
    """Grafana's settings, `GF_<section>_<key>`. Raises `ValueError` for a home without monitoring."""
    app = home.apps.monitoring
    if app is None:
        raise ValueError("this home has no monitoring")
    settings = {
        "GF_SECURITY_ADMIN_PASSWORD__FILE": f"{_SECRETS}/{PASSWORD_KEY}",
        # Both doors end HTTPS before it.
        "GF_SECURITY_COOKIE_SECURE": "true",
        "GF_SECURITY_COOKIE_SAMESITE": "lax",
        # Nobody comes in without an account, and nobody makes one for themselves.
        "GF_AUTH_ANONYMOUS_ENABLED": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_USERS_ALLOW_ORG_CREATE": "false",
        "GF_PUBLIC_DASHBOARDS_ENABLED": "false",
        "GF_SNAPSHOTS_ENABLED": "false",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
        # It asks nothing of the internet, which it doesn't reach, and tells it nothing.
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        # At each start it would put newer data sources in the place of those in the image. On a read-only root that
        # fails after it has stopped the old ones, and no dashboard shows anything (grafana/grafana, issue 132528).
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
        # Prometheus finds what is wrong, Alertmanager tells of it; here both are shown.
        "GF_UNIFIED_ALERTING_EXECUTE_ALERTS": "false",
    }
    for one in dashboards:
        if one.uid == HOME_PAGE:
            page = f"{_DASHBOARDS}/{path_of(one.folder)}/{one.uid}.json"
            settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] = page
    who = audience(home, FRONT.app, app)
    # Its links lead to one name. In the tailnet everybody is who may come in by either door.
    if name := who.tailnet or who.public:
        settings["GF_SERVER_ROOT_URL"] = f"https://{name}/"
    return settings


def sources() -> str:
    """The file that says where figures and log lines come from. Each source's uid is its type."""
    more: dict[str, Manifest] = {
        # As often as Prometheus asks: a rate over less would miss points.
        PROMETHEUS: {"isDefault": True, "jsonData": {"httpMethod": "POST", "timeInterval": "30s"}},
        LOKI: {"jsonData": {"maxLines": 1000}},
        ALERTMANAGER: {"jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False}},
    }
    return yaml.safe_dump(
        {
            "apiVersion": 1,
            # One that is gone from here goes from the database as well.
            "prune": True,
            "datasources": [
                {
                    "name": name.capitalize(),
                    "uid": name,
                    "type": name,
                    "access": "proxy",
                    "url": f"http://{name}.{names.MONITORING}.svc:{port}",
                    "editable": False,
                    **more[name],
                }
                for name, port in _SOURCES.items()
            ],
        },
        sort_keys=False,
    )


def folders(dashboards: Iterable[Dashboard]) -> str:
    """The file that says in which folders dashboards lie."""
    titles = dict.fromkeys(one.folder for one in dashboards)
    return yaml.safe_dump(
        {
            "apiVersion": 1,
            "providers": [
                {
                    "name": title,
                    "folder": title,
                    "folderUid": path_of(title),
                    "type": "file",
                    "allowUiUpdates": False,
                    "options": {"path": f"{_DASHBOARDS}/{path_of(title)}"},
                }
                for title in titles
            ],
        },
        sort_keys=False,
    )
