"""What Prometheus asks, as its config file: each workload that says what it tells, each node's kubelet, each door.

Every series has `job` (the workload's name), `node` (the machine), and `instance`, which is the pod, or the machine for
what runs once on each. Formats: prometheus/prometheus, docs/configuration/configuration.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import yaml

from components import names
from components.manifests import Manifest
from components.monitoring.probes import Probed
from components.workload import Metrics, Workload

SECONDS: Final = 30
"""Between two times that something is asked."""

TOKEN_FILE: Final = "/run/secrets/prometheus-token/token"  # noqa: S105 a path
"""What Prometheus shows to those that tell only who is known to them."""

RULES: Final = "/etc/prometheus/rules/*.yaml"
_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 a folder

# K3s is one process, and each of its endpoints repeats what all of its parts tell: the kubelet's is the one that is
# asked. Most of that is of use to who develops Kubernetes; these are by far the most, and nothing here reads them.
_DROPPED: Final = (
    "(apiserver|etcd|workqueue|rest_client|scheduler|admission|authentication|authorization|aggregator|"
    "storage_operation|kubelet_runtime_operations|kubelet_pod_worker|kubeproxy|csi_operations)_.+_bucket|"
    "(etcd|workqueue|kine|lasso|controller_runtime)_.+|apiserver_(watch|flowcontrol|cache|storage_objects).*"
)
# cAdvisor tells everything once more for each cgroup above a container; of those, the machine's own (/) is wanted.
_NOT_FROM_CADVISOR: Final = (
    "container_(blkio_device_usage|tasks_state|memory_failures|memory_numa|file_descriptors|sockets|threads|ulimits|"
    "last_seen|cpu_load|cpu_(user|system|schedstat|shares)|spec|pressure).*|machine_nvm.*"
)


def config(watched: Iterable[Workload], probed: Iterable[Probed], *, blackbox: str, alertmanager: str) -> str:
    """Prometheus' config file.

    watched: every workload; those that tell nothing are left out. blackbox, alertmanager: where they answer, as
    `host:port`.
    """
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": f"{SECONDS}s", "scrape_timeout": "10s", "evaluation_interval": f"{SECONDS}s"},
            "rule_files": [RULES],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [
                _itself(),
                *(_workload(one) for one in watched if one.metrics),
                _nodes("kubelet", "/metrics", _DROPPED),
                _nodes("cadvisor", "/metrics/cadvisor", _NOT_FROM_CADVISOR),
                _probes(probed, blackbox),
            ],
        },
        sort_keys=False,
    )


def _itself() -> Manifest:
    return {
        "job_name": "prometheus",
        "static_configs": [{"targets": ["localhost:9090"], "labels": {"namespace": names.MONITORING}}],
    }


def _workload(workload: Workload) -> Manifest:
    """A job that asks each of the workload's pods, found by its labels, at each port that tells something."""
    ports = {one.port: one for one in workload.metrics}
    relabelings: list[Manifest] = [
        # A pod that waits for its node, or is done, has nobody who could answer.
        {"source_labels": ["__meta_kubernetes_pod_phase"], "regex": "Pending|Succeeded|Failed", "action": "drop"},
        {
            "source_labels": ["__meta_kubernetes_pod_container_port_name"],
            "regex": "|".join(ports),
            "action": "keep",
        },
        *(_path(one) for one in workload.metrics if one.path != "/metrics"),
        _copied("__meta_kubernetes_namespace", "namespace"),
        _copied("__meta_kubernetes_pod_name", "pod"),
        _copied("__meta_kubernetes_pod_node_name", "node"),
        _copied(
            "__meta_kubernetes_pod_node_name" if workload.kind == "DaemonSet" else "__meta_kubernetes_pod_name",
            "instance",
        ),
    ]
    if len(ports) > 1:
        relabelings.append(_copied("__meta_kubernetes_pod_container_port_name", "endpoint"))
    job: Manifest = {"job_name": workload.name}
    if any(one.to_known for one in workload.metrics):
        job["authorization"] = {"credentials_file": TOKEN_FILE}
    if any(one.about_others for one in workload.metrics):
        job["honor_labels"] = True
        # `namespace`, `pod` and `node` are those of what it tells of; where it has none, none is meant.
        relabelings = [one for one in relabelings if one.get("target_label") not in ("namespace", "pod", "node")]
    label = f"{names.LABEL_NAME}={workload.name}"
    job["kubernetes_sd_configs"] = [
        {
            "role": "pod",
            "namespaces": {"names": [workload.namespace]},
            "selectors": [{"role": "pod", "label": label}],
        }
    ]
    return job | {"relabel_configs": relabelings}


def _path(metrics: Metrics) -> Manifest:
    return {
        "source_labels": ["__meta_kubernetes_pod_container_port_name"],
        "regex": metrics.port,
        "target_label": "__metrics_path__",
        "replacement": metrics.path,
    }


def _nodes(name: str, path: str, dropped: str) -> Manifest:
    """A job that asks each node's kubelet, with the token of Prometheus' own account."""
    return {
        "job_name": name,
        "scheme": "https",
        "metrics_path": path,
        "authorization": {"credentials_file": f"{_TOKEN}/token"},
        # K3s signs its kubelets' certificates with the authority that every pod is given.
        "tls_config": {"ca_file": f"{_TOKEN}/ca.crt"},
        "kubernetes_sd_configs": [{"role": "node"}],
        "relabel_configs": [
            _copied("__meta_kubernetes_node_name", "node"),
            _copied("__meta_kubernetes_node_name", "instance"),
        ],
        "metric_relabel_configs": [{"source_labels": ["__name__"], "regex": dropped, "action": "drop"}],
    }


def _probes(probed: Iterable[Probed], blackbox: str) -> Manifest:
    return {
        "job_name": "probe",
        "metrics_path": "/probe",
        "static_configs": [
            {
                "targets": [one.address],
                "labels": {
                    "target": one.target,
                    "door": one.door,
                    **({"node": one.node} if one.node else {}),
                    "__param_module": one.module,
                },
            }
            for one in probed
        ],
        "relabel_configs": [
            _copied("__address__", "__param_target"),
            _copied("__address__", "instance"),
            {"target_label": "__address__", "replacement": blackbox},
        ],
    }


def _copied(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [source], "target_label": target}
