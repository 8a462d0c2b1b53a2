"""Prometheus: asks everything every half minute, keeps the answers, and sees when something is wrong. Plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address
from pathlib import PurePosixPath

from components import names, roles
from components.flows import Flow, ToAddress, ToApiServer, ToWorkload
from components.manifests import Manifest
from components.monitoring import alertmanager, exporters, scraping
from components.monitoring.alerts import Alert, rules
from components.monitoring.probes import Probed
from components.workload import (
    Claim,
    Container,
    Deviation,
    Files,
    Http,
    Mount,
    Probe,
    Resources,
    SecretFiles,
    User,
    Workload,
)
from home import Home
from home.quantities import to_bytes
from home.versions import Image

NAME = "prometheus"
PORT = 9090
CLAIM = "prometheus"
TOKEN = "prometheus-token"  # noqa: S105 the name of the Secret
TOKEN_KEY = "token"  # noqa: S105 the key in it
KUBELET = 10250

ADDRESS = f"http://{NAME}.{names.MONITORING}.svc:{PORT}"
"""Where it answers inside the cluster."""
FLOW = ToWorkload(names.MONITORING, NAME, "http")
"""The connection of whoever asks it."""

# Tailscale's own range, where a node that joined over it has an address, known or not.
_TAILNET = "100.64.0.0/10"


def server(
    home: Home,
    nodes: tuple[str, ...],
    image: Image,
    *,
    watched: Sequence[Workload],
    probed: Sequence[Probed],
    alerts: Iterable[Alert],
    api_servers: tuple[str, ...],
) -> Workload:
    """The server.

    watched: every workload of the home but this one. Raises `ValueError` for a home without monitoring.
    """
    app = home.apps.monitoring
    if app is None:
        raise ValueError("this home has no monitoring")
    config = scraping.config(
        watched,
        probed,
        blackbox=f"{exporters.BLACKBOX}.{names.MONITORING}.svc:9115",
        alertmanager=f"{alertmanager.NAME}.{names.MONITORING}.svc:{alertmanager.PORT}",
    )
    return Workload(
        name=NAME,
        namespace=names.MONITORING,
        kind="StatefulSet",
        nodes=nodes,
        priority=names.PRIORITY_INTERACTIVE,
        # The image's own, `nobody`.
        user=User(65534, 65534, fs_group=65534),
        # Time to write what is in memory.
        grace_seconds=120,
        api_token=True,
        containers=(
            Container(
                name=NAME,
                image=image.reference,
                resources=Resources(cpu="200m", memory="1Gi", memory_limit="2Gi"),
                args=(
                    "--config.file=/etc/prometheus/config/prometheus.yml",
                    "--storage.tsdb.path=/prometheus",
                    f"--storage.tsdb.retention.time={app.retention.metrics}",
                    f"--storage.tsdb.retention.size={retention_size(app.storage.metrics)}",
                    # A door that opens elsewhere is no reason to stop watching: the files are read again by themselves.
                    "--enable-feature=auto-reload-config",
                ),
                ports={"http": PORT},
                mounts=(
                    Mount("/prometheus", Claim(CLAIM)),
                    Mount("/etc/prometheus/config", Files("config", {"prometheus.yml": config}, reread=True)),
                    Mount("/etc/prometheus/rules", Files("rules", rules(alerts), reread=True)),
                    Mount(str(PurePosixPath(scraping.TOKEN_FILE).parent), SecretFiles(TOKEN)),
                ),
                # Long: after a power cut it reads through its log before it answers.
                startup=Probe(Http("/-/ready"), period=10, failures=60, timeout=5),
                readiness=Probe(Http("/-/ready"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/-/healthy"), period=20, failures=6, timeout=5),
            ),
        ),
        talks_to=(
            *_asked(watched),
            ToWorkload(names.MONITORING, alertmanager.NAME, "http"),
            ToApiServer("which pods and nodes there are to ask", api_servers),
            *(ToAddress("what each node's kubelet tells", cidr, (KUBELET,)) for cidr in node_cidrs(home)),
        ),
        deviations={Deviation.API_TOKEN: "asks the API server which pods and nodes there are, and kubelets for theirs"},
    )


def retention_size(volume: str) -> str:
    """How much Prometheus may keep on a volume of this size: four fifths, since it writes before it deletes.

    `20Gi` gives `16384MB`; to Prometheus a megabyte is 2**20 bytes. At least one.
    """
    return f"{max(to_bytes(volume) * 4 // 5 // 2**20, 1)}MB"


def _asked(watched: Iterable[Workload]) -> Iterator[Flow]:
    for workload in watched:
        for metrics in workload.metrics:
            yield ToWorkload(workload.namespace, workload.name, metrics.port)


def node_cidrs(home: Home) -> tuple[str, ...]:
    """Where the nodes' kubelets answer: at their addresses, and for a node of which none is written down anywhere in
    the network over which it joined."""
    found: list[str] = []
    for node in home.nodes:
        # A node is known in the cluster by whichever address K3s took, or was told to take.
        addresses = [address for address in (node.addresses.lan, node.addresses.tailnet) if address]
        if addresses:
            found += [f"{address}/32" for address in addresses if ip_address(address).version == 4]
        elif node.joined_over == "tailnet":
            found.append(_TAILNET)
        else:
            found += [network.cidr for network in home.networks if network.range.version == 4]
    return tuple(dict.fromkeys(found))


def role() -> Manifest:
    """A role that may look up pods and nodes, and read what kubelets tell of themselves.

    `nodes/metrics` is what a kubelet wants for its figures; `nodes/proxy` would let it run commands in every pod.
    """
    return roles.cluster_role(
        NAME,
        NAME,
        [
            {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        ],
    )
