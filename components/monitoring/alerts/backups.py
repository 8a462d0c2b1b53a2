"""The backups: whatever runs in their namespace on a schedule has to have been done, and lately."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from home import Home

SUBJECT = "backups"


def alerts(home: Home) -> Iterator[Alert]:
    """Those of backups."""
    del home
    yield Alert(
        "BackupTooOld",
        SUBJECT,
        "urgent",
        """
        time() - max by (namespace, cronjob) (
          kube_cronjob_status_last_successful_time{namespace="backups"}
          or kube_cronjob_created{namespace="backups"}
        ) > 36 * 3600
        """,
        "15m",
        "{{ $labels.cronjob }} was last done {{ $value | humanizeDuration }} ago.",
    )
    yield Alert(
        "BackupFailed",
        SUBJECT,
        "warning",
        """
        max by (namespace, job_name) (kube_job_failed{namespace="backups",condition="true"}) > 0
        and on (namespace, job_name) (time() - kube_job_created{namespace="backups"}) < 36 * 3600
        """,
        "0m",
        "{{ $labels.job_name }} failed.",
    )
