"""What reads logs on each machine and sends them to Loki: Grafana Alloy, or Promtail, which it succeeded.

Both read files, which takes a folder of the machine and root, and no token: who reads logs through the API server may
read every pod's, on every machine, and costs the API server the traffic. What is read, and which labels it gets, is
described once (`PODS`, `JOURNAL`), and each agent's config is made of that.

Labels, which are few on purpose, since each combination is a stream of its own:

    job="pods"     namespace, pod, container, app, node
    job="journal"  unit, level, node

`app` is the workload, as in Prometheus' `job`: the pod's name without what its controller appended. A pod's line stays
as it was written, JSON included; its level Loki finds by itself and keeps beside the line (`detected_level`). Lines
that belong together, as in a stack trace, stay lines.

**Where it was is kept on the machine**, not in the pod: what a pod has ends with it, and each change of the config
would send again whatever the files still hold (10 MiB a container), most of which Loki refuses as too far behind.
After a restart an agent goes on where it was. It sends again what it read in the ten seconds before a crash, which
Loki recognizes as the same lines, and it loses what it had read and not yet sent, some MiB at most.

**While Loki is away** the agent tries again for as long as it takes and reads no further: the files are the buffer. The
one that is being written stays open, also when the kubelet gives it another name; of those that come and go meanwhile
it sees the last. Only what Loki refuses as wrong, such as a line from before its retention, is given up.

A machine without a journal, as WSL2 may be, gets an empty folder in its place. One that kept its journal in memory only
keeps it on disk from its next start on; that is what the folder means to it (journald.conf(5), Storage=auto).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from components import names
from components.monitoring import loki
from components.monitoring.alloy import Block, Expression, text
from components.workload import (
    ROOT,
    Container,
    Deviation,
    Files,
    HostPath,
    Http,
    Metrics,
    Mount,
    PodField,
    Probe,
    Resources,
    Tcp,
    Workload,
)
from home import Home
from home.versions import Image

PORT: Final = "metrics"
PODS_FOLDER: Final = "/var/log/pods"
JOURNAL_FOLDER: Final = "/var/log/journal"
POSITIONS_FOLDER: Final = "/var/lib/homebrain"
"""On the machine; each agent has a folder of its own in it, since neither reads the other's."""

LONGEST_LINE: Final = 256 * 1024
"""Bytes of a line that the runtime wrote in pieces, and that is put together again. Loki takes no longer ones."""

# How Loki is tried again: after a second, two, four, … Both agents would give up after ten times, about eight minutes.
LONGEST_PAUSE: Final = "1m"
WITHOUT_END: Final = 0
"""What both mean by no limit: grafana/alloy, internal/component/loki/write/types.go; grafana/dskit, backoff/."""

# What Kubernetes makes its suffixes of: no vowels, so that they spell nothing (apimachinery, util/rand). A ReplicaSet's
# is a decimal number in that alphabet, of which ten letters remain.
_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_REPLICA_SET = "[4-9bcdf]{6,10}"

POD_FILE: Final = r"^.*/(?P<namespace>[^/_]+)_(?P<pod>[^/_]+)_(?P<uid>[^/_]+)/(?P<container>[^/_]+)/[^/]+$"
"""How the kubelet names a container's file: kubernetes, pkg/kubelet/kuberuntime/helpers.go (BuildPodLogsDirectory)."""
POD_NAME: Final = rf"^(?P<app>.+?)(?:-{_REPLICA_SET}-{_RANDOM}|-[0-9]{{8,10}}-{_RANDOM}|-{_RANDOM}|-[0-9]{{1,3}})?$"
"""A pod's name: of a Deployment, of a CronJob, of a DaemonSet or Job, of a StatefulSet, or by itself."""


# What is read, whoever reads it. Expressions are RE2, which both agents have, and mean the same to Python's `re`.


@dataclass(frozen=True)
class Extract:
    """Take the named groups of `expression` out of what is known as `source`."""

    source: str
    expression: str


