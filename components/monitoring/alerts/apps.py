"""The apps: does each answer, and do their databases and queues get on."""

from __future__ import annotations

from collections.abc import Iterator

from components.monitoring.alerts.alert import Alert
from home import Home

SUBJECT = "apps"


def alerts(home: Home) -> Iterator[Alert]:
    """Those of the apps that this home has."""
    yield Alert(
        "AppDown",
        SUBJECT,
        "urgent",
        'probe_success{door="cluster"} == 0',
        "5m",
        "{{ $labels.target }} doesn't answer, asked from inside the cluster.",
    )
    if home.apps.immich:
        yield Alert(
            "ImmichQueueStuck",
            SUBJECT,
            "warning",
            """
            redis_key_size{key=~"immich_bull:.+:wait"} >= redis_key_size offset 2h
            and count_over_time(redis_key_size[2h])
              >= on (namespace, instance) group_left () 0.95 * count_over_time(redis_up[2h])
            """,
            "15m",
            "Jobs wait in {{ $labels.key }} and don't get fewer: {{ $value }} of them.",
        )
        yield Alert(
            "ImmichDatabaseDown",
            SUBJECT,
            "urgent",
            'pg_up{namespace="photos"} == 0',
            "3m",
            "Immich's database takes no connections.",
        )
        yield Alert(
            "ImmichQueueDown",
            SUBJECT,
            "urgent",
            'redis_up{namespace="photos"} == 0',
            "3m",
            "Immich's queue doesn't answer: nothing that is uploaded is worked on.",
        )
    if home.apps.transcode:
        yield Alert(
            "TranscodeStuck",
            SUBJECT,
            "warning",
            """
            (kube_job_status_active{namespace="transcode"} > 0)
            and on (namespace, job_name) (time() - kube_job_status_start_time{namespace="transcode"} > 12 * 3600)
            """,
            "15m",
            "{{ $labels.job_name }} has been at it for more than twelve hours.",
        )
