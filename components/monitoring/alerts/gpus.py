"""The GPUs: their memory, which nothing keeps apart, and who waits for them."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from home import Home

SUBJECT = "gpus"


def alerts(home: Home) -> Iterator[Alert]:
    """Those of the cards; none in a home without."""
    if not home.gpu_nodes:
        return
    yield Alert(
        "GpuUnseen",
        SUBJECT,
        "warning",
        # The exporter answers all the same, and then tells nothing of the card.
        "nvidia_smi_last_collect_success == 0",
        "10m",
        "nvidia-smi on {{ $labels.node }} sees no card: what needs it doesn't work, and nobody watches it.",
    )
    yield Alert(
        "GpuMemoryFull",
        SUBJECT,
        "warning",
        "nvidia_smi_memory_used_bytes / nvidia_smi_memory_total_bytes > 0.9",
        "10m",
        "{{ $value | humanizePercentage }} of the memory of {{ $labels.node }}'s card is taken; who wants more gets an "
        "error.",
    )
    if any(node.gpu and node.gpu.slices > 1 for node in home.gpu_nodes):
        yield Alert(
            "GpuSlicesContended",
            SUBJECT,
            "info",
            """
            avg_over_time(nvidia_smi_utilization_gpu_ratio[30m]) > 0.9
            and on (node) sum by (node) (
              kube_pod_container_resource_requests{resource="nvidia_com_gpu"}
              * on (namespace, pod) group_left () max by (namespace, pod) (kube_pod_status_phase{phase="Running"})
            ) > 1
            """,
            "10m",
            "{{ $labels.node }}'s card is busy all the time, and several pods share it: each waits for the others.",
        )
        yield Alert(
            "GpuSliceWanted",
            SUBJECT,
            "warning",
            """
            sum by (namespace, pod) (kube_pod_container_resource_requests{resource="nvidia_com_gpu"})
            and on (namespace, pod) kube_pod_status_unschedulable == 1
            """,
            "15m",
            "{{ $labels.namespace }}/{{ $labels.pod }} waits for a slice of a GPU, and all are taken.",
        )
    yield Alert(
        "GpuHot",
        SUBJECT,
        "warning",
        "nvidia_smi_temperature_gpu > 90",
        "15m",
        "{{ $labels.node }}'s card is at {{ $value }} °C, and slows down.",
    )
