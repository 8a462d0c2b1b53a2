"""Watching the home: metrics, alerts, logs and dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from components import names, roles
from components.deployed import DeployedWorkload
from components.manifests import arguments
from components.monitoring import alertmanager, exporters, grafana, loki, prometheus
from components.monitoring.workloads import MonitoringWorkloads
from components.volumes import local_claim
from home.apps import MonitoringStorage


@dataclass(frozen=True)
class MonitoringArgs:
    """workloads: what `workloads` makes of the home. storage: the sizes of its volumes. The rest are handles.

    receiver: what Alertmanager sends with, by its name there: ntfy's token or the webhook's address. namespaces: of the
    room, and of what runs on each machine. storage_class: one that keeps its data. generated: how passwords are made.
    """

    workloads: MonitoringWorkloads
    storage: MonitoringStorage
    receiver: Mapping[str, pulumi.Input[str]]
    namespaces: Mapping[str, pulumi.Output[str]]
    storage_class: pulumi.Input[str]
    generated: random.Provider


class Monitoring(pulumi.ComponentResource):
    """Watching the home.

    Creates the claims for metrics, logs, silences and Grafana's own database (kept, protected), Grafana's password,
    Prometheus' token, the Secret with what it takes to send an alert, roles for what asks the API server, and the
    workloads with their Services.
    """

    url: pulumi.Output[str]
    """Where the doors reach Grafana inside the cluster."""
    password: pulumi.Output[str]
    """Of Grafana's administrator; a secret."""
    token: pulumi.Output[str]
    """What Prometheus shows to those that tell only who is known to them; a secret."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register claims, Secrets and roles first, then what uses them."""
        super().__init__("homebrain:monitoring:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        room = args.namespaces[names.MONITORING]
        sizes = {
            prometheus.CLAIM: args.storage.metrics,
            loki.CLAIM: args.storage.logs,
            alertmanager.CLAIM: args.storage.alerts,
            grafana.CLAIM: args.storage.dashboards,
        }
        before: list[pulumi.Resource] = [
            kubernetes.core.v1.PersistentVolumeClaim(
                claim,
                **arguments(local_claim(claim, size, args.storage_class), room),
                opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
            )
            for claim, size in sizes.items()
        ]
        password = random.RandomPassword(
            grafana.PASSWORD,
            length=24,
            special=False,
            # Grafana keeps the first password that it was given.
            opts=pulumi.ResourceOptions(parent=self, provider=args.generated, protect=True),
        )
        self.password = password.result
        token = random.RandomPassword(
            prometheus.TOKEN,
            length=32,
            special=False,
            opts=pulumi.ResourceOptions(parent=self, provider=args.generated),
        )
        self.token = token.result
        for secret, of, data in (
            (grafana.PASSWORD, grafana.NAME, {grafana.PASSWORD_KEY: password.result}),
            (prometheus.TOKEN, prometheus.NAME, {prometheus.TOKEN_KEY: token.result}),
            (alertmanager.RECEIVER, alertmanager.NAME, dict(args.receiver)),
        ):
            before.append(
                kubernetes.core.v1.Secret(
                    secret,
                    metadata={"name": secret, "namespace": room, "labels": names.labels(of)},
                    string_data=data,
                    opts=child,
                )
            )
        before += roles.granted(prometheus.role(), names.MONITORING, prometheus.NAME, child)
        before += roles.granted(
            exporters.kube_state_metrics_role(), names.MONITORING, exporters.KUBE_STATE_METRICS, child
        )

        for part in args.workloads.all:
            DeployedWorkload(
                part,
                args.namespaces[part.namespace],
                opts=pulumi.ResourceOptions(parent=self, depends_on=before),
            )
        self.url = pulumi.Output.format("http://{0}.{1}.svc:{2}", grafana.NAME, room, grafana.FRONT.number)
        self.register_outputs({"url": self.url})
