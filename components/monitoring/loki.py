"""Loki, which keeps what pods and machines write: one process, on local disk, for as long as the home says.

Who may read and write is decided by NetworkPolicies alone: Loki knows one tenant and asks nobody who they are.

What is kept is bounded by time. Loki has no bound by size: it can't drop the oldest day because the disk fills. What
it has, and what stands here, slows a flood down: a limit to what comes in a second, to a line, to the number of
streams; and it holds back what comes in while the disk that it writes to is more than nine tenths full
(`disk_full_threshold`), and the agents try again. K3s' local volumes don't enforce their size either, so that disk is
the machine's own.

Settings: grafana/loki 3.7.6, docs/sources/shared/configuration.md.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from components import names
from components.flows import ToWorkload
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
    Tcp,
    User,
    Workload,
)
from home import Home
from home.versions import Image

NAME: Final = "loki"
CLAIM: Final = "loki"
PORT: Final = "http"
NUMBER: Final = 3100
ADDRESS: Final = f"http://{NAME}.{names.MONITORING}.svc:{NUMBER}"
"""Where other pods reach it."""
FLOW: Final = ToWorkload(names.MONITORING, NAME, PORT)
"""The connection of who writes to it or reads it."""

DATA: Final = "/loki"
CONFIG_FOLDER: Final = "/etc/loki"
CONFIG_FILE: Final = "config.yaml"

# The parts of the one process talk to each other on this, and nobody else does.
_INTERNAL_ADDRESS = "127.0.0.1"
_INTERNAL_PORT = 9096

# Must lie before the first line that is ever kept, and never changes: a new schema gets an entry of its own after it.
_SCHEMA_FROM = "2024-04-01"

_HOURS_OF_A_DAY = 24


def server(home: Home, nodes: tuple[str, ...], image: Image) -> Workload:
    """Loki as a single binary, on one of `nodes`, any where there are none. Raises `ValueError` without monitoring.

    User, group and folders: grafana/loki 3.7.6, cmd/loki/Dockerfile; what it writes to besides is in its chart,
    production/helm/loki/templates/single-binary/.
    """
    monitoring = home.apps.monitoring
    if monitoring is None:
        raise ValueError("this home has no monitoring")
    return Workload(
        name=NAME,
        namespace=names.MONITORING,
        kind="StatefulSet",
        nodes=nodes,
        user=User(10001, 10001, fs_group=10001),
        # It closes its log of what isn't in chunks yet; what that misses is read back at the next start.
        grace_seconds=60,
        containers=(
            Container(
                name=NAME,
                image=image.reference,
                resources=Resources(cpu="100m", memory="512Mi", memory_limit="1Gi"),
                args=(f"-config.file={CONFIG_FOLDER}/{CONFIG_FILE}",),
                ports={PORT: NUMBER},
                mounts=(
                    Mount(CONFIG_FOLDER, Files("config", {CONFIG_FILE: config(monitoring.retention.logs)})),
                    Mount(DATA, Claim(CLAIM)),
                    Mount("/tmp", Scratch("tmp", "256Mi")),
                ),
                # Long: after a crash it reads back up to two hours of lines first.
                startup=Probe(Tcp(PORT), period=10, failures=60),
                # It waits 15 s after it could be ready, so that agents don't come and go with it.
                readiness=Probe(Http("/ready", PORT), period=10, failures=3, timeout=5),
                # A query that takes everything it has is not a reason to kill it.
                liveness=Probe(Tcp(PORT), period=20, failures=5, timeout=5),
            ),
        ),
        metrics=(Metrics(PORT),),
    )


def config(retention: str) -> str:
    """Loki's config file, in YAML. retention: whole days, as `14d`. Raises `ValueError` for anything else."""
    return yaml.safe_dump(settings(retention), sort_keys=False)


def settings(retention: str) -> dict[str, Any]:
    """What the config file says."""
    kept = hours(retention)
    return {
        "auth_enabled": False,
        "analytics": {"reporting_enabled": False},
        "server": {
            "http_listen_port": NUMBER,
            "grpc_listen_address": _INTERNAL_ADDRESS,
            "grpc_listen_port": _INTERNAL_PORT,
            # At "info" it writes a line for each query, which it would then keep itself.
            "log_level": "warn",
        },
        "common": {
            "instance_addr": _INTERNAL_ADDRESS,
            "path_prefix": DATA,
            "replication_factor": 1,
            "ring": {"kvstore": {"store": "inmemory"}},
            "storage": {"filesystem": {"chunks_directory": f"{DATA}/chunks", "rules_directory": f"{DATA}/rules"}},
        },
        "schema_config": {
            "configs": [
                {
                    "from": _SCHEMA_FROM,
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    # Retention works day by day.
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "compactor": {
            "working_directory": f"{DATA}/compactor",
            "retention_enabled": True,
            # Refused without, although nobody can ask for a deletion.
            "delete_request_store": "filesystem",
        },
        "ingester": {
            "wal": {
                "dir": f"{DATA}/wal",
                # Of the gigabyte that the container may take; more is written to chunks on the way.
                "replay_memory_ceiling": "384MB",
                "disk_full_threshold": 0.9,
            }
        },
        # Both are 100 MB unless said.
        "chunk_store_config": {"chunk_cache_config": {"embedded_cache": {"enabled": True, "max_size_mb": 64}}},
        "query_range": {"results_cache": {"cache": {"embedded_cache": {"enabled": True, "max_size_mb": 32}}}},
        "limits_config": {
            "retention_period": kept,
            # What would be kept is taken, also from a machine that was away; what would go at once is not.
            "reject_old_samples": True,
            "reject_old_samples_max_age": kept,
            # All that is kept can be asked for, and nothing that only waits to be removed.
            "max_query_lookback": kept,
            "max_query_length": "0s",
            # A home writes some kilobytes a second. This is for an evening on which something goes wrong.
            "ingestion_rate_mb": 4,
            "ingestion_burst_size_mb": 8,
            "per_stream_rate_limit": "2MB",
            "per_stream_rate_limit_burst": "8MB",
            # The agents cut at the same size (`log_agents.LONGEST_LINE`); a longer line is cut, not lost.
            "max_line_size": "256KB",
            "max_line_size_truncate": True,
            "max_global_streams_per_user": 5000,
            "allow_structured_metadata": True,
            # Whoever gets in can't remove what speaks against them.
            "deletion_mode": "disabled",
        },
    }


def hours(days: str) -> str:
    """Days as Loki's durations have them: `14d` is `336h`. Raises `ValueError` for what isn't whole days, or none."""
    number = days.removesuffix("d")
    if number == days or not (number.isascii() and number.isdecimal()) or not int(number):
        raise ValueError(f'"{days}" is no whole number of days, such as 14d')
    return f"{int(number) * _HOURS_OF_A_DAY}h"
