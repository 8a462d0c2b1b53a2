"""The cluster: pods that don't come up or keep dying, versions that don't go together, certificates of its own."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from components.monitoring.alerts.machines import away, gone
from home import Home

SUBJECT = "cluster"


def _lost(home: Home, kind: str) -> str:
    """The pods that such a controller still has on a machine that doesn't answer, which is told of already. What takes
    their place waits for that machine, and says so without naming it."""
    return f'kube_pod_info{{created_by_kind="{kind}"}} and on (node) {gone(home)}'


def alerts(home: Home) -> Iterator[Alert]:
    """Those of the cluster."""
    # kube-state-metrics says once for each pod on which machine it is, and whose it is.
    without = away(home).lstrip(",")
    whose = f"max by (namespace, pod, node, created_by_name) (kube_pod_info{{{without}}})"
    yield Alert(
        "PodCrashLooping",
        SUBJECT,
        "warning",
        """
        max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}[5m]) >= 1
        and on (namespace, pod) increase(kube_pod_container_status_restarts_total[1h]) > 2
        """,
        "5m",
        "{{ $labels.container }} of {{ $labels.namespace }}/{{ $labels.pod }} starts, dies and starts again.",
    )
    yield Alert(
        "PodOutOfMemory",
        SUBJECT,
        "warning",
        """
        kube_pod_container_status_last_terminated_reason{reason="OOMKilled"} == 1
        and on (namespace, pod, container) increase(kube_pod_container_status_restarts_total[1h]) > 0
        """,
        "0m",
        "{{ $labels.container }} of {{ $labels.namespace }}/{{ $labels.pod }} took more memory than it may.",
    )
    # A pod that failed isn't counted: whatever it belonged to makes another, and it lies there until it is removed.
    yield Alert(
        "PodNotRunning",
        SUBJECT,
        "warning",
        f"""
        sum by (namespace, pod, node) (
          max by (namespace, pod) (kube_pod_status_phase{{phase=~"Pending|Unknown"}} == 1)
          * on (namespace, pod) group_left (node)
          ({whose} unless on (namespace, created_by_name) ({_lost(home, "ReplicaSet")}))
        ) > 0
        """,
        "15m",
        "{{ $labels.namespace }}/{{ $labels.pod }} doesn't come up.",
    )
    yield Alert(
        "PodsMissing",
        SUBJECT,
        "warning",
        f"""
        (
          kube_deployment_spec_replicas > kube_deployment_status_replicas_available
          unless on (namespace, deployment)
            label_replace({_lost(home, "ReplicaSet")}, "deployment", "$1", "created_by_name", "(.+)-[^-]+")
        ) or (
          kube_statefulset_replicas > kube_statefulset_status_replicas_ready
          unless on (namespace, statefulset)
            label_replace({_lost(home, "StatefulSet")}, "statefulset", "$1", "created_by_name", "(.+)")
        )
        """,
        "15m",
        "{{ $labels.namespace }}/{{ $labels.deployment }}{{ $labels.statefulset }} has fewer pods than it should.",
    )
    yield Alert(
        "K3sVersionSkew",
        SUBJECT,
        "info",
        f"""
        count(count by (minor) (label_replace(
          kube_node_info{{kubelet_version!=""{away(home)}}}, "minor", "$1", "kubelet_version", "v([0-9]+[.][0-9]+)[.].*"
        ))) > 1
        """,
        "1h",
        "The machines run {{ $value }} different versions of Kubernetes; an agent must not be newer than the server.",
    )
    yield Alert(
        "K3sCertificateExpiring",
        SUBJECT,
        "warning",
        # A quarter of a year before, K3s renews its certificates whenever it starts.
        "min by (node) (k3s_certificate_expiration_seconds) < 30 * 86400",
        "1h",
        "A certificate of K3s on {{ $labels.node }} ends in {{ $value | humanizeDuration }}: restart K3s there.",
    )
    yield Alert(
        "CertificateExpiring",
        SUBJECT,
        "warning",
        "min by (target, instance) (probe_ssl_earliest_cert_expiry) - time() < 14 * 86400",
        "1h",
        "The certificate of {{ $labels.target }} ({{ $labels.instance }}) ends in {{ $value | humanizeDuration }}.",
    )
