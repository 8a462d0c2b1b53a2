"""What monitoring runs in a home: worked out last, since it watches everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.doors import Front, Opening
from components.monitoring import alertmanager, exporters, grafana, log_agents, loki, probes, prometheus
from components.monitoring.alerts import alerts
from components.monitoring.dashboards import dashboards
from components.tailnet_proxies import api_servers
from components.workload import Workload
from home import Home
from home.versions import Image


@dataclass(frozen=True)
class MonitoringWorkloads:
    """The parts of monitoring. `agents` run on every node, or on every node with a GPU."""

    prometheus: Workload
    alertmanager: Workload
    grafana: Workload
    loki: Workload
    kube_state_metrics: Workload
    blackbox_exporter: Workload
    agents: tuple[Workload, ...]

    @property
    def all(self) -> tuple[Workload, ...]:
        """What others stand on first."""
        return (
            self.loki,
            self.alertmanager,
            self.kube_state_metrics,
            self.blackbox_exporter,
            *self.agents,
            self.prometheus,
            self.grafana,
        )


def workloads(
    home: Home,
    images: Mapping[str, Image],
    *,
    others: Sequence[Workload],
    fronts: Sequence[Front],
    public: Sequence[Opening],
) -> MonitoringWorkloads:
    """The parts of monitoring in this home. `others`: every other workload; `fronts`: where people come in to apps;
    `public`: what the public door opens onto. Raises `ValueError` for a home without monitoring."""
    app = home.apps.monitoring
    if app is None:
        raise ValueError("this home has no monitoring")
    # Everything on one node: the volumes are on its disk.
    nodes = (app.node,) if app.node else ()
    servers = api_servers(home)
    probed = probes.probed(home, fronts, public, servers)
    store = loki.server(home, nodes, images["loki"])
    alerting = alertmanager.server(home, nodes, images["alertmanager"])
    state = exporters.kube_state_metrics(nodes, images["kube-state-metrics"], servers)
    knocking = exporters.blackbox_exporter(nodes, images["blackbox-exporter"], probed)
    board = grafana.server(home, nodes, images["grafana"], dashboards(home))
    agents = (
        exporters.node_exporter(home, images["node-exporter"]),
        *exporters.gpu_exporters(home, images["nvidia-gpu-exporter"]),
        log_agents.agent(home, images),
    )
    return MonitoringWorkloads(
        prometheus=prometheus.server(
            home,
            nodes,
            images["prometheus"],
            watched=(*others, store, alerting, state, knocking, *agents, board),
            probed=probed,
            alerts=alerts(home),
            api_servers=servers,
        ),
        alertmanager=alerting,
        grafana=board,
        loki=store,
        kube_state_metrics=state,
        blackbox_exporter=knocking,
        agents=agents,
    )
