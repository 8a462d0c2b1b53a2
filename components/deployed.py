"""A workload in the cluster: the one place where pods are registered."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from components import names
from components.manifests import arguments
from components.objects import config_maps, controller, disruption_budget, service, service_account
from components.workload import Workload

_CONTROLLERS = {
    "Deployment": kubernetes.apps.v1.Deployment,
    "StatefulSet": kubernetes.apps.v1.StatefulSet,
    "DaemonSet": kubernetes.apps.v1.DaemonSet,
}


class DeployedWorkload(pulumi.ComponentResource):
    """A workload in the cluster.

    Creates its ServiceAccount, its ConfigMaps, its Deployment, StatefulSet or DaemonSet; where it has ports its
    Service, where it has replicas a PodDisruptionBudget.

    namespace: the handle of the namespace it lives in, so that this exists first. told: what else the pods are told
    that they read at their start only; another value rolls them. Not a secret: it is there to be read.
    """

    name: pulumi.Output[str]
    """Of the controller, and of the Service where there is one."""

    def __init__(
        self,
        workload: Workload,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
        *,
        told: pulumi.Input[str] | None = None,
    ) -> None:
        """Register the workload's objects; `namespace` replaces the plain name of it that the workload carries."""
        super().__init__("homebrain:kubernetes:Workload", workload.name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = kubernetes.core.v1.ServiceAccount(
            workload.name, **arguments(service_account(workload), namespace), opts=child
        )
        before: list[pulumi.Resource] = [account]
        for manifest in config_maps(workload):
            name = manifest["metadata"]["name"]
            before.append(kubernetes.core.v1.ConfigMap(name, **arguments(manifest, namespace), opts=child))
        running_as = controller(workload)
        if told is not None:
            running_as["spec"]["template"]["metadata"].setdefault("annotations", {})[names.ANNOTATION_TOLD] = told
        running = _CONTROLLERS[workload.kind](
            workload.name,
            **arguments(running_as, namespace),
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        if front := service(workload):
            kubernetes.core.v1.Service(workload.name, **arguments(front, namespace), opts=child)
        if budget := disruption_budget(workload):
            kubernetes.policy.v1.PodDisruptionBudget(workload.name, **arguments(budget, namespace), opts=child)
        self.name = running.metadata["name"]
        self.register_outputs({"name": self.name})
