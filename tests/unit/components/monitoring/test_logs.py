"""Logs: what Loki is told, and that both agents bring it the same lines with the same labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import home as homes
import references
from components import names, objects, volumes
from components.cluster import namespace, priority_classes, retaining_storage_class
from components.monitoring import log_agents, loki
from components.network import default_deny, network_policies
from components.plan import plan
from components.workload import Deviation, Files, HostPath, PodField, Workload
from home import Home, versions
from policies.pod_security import violations
from tests.homes import changed, config
from tests.unit.components.monitoring.log_pipeline import Reading, of_alloy, of_promtail

IMAGES = versions.load()
AGENTS = ("alloy", "promtail")
READINGS = {"alloy": of_alloy(log_agents.alloy().config), "promtail": of_promtail(log_agents.promtail().config)}
NODE = "k3s-master"


def home(**monitoring: Any) -> Home:
    """The owner's home with some keys of `apps.monitoring` changed."""
    edits = [{"path": f"apps.monitoring.{key}", "set": value} for key, value in monitoring.items()]
    return homes.load(changed(config("homelab"), edits))


def with_agent(name: str) -> Workload:
    return log_agents.agent(home(logs={"agent": name}), IMAGES)


def server(days: str = "14d") -> Workload:
    retention = {"metrics": "30d", "logs": days}
    return loki.server(home(retention=retention), (NODE,), IMAGES["loki"])


def file_of(workload: Workload) -> str:
    """The text of its one config file."""
    [files] = [one.volume for one in workload.containers[0].mounts if isinstance(one.volume, Files)]
    [text] = files.content.values()
    return text


# Loki.


@given(st.integers(1, 36_500))
def test_what_is_kept_is_what_is_taken_and_what_can_be_asked_for(days: int) -> None:
    limits = yaml.safe_load(loki.config(f"{days}d"))["limits_config"]
    kept = f"{days * 24}h"
    assert limits["retention_period"] == limits["reject_old_samples_max_age"] == limits["max_query_lookback"] == kept


@given(st.text(max_size=6).filter(lambda text: not re.fullmatch(r"0*[1-9][0-9]*d", text, re.A)))
def test_a_retention_that_is_not_whole_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no whole number of days"):
        loki.config(text)


def test_the_home_says_how_long_logs_are_kept() -> None:
    limits = yaml.safe_load(file_of(server("3w")))["limits_config"]
    assert limits["retention_period"] == "504h"