@dataclass(frozen=True)
class PodLogs:
    """Files that a container runtime writes. labels: for all; extracts: what is taken out of the file's name, in turn;
    kept: what of it becomes a label."""

    path: str
    labels: Mapping[str, str]
    extracts: tuple[Extract, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """Where the journal's `field` matches `matches`, `label` is `value`, in which $1 is the first group."""

    field: str
    matches: str
    label: str
    value: str = "$1"


@dataclass(frozen=True)
class Journal:
    """systemd's journal. oldest: how far back it is read the first time."""

    path: str
    labels: Mapping[str, str]
    rules: tuple[Rule, ...]
    oldest: str = "24h"


PODS: Final = PodLogs(
    # Only the file that is being written: those that were rotated away have been read.
    path=f"{PODS_FOLDER}/*/*/*.log",
    labels={"job": "pods"},
    extracts=(Extract("filename", POD_FILE), Extract("pod", POD_NAME)),
    kept=("namespace", "pod", "container", "app"),
)

JOURNAL: Final = Journal(
    path=JOURNAL_FOLDER,
    labels={"job": "journal"},
    rules=(
        # Services only: sessions, mounts and what the runtime starts have names that never come again.
        Rule("__journal__systemd_unit", r"(.+\.service)", "unit"),
        # Out of memory, a disk that fails, a card that fell off the bus.
        Rule("__journal__transport", "kernel", "unit", "kernel"),
        Rule("__journal_priority_keyword", "(.+)", "level"),
    ),
)


@dataclass(frozen=True)
class Agent:
    """What differs between the two: port, files, arguments, and how its config is written."""

    name: str
    port: int
    config_folder: str
    config_file: str
    positions: str
    ready: str
    args: tuple[str, ...]
    config: str
    env: Mapping[str, PodField] = field(default_factory=lambda: {"NODE_NAME": PodField("spec.nodeName")})


def agent(home: Home, images: Mapping[str, Image]) -> Workload:
    """The agent that the home chose, on every machine in service. Raises `ValueError` without monitoring."""
    monitoring = home.apps.monitoring
    if monitoring is None:
        raise ValueError("this home has no monitoring")
    one = alloy() if monitoring.logs.agent == "alloy" else promtail()
    return Workload(
        name=one.name,
        namespace=names.NODE_AGENTS,
        kind="DaemonSet",
        nodes=tuple(node.name for node in home.nodes_in_service),
        user=ROOT,
        containers=(
            Container(
                name=one.name,
                image=images[one.name].reference,
                resources=Resources(cpu="50m", memory="192Mi", memory_limit="512Mi"),
                args=one.args,
                env=one.env,
                ports={PORT: one.port},
                mounts=(
                    Mount(one.config_folder, Files("config", {one.config_file: one.config})),
                    Mount(PODS_FOLDER, HostPath(PODS_FOLDER), read_only=True),
                    Mount(JOURNAL_FOLDER, HostPath(JOURNAL_FOLDER, "DirectoryOrCreate"), read_only=True),
                    Mount(one.positions, HostPath(f"{POSITIONS_FOLDER}/{one.name}", "DirectoryOrCreate")),
                ),
                readiness=Probe(Http(one.ready, PORT), period=10, failures=3, timeout=5),
                # One that can't reach Loki is not a dead one: it waits.
                liveness=Probe(Tcp(PORT), period=20, failures=5, timeout=5),
            ),
        ),
        metrics=(Metrics(PORT),),
        talks_to=(loki.FLOW,),
        deviations={
            Deviation.HOST_PATH: "reads the files of the machine's pods and its journal, and keeps there where it was",
            Deviation.ROOT_USER: "those files are root's, and for nobody else to read; it has no capability besides",
        },
    )


def alloy() -> Agent:
    """Grafana Alloy. Its data path holds what was read, and nothing that isn't made again.

    Arguments and endpoints: grafana/alloy v1.18.1, internal/alloycli/cmd_run.go, docs/sources/reference/http.
    """
    port, folder, file, data = 12345, "/etc/alloy", "config.alloy", "/var/lib/alloy/data"
    return Agent(
        name="alloy",
        port=port,
        config_folder=folder,
        config_file=file,
        positions=data,
        ready="/-/ready",
        args=(
            "run",
            f"{folder}/{file}",
            f"--storage.path={data}",
            f"--server.http.listen-addr=0.0.0.0:{port}",
            "--server.http.enable-pprof=false",
            "--server.http.disable-support-bundle=true",
            "--disable-reporting=true",
        ),
        config=text(alloy_blocks(PODS, JOURNAL)),
    )


def promtail() -> Agent:
    """Promtail. Arguments and endpoints: grafana/loki 3.5.0, clients/cmd/promtail/main.go, clients/pkg/promtail/."""
    port, folder, file, data = 9080, "/etc/promtail", "config.yaml", "/var/lib/promtail"
    return Agent(
        name="promtail",
        port=port,
        config_folder=folder,
        config_file=file,
        positions=data,
        ready="/ready",
        args=(
            f"-config.file={folder}/{file}",
            # An argument, since a config in which variables are replaced can't hold the $ of an expression.
            "-client.external-labels=node=$(NODE_NAME)",
        ),
        config=yaml.safe_dump(promtail_settings(port, data, PODS, JOURNAL), sort_keys=False),
    )


def alloy_blocks(pods: PodLogs, journal: Journal) -> tuple[Block, ...]:
    """Alloy's config. Components: grafana/alloy v1.18.1, docs/sources/reference/components/."""
    write = Block(
        "loki.write",
        "home",
        {"external_labels": {"node": Expression('sys.env("NODE_NAME")')}},
        (
            Block(
                "endpoint",
                "",
                {
                    "url": f"{loki.ADDRESS}/loki/api/v1/push",
                    "max_backoff_period": LONGEST_PAUSE,
                    "max_backoff_retries": WITHOUT_END,
                },
            ),
        ),
    )
    process = Block(
        "loki.process",
        "pods",
        {"forward_to": [write.export("receiver")]},
        (
            Block(
                "stage.cri",
                "",
                {"max_partial_line_size": LONGEST_LINE, "max_partial_line_size_truncate": True},
            ),
            *(Block("stage.regex", "", {"source": one.source, "expression": one.expression}) for one in pods.extracts),
            Block("stage.labels", "", {"values": dict.fromkeys(pods.kept, "")}),
            Block("stage.label_drop", "", {"values": list(_DROPPED)}),
        ),
    )
    found = Block("local.file_match", "pods", {"path_targets": [{"__path__": pods.path, **pods.labels}]})
    source = Block(
        "loki.source.file",
        "pods",
        {"targets": found.export("targets"), "forward_to": [process.export("receiver")]},
    )
    rules = Block(
        "loki.relabel",
        "journal",
        {"forward_to": []},
        tuple(
            Block(
                "rule",
                "",
                {
                    "source_labels": [one.field],
                    "regex": one.matches,
                    "target_label": one.label,
                    "replacement": one.value,
                },
            )
            for one in journal.rules
        ),
    )
    entries = Block(
        "loki.source.journal",
        "machine",
        {
            "path": journal.path,
            "max_age": journal.oldest,
            "labels": journal.labels,
            "relabel_rules": rules.export("rules"),
            "forward_to": [write.export("receiver")],
        },
    )
    return (Block("logging", "", {"level": "warn"}), found, source, process, rules, entries, write)


def promtail_settings(port: int, positions: str, pods: PodLogs, journal: Journal) -> dict[str, Any]:
    """Promtail's config. Settings: grafana/loki 3.5.0, docs/sources/send-data/promtail/configuration.md."""
    return {
        "server": {"http_listen_port": port, "grpc_listen_address": "127.0.0.1", "log_level": "warn"},
        "positions": {"filename": f"{positions}/positions.yaml"},
        "clients": [
            {
                "url": f"{loki.ADDRESS}/loki/api/v1/push",
                "backoff_config": {"max_period": LONGEST_PAUSE, "max_retries": WITHOUT_END},
            }
        ],
        "scrape_configs": [
            {
                "job_name": "pods",
                "static_configs": [{"targets": ["localhost"], "labels": {"__path__": pods.path, **pods.labels}}],
                "pipeline_stages": [
                    {"cri": {"max_partial_line_size": LONGEST_LINE, "max_partial_line_size_truncate": True}},
                    *({"regex": {"source": one.source, "expression": one.expression}} for one in pods.extracts),
                    {"labels": dict.fromkeys(pods.kept)},
                    {"labeldrop": list(_DROPPED)},
                ],
            },
            {
                "job_name": "journal",
                "journal": {"path": journal.path, "max_age": journal.oldest, "labels": dict(journal.labels)},
                "relabel_configs": [
                    {
                        "source_labels": [one.field],
                        "regex": one.matches,
                        "target_label": one.label,
                        "replacement": one.value,
                    }
                    for one in journal.rules
                ],
            },
        ],
    }


# Both agents add these by themselves: the path, which says the same as other labels, and whether it was standard error.
_DROPPED: Final = ("filename", "stream")
