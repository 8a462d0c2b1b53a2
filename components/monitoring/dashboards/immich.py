"""Immich: does it answer, what its queues hold, how its database does."""

from __future__ import annotations

from typing import Final

from components import names
from components.immich import DATABASE_NAME
from components.monitoring.dashboards import parts
from components.monitoring.dashboards.shape import Dashboard, Panel, Promql, Row, above, below, none_of_it
from home import Home

UID = "home-immich"

# immich-app/immich, server/src/enum.ts (JobName), by what a person would call the work.
_JOBS: Final = {
    "asset_generate_thumbnails": "thumbnails",
    "asset_extract_metadata": "metadata",
    "asset_encode_video": "videos",
    "asset_detect_faces": "faces",
    "smart_search": "search",
}
_DATABASE = f'datname="{DATABASE_NAME}"'


def dashboard(home: Home) -> Dashboard:
    """Immich's four parts on one page."""
    return Dashboard(
        uid=UID,
        title="Immich",
        folder="Apps",
        tags=("apps",),
        rows=(
            parts.answers("immich"),
            Row("Work that waits", _work()),
            Row("Database and queue", _data()),
            parts.containers(names.PHOTOS),
            parts.log_lines(names.PHOTOS),
        ),
    )


def _work() -> tuple[Panel, ...]:
    jobs = "immich_jobs_{0}_{1}_total"
    return (
        Panel(
            "Jobs that wait",
            "timeseries",
            (
                Promql(
                    'label_replace(redis_key_size{key=~"immich_bull:.*:wait"}, "queue", "$1", "key",'
                    ' "immich_bull:(.*):wait")',
                    "{{queue}}",
                ),
            ),
            width=8,
            stacked=True,
            description="After an upload they rise and then fall. One that stays where it is is stuck.",
        ),
        Panel(
            "Jobs done",
            "timeseries",
            tuple(
                Promql(f"sum(rate({jobs.format(job, 'success')}[$__rate_interval]))", title)
                for job, title in _JOBS.items()
            ),
            unit="ops",
            width=8,
            stacked=True,
        ),
        Panel(
            # As they are, not how they rise: such a figure begins to exist with the first failure, at one.
            "Jobs that failed, since it was started",
            "timeseries",
            tuple(Promql(f"sum({jobs.format(job, 'failed')})", title) for job, title in _JOBS.items()),
            empty="none",
            width=8,
            steps=none_of_it(),
        ),
    )


def _data() -> tuple[Panel, ...]:
    return (
        Panel("Database's size", "stat", (Promql(f"pg_database_size_bytes{{{_DATABASE}}}"),), unit="bytes", width=4),
        Panel("Connections", "stat", (Promql(f"sum(pg_stat_activity_count{{{_DATABASE}}})"),), width=4),
        Panel(
            "Transactions",
            "timeseries",
            (
                Promql(f"rate(pg_stat_database_xact_commit{{{_DATABASE}}}[$__rate_interval])", "done"),
                Promql(f"rate(pg_stat_database_xact_rollback{{{_DATABASE}}}[$__rate_interval])", "taken back"),
            ),
            unit="ops",
            width=6,
        ),
        Panel(
            "Found in memory",
            "timeseries",
            (
                Promql(
                    f"rate(pg_stat_database_blks_hit{{{_DATABASE}}}[$__rate_interval]) /"
                    f" (rate(pg_stat_database_blks_hit{{{_DATABASE}}}[$__rate_interval]) +"
                    f" rate(pg_stat_database_blks_read{{{_DATABASE}}}[$__rate_interval]))",
                    "blocks",
                ),
            ),
            unit="percentunit",
            width=5,
            steps=below(0.95, 0.8),
        ),
        Panel(
            "Queue's memory, of its limit",
            "timeseries",
            (Promql("redis_memory_used_bytes / (redis_memory_max_bytes > 0)", "in use"),),
            unit="percentunit",
            width=5,
            steps=above(0.7, 0.9),
            description="A full queue takes no more jobs, rather than forget one.",
        ),
    )