def leaves(node: Any) -> Iterator[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else None
    if inner is None:
        yield node
    else:
        for one in inner:
            yield from leaves(one)


def test_loki_writes_below_its_claim_and_retention_is_switched_on() -> None:
    settings = yaml.safe_load(file_of(server()))
    folders = [one for one in leaves(settings) if isinstance(one, str) and one.startswith("/")]
    assert len(folders) >= 5
    assert [one for one in folders if one != loki.DATA and not one.startswith(f"{loki.DATA}/")] == []
    compactor = settings["compactor"]
    assert (compactor["retention_enabled"], compactor["delete_request_store"]) == (True, "filesystem")
    assert settings["analytics"] == {"reporting_enabled": False}


def test_loki_is_one_process_that_asks_nobody_else() -> None:
    settings = yaml.safe_load(file_of(server()))
    assert settings["common"]["ring"] == {"kvstore": {"store": "inmemory"}}
    assert settings["common"]["replication_factor"] == 1
    assert settings["server"]["grpc_listen_address"] == settings["common"]["instance_addr"] == "127.0.0.1"
    workload = server()
    assert (workload.kind, workload.replicas, workload.talks_to, workload.ports) == (
        "StatefulSet",
        1,
        (),
        {"http": 3100},
    )


def megabytes(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(KB|MB|Mi|Gi)", text).groups()  # type: ignore[union-attr]
    return int(number) * {"KB": 1 / 1024, "MB": 1, "Mi": 1, "Gi": 1024}[unit]


def test_what_loki_may_hold_in_memory_fits_its_container() -> None:
    settings = yaml.safe_load(file_of(server()))
    caches = (
        settings["chunk_store_config"]["chunk_cache_config"]["embedded_cache"]["max_size_mb"]
        + settings["query_range"]["results_cache"]["cache"]["embedded_cache"]["max_size_mb"]
    )
    replayed = megabytes(settings["ingester"]["wal"]["replay_memory_ceiling"])
    limit = megabytes(server().containers[0].resources.memory_limit or "")
    # Half is left: for queries, and for what Go hasn't given back yet.
    assert caches + replayed <= limit / 2


def test_a_push_of_an_agent_fits_what_loki_takes_at_once() -> None:
    limits = yaml.safe_load(loki.config("14d"))["limits_config"]
    # Of both agents by default.
    batch = 1
    assert limits["ingestion_burst_size_mb"] > batch
    assert megabytes(limits["per_stream_rate_limit_burst"]) > batch
    assert megabytes(limits["max_line_size"]) * 1024**2 == log_agents.LONGEST_LINE


def test_loki_is_hardened_without_exception() -> None:
    workload = server()
    assert workload.deviations == {}
    pod = objects.pod_template(workload)
    assert violations(pod, "restricted") == []
    security = pod["spec"]["securityContext"]
    assert (security["runAsUser"], security["fsGroup"]) == (10001, 10001)
    assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


# The agents.


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_runs_on_every_machine_in_service_whatever_its_processor(agent: str) -> None:
    document = changed(
        config("homelab"),
        [
            {"path": "apps.monitoring.logs.agent", "set": agent},
            *({"path": f"nodes[{number}].state", "set": "ready"} for number in range(3)),
        ],
    )
    there = homes.load(document)
    assert {node.arch for node in there.nodes_in_service} == {"amd64", "arm64"}
    workload = log_agents.agent(there, IMAGES)
    assert (workload.name, workload.kind, workload.namespace) == (agent, "DaemonSet", names.NODE_AGENTS)
    assert workload.nodes == ("k3s-master", "k3s-gpu", "k3s-worker")
    assert workload.tolerations == ()


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_is_root_without_any_power_and_names_why(agent: str) -> None:
    workload = with_agent(agent)
    assert set(workload.deviations) == {Deviation.HOST_PATH, Deviation.ROOT_USER}
    assert workload.api_token is False
    pod = objects.pod_template(workload)
    assert pod["spec"]["automountServiceAccountToken"] is False
    [container] = pod["spec"]["containers"]
    security = container["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
    told = violations(pod, "baseline")
    assert told
    assert [one for one in told if not one.endswith("[HostPath Volumes]")] == []


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_reads_the_machine_and_writes_only_where_it_was(agent: str) -> None:
    mounts = [one for one in with_agent(agent).containers[0].mounts if isinstance(one.volume, HostPath)]
    assert {one.volume.path for one in mounts if one.read_only and isinstance(one.volume, HostPath)} == {
        "/var/log/pods",
        "/var/log/journal",
    }
    [kept] = [one for one in mounts if not one.read_only]
    assert kept.volume == HostPath(f"/var/lib/homebrain/{agent}", "DirectoryOrCreate")


def test_where_an_agent_was_is_kept_on_the_machine() -> None:
    alloy = with_agent("alloy").containers[0]
    assert [f"--storage.path={one.path}" in alloy.args for one in alloy.mounts].count(True) == 1
    assert [one.path for one in alloy.mounts if f"--storage.path={one.path}" in alloy.args and not one.read_only]
    promtail = with_agent("promtail")
    positions = yaml.safe_load(file_of(promtail))["positions"]["filename"]
    kept = [one.path for one in promtail.containers[0].mounts if positions.startswith(f"{one.path}/")]
    assert kept == [log_agents.promtail().positions]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_machine_without_a_journal_gets_an_empty_one(agent: str) -> None:
    """As WSL2 may be. A pod whose folder isn't there doesn't start, and Promtail doesn't without a journal."""
    [journal] = [one for one in with_agent(agent).containers[0].mounts if one.path == "/var/log/journal"]
    assert journal.volume == HostPath("/var/log/journal", "DirectoryOrCreate")


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_talks_to_loki_and_to_nobody_else_and_tells_metrics(agent: str) -> None:
    workload = with_agent(agent)
    assert workload.talks_to == (loki.FLOW,)
    assert [(one.port, one.path) for one in workload.metrics] == [("metrics", "/metrics")]
    assert READINGS[agent].url == "http://loki.monitoring.svc:3100/loki/api/v1/push"


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_waits_for_loki_without_end_and_is_back_soon(agent: str) -> None:
    # To both, zero is no limit.
    assert READINGS[agent].retries == 0
    assert READINGS[agent].pause == "1m"


@pytest.mark.parametrize("agent", AGENTS)
def test_an_agent_says_which_machine_it_is_on(agent: str) -> None:
    container = with_agent(agent).containers[0]
    assert container.env == {"NODE_NAME": PodField("spec.nodeName")}
    if agent == "promtail":
        assert "-client.external-labels=node=$(NODE_NAME)" in container.args


def test_a_home_without_monitoring_has_neither() -> None:
    without = homes.load(changed(config("homelab"), [{"path": "apps.monitoring", "remove": True}]))
    with pytest.raises(ValueError, match="no monitoring"):
        loki.server(without, (), IMAGES["loki"])
    with pytest.raises(ValueError, match="no monitoring"):
        log_agents.agent(without, IMAGES)


# What becomes of a line.

LABEL = st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\Z")
POD = st.lists(LABEL, min_size=1, max_size=3).map(".".join)
UID = st.uuids().map(str) | st.from_regex(r"\A[0-9a-f]{32}\Z")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=60)
TIME = "2026-11-26T02:11:45.123456789Z"


def path(namespace: str, pod: str, uid: str, container: str, number: int = 0) -> str:
    return f"/var/log/pods/{namespace}_{pod}_{uid}/{container}/{number}.log"


@given(LABEL, POD, UID, LABEL, st.integers(0, 9), st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), TEXT)))
def test_both_agents_send_every_line_as_it_is_with_the_labels_of_its_pod(
    namespace: str, pod: str, uid: str, container: str, restarts: int, written: list[tuple[str, str]]
) -> None:
    lines = [f"{TIME} {stream} F {line}" for stream, line in written]
    by_alloy, by_promtail = (
        READINGS[agent].entries(path(namespace, pod, uid, container, restarts), lines, NODE) for agent in AGENTS
    )
    assert by_alloy == by_promtail
    assert [(one.time, one.line) for one in by_alloy] == [(TIME, line) for _, line in written]
    for one in by_alloy:
        app = one.labels["app"]
        assert pod.startswith(app)
        assert one.labels == {
            "job": "pods", "namespace": namespace, "pod": pod, "container": container, "app": app, "node": NODE,
        }  # fmt: skip


@pytest.mark.parametrize("agent", AGENTS)
def test_a_line_of_json_stays_as_it_was_written(agent: str) -> None:
    line = json.dumps({"level": "error", "context": "Bootstrap", "message": 'a "quoted" name\nand more'})
    [entry] = READINGS[agent].entries(
        path("photos", "immich-server-0", "u", "server"), [f"{TIME} stdout F {line}"], NODE
    )
    assert entry.line == line
    # Loki finds the level; as a label it would cut each stream in five.
    assert "level" not in entry.labels


@pytest.mark.parametrize("agent", AGENTS)
def test_a_line_that_the_runtime_wrote_in_pieces_is_put_together_and_cut_where_loki_would(agent: str) -> None:
    piece = "x" * 16384
    lines = [*[f"{TIME} stdout P {piece}"] * 3, f"{TIME} stdout F end", f"{TIME} stdout F next"]
    read = READINGS[agent]
    here = path("media", "jellyfin-756dbd8dcc-df2gc", "u", "jellyfin")
    assert [one.line for one in read.entries(here, lines, NODE)] == [piece * 3 + "end", "next"]
    endless = [*[f"{TIME} stdout P {piece}"] * 40, f"{TIME} stdout F end"]
    [cut] = read.entries(here, endless, NODE)
    assert len(cut.line) == log_agents.LONGEST_LINE


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    "other",
    [
        # Rotated away: it has been read under its first name.
        "/var/log/pods/media_jellyfin-0_u/jellyfin/0.log.20261126-021145",
        "/var/log/pods/media_jellyfin-0_u/jellyfin/0.log.20261126-021145.gz",
        "/var/log/auth.log",
        "/var/log/pods/media_jellyfin-0_u/0.log",
    ],
)
def test_no_other_file_is_read(agent: str, other: str) -> None:
    assert READINGS[agent].entries(other, [f"{TIME} stdout F line"], NODE) == []


def app_of(pod: str) -> str:
    found = {
        READINGS[agent].entries(path("n", pod, "u", "c"), [f"{TIME} stdout F x"], NODE)[0].labels["app"]
        for agent in AGENTS
    }
    [app] = found
    return app


RANDOM = st.text("bcdfghjklmnpqrstvwxz2456789", min_size=5, max_size=5)
# A hash of 32 bits as a decimal number, in the letters of the random part; small ones are short, and rare.
REPLICA_SET = st.integers(10**5, 2**32 - 1).map(
    lambda number: "".join("bcdfghjklmnpqrstvwxz2456789"[ord(digit) % 27] for digit in str(number))
)
MINUTES = st.integers(20_000_000, 40_000_000).map(str)


def kinds() -> dict[str, str]:
    """The kind of each workload of the home, by name."""
    rooms = plan(home(), IMAGES).workloads.values()
    every = [*(one for room in rooms for one in room), server(), *map(with_agent, AGENTS)]
    return {one.name: one.kind for one in every}


@pytest.mark.parametrize(("name", "kind"), kinds().items())
@given(data=st.data())
def test_each_workload_of_the_home_is_known_by_its_own_name(name: str, kind: str, data: st.DataObject) -> None:
    match kind:
        case "Deployment":
            suffix = f"{data.draw(REPLICA_SET)}-{data.draw(RANDOM)}"
        case "DaemonSet":
            suffix = data.draw(RANDOM)
        case "StatefulSet":
            suffix = str(data.draw(st.integers(0, 9)))
        case _:
            raise AssertionError(kind)
    assert app_of(f"{name}-{suffix}") == name


@given(st.lists(st.sampled_from(["backup", "photos", "db", "nas", "nightly"]), min_size=1), MINUTES, RANDOM)
def test_a_pod_of_a_cron_job_is_known_by_the_cron_jobs_name(words: list[str], minutes: str, random: str) -> None:
    name = "-".join(words)
    assert app_of(f"{name}-{minutes}-{random}") == name


@given(LABEL)
def test_a_pod_without_a_controller_has_an_app_as_well(pod: str) -> None:
    app = app_of(pod)
    assert app
    assert pod.startswith(app)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"_SYSTEMD_UNIT": "k3s.service", "PRIORITY_keyword": "info"}, {"unit": "k3s.service", "level": "info"}),
        ({"_SYSTEMD_UNIT": "user@1000.service"}, {"unit": "user@1000.service"}),
        # Names that never come again would each be a stream of its own.
        ({"_SYSTEMD_UNIT": "session-1042.scope", "PRIORITY_keyword": "notice"}, {"level": "notice"}),
        ({"_SYSTEMD_UNIT": "cri-containerd-4f1c.scope"}, {}),
        ({"_TRANSPORT": "kernel", "PRIORITY_keyword": "error"}, {"unit": "kernel", "level": "error"}),
        ({"MESSAGE": "unit=x.service"}, {}),
    ],
)
def test_the_journal_is_labelled_by_unit_and_level(agent: str, fields: dict[str, str], labels: dict[str, str]) -> None:
    assert READINGS[agent].journal(fields, NODE) == {"job": "journal", "node": NODE, **labels}


def test_both_agents_read_the_same_in_the_same_way() -> None:
    alloy, promtail = (READINGS[agent] for agent in AGENTS)
    assert alloy == promtail
    assert isinstance(alloy, Reading)


# How it fits the rest.


def rendered(agent: str) -> list[dict[str, Any]]:
    """Loki, an agent and what they stand on, as objects."""
    workloads = (server(), with_agent(agent))
    found: list[dict[str, Any]] = [retaining_storage_class(), *priority_classes(), *network_policies(workloads)]
    claim = volumes.local_claim(loki.CLAIM, "20Gi", names.STORAGE_CLASS_RETAINING)
    claim["metadata"]["namespace"] = names.MONITORING
    found.append(claim)
    for name in (names.MONITORING, names.NODE_AGENTS):
        found += [namespace(name, "privileged"), default_deny(name)]
    for workload in workloads:
        mine = [
            objects.service_account(workload),
            objects.controller(workload),
            objects.service(workload),
            *objects.config_maps(workload),
        ]
        for one in mine:
            assert one is not None
            one["metadata"]["namespace"] = workload.namespace
            found.append(one)
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


@pytest.mark.parametrize("agent", AGENTS)
def test_what_is_rendered_is_what_loki_and_the_agents_take(agent: str) -> None:
    assert [str(one) for one in references.problems(rendered(agent))] == []


@pytest.mark.parametrize(
    ("agent", "file", "right", "wrong"),
    [
        ("alloy", "loki-config", "retention_period", "retention_perriod"),
        ("alloy", "loki-config", "delete_request_store: filesystem\n", "delete_request_store: s3\n"),
        ("alloy", "loki-config", "period: 24h", "period: 168h"),
        ("alloy", "loki-config", "chunks_directory: /loki/chunks", "chunks_directory: /tmp/chunks"),
        ("promtail", "promtail-config", "max_age: 24h", "maxage: 24h"),
        ("promtail", "promtail-config", "__path__: /var/log/pods", "__path__: /var/log/containers"),
        ("promtail", "promtail-config", "filename: /var/lib/promtail", "filename: /tmp"),
    ],
)
def test_a_wrong_setting_is_told(agent: str, file: str, right: str, wrong: str) -> None:
    everything = rendered(agent)
    [holder] = [one for one in everything if one["kind"] == "ConfigMap" and one["metadata"]["name"] == file]
    [(key, text)] = holder["data"].items()
    assert right in text
    holder["data"][key] = text.replace(right, wrong)
    assert references.problems(everything)
