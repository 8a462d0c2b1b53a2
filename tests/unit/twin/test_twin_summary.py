"""What a person is told of the cluster."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from twin import summary
from twin.api import Manifest
from twin.summary import Snapshot

UNPLACED = (
    "0/3 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }, "
    "2 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling."
)


def node(name: str, ready: str = "True", slices: str | None = None, **labels: str) -> Manifest:
    allocatable = {"cpu": "12", "memory": "32256Mi"}
    annotations = {}
    if slices is not None:
        allocatable["nvidia.com/gpu"] = slices
        annotations["twin.homebrain.io/gpu"] = json.dumps({"model": "GTX 1650", "count": 1})
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": annotations},
        "status": {
            "allocatable": allocatable,
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"kubeletVersion": "v1.33.6+k3s1", "architecture": "amd64", "osImage": "Ubuntu"},
        },
    }


def pod(name: str, on: str = "", phase: str = "Running", slices: int = 0, **fields: Any) -> Manifest:
    requests = {"cpu": "250m", "memory": "1Gi", **({"nvidia.com/gpu": str(slices)} if slices else {})}
    ready = "True" if phase == "Running" else "False"
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": fields.get("namespace", "media"),
            "uid": name,
            **fields.get("meta", {}),
        },
        "spec": {"nodeName": on, "containers": [{"name": "app", "resources": {"requests": requests}}]},
        "status": {
            "phase": phase,
            "conditions": fields.get("conditions", [{"type": "Ready", "status": ready}]),
            **fields.get("status", {}),
        },
    }


def unplaced(name: str, message: str = UNPLACED) -> Manifest:
    conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]
    return pod(name, phase="Pending", slices=1, conditions=conditions)


def waiting(name: str, on: str, reason: str, message: str) -> Manifest:
    state = {"waiting": {"reason": reason, "message": message}}
    return pod(name, on, "Pending", status={"containerStatuses": [{"name": "app", "state": state}]})


MASTER = node("k3s-master", slices="4", **{"node-role.kubernetes.io/control-plane": "true"})
GPU = node("k3s-gpu", slices="0")
WORKER = node("a-worker", ready="Unknown")
FOUR = tuple(pod(f"user-{number}", "k3s-master", slices=1) for number in range(4))
LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def test_nodes_are_shown_with_what_is_requested_of_them() -> None:
    ended = pod("ended", "k3s-master", "Succeeded", slices=1)
    rows = summary.node_rows(Snapshot(nodes=[WORKER, GPU, MASTER], pods=[*FOUR[:2], ended]))
    assert [row.name for row in rows] == ["k3s-master", "a-worker", "k3s-gpu"], "servers first"
    assert (rows[0].state, rows[0].cpu, rows[0].memory) == ("ready", "0.50 of 12", "2.0 of 31.5 Gi")
    assert [row.slices for row in rows] == ["2 of 4", "", "none"]
    assert rows[1].state == "unknown"
    assert [row.gpu for row in rows] == ["GTX 1650", "", "GTX 1650"]


def test_what_a_pod_asks_is_counted_as_the_scheduler_counts_it() -> None:
    asking = pod("asking", "k3s-master")
    asking["spec"]["initContainers"] = [
        {"name": "once", "resources": {"requests": {"cpu": "2"}}},
        {"name": "beside", "restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
    ]
    (row,) = summary.node_rows(Snapshot(nodes=[MASTER], pods=[asking]))
    assert row.cpu == "2.00 of 12"


@pytest.mark.parametrize(
    ("shown", "state", "runs"),
    [
        (pod("a", "n"), "running", True),
        (pod("a", "n", "Succeeded"), "completed", True),
        (pod("a", phase="Pending"), "pending", False),
        (pod("a", "n", conditions=[]), "running, not ready", False),
        (pod("a", "n", meta=LEAVING), "leaving", False),
        (waiting("a", "n", "CrashLoopBackOff", "x"), "CrashLoopBackOff", False),
    ],
)
def test_a_pod_is_shown_as_it_is(shown: Manifest, state: str, runs: bool) -> None:
    (row,) = summary.pod_rows(Snapshot(pods=[shown]))
    assert (row.state, row.runs) == (state, runs)


def test_the_homes_own_pods_come_before_those_of_the_system() -> None:
    system = pod("coredns", "n", namespace="kube-system")
    rows = summary.pod_rows(Snapshot(pods=[system, pod("z", "n"), pod("b", "n", namespace="api")]))
    assert [row.name for row in rows] == ["b", "z", "coredns"]


def test_a_fifth_slice_waits_and_is_told_who_has_the_four() -> None:
    (trouble,) = summary.troubles(Snapshot(nodes=[MASTER, GPU, WORKER], pods=[*FOUR, unplaced("fifth")]))
    assert trouble.what == "Pod media/fifth"
    assert trouble.why == (
        "no node takes it: 1 had an unreachable kubelet, 2 Insufficient nvidia.com/gpu "
        "(k3s-master: 4 of 4 slices taken)"
    )


def test_when_nothing_offers_slices_the_device_plugin_is_asked_for() -> None:
    (trouble,) = summary.troubles(Snapshot(nodes=[GPU], pods=[unplaced("first")]))
    assert "does a device plugin run?" in trouble.why


def test_a_reason_that_is_no_shortage_is_told_as_it_is() -> None:
    assert summary.why_unplaced('persistentvolumeclaim "x" not found') == 'persistentvolumeclaim "x" not found'


def test_a_pod_on_a_silent_node_is_explained_by_the_node() -> None:
    stuck, left = pod("stuck", "a-worker", meta=LEAVING), pod("left", "a-worker", phase="Pending")
    whys = {trouble.what: trouble.why for trouble in summary.troubles(Snapshot(nodes=[WORKER], pods=[stuck, left]))}
    assert whys["Pod media/stuck"] == "can't be told to stop: a-worker doesn't answer"
    assert whys["Pod media/left"].endswith("a-worker doesn't answer")


def test_pods_that_run_end_well_or_leave_are_no_trouble() -> None:
    fine = [pod("a", "k3s-master"), pod("b", "k3s-master", "Succeeded"), pod("c", "k3s-master", meta=LEAVING)]
    assert summary.troubles(Snapshot(nodes=[MASTER], pods=fine)) == []


REFUSAL = 'pods "x-1" is forbidden: violates PodSecurity "restricted:latest": privileged (container "app" must not …)'
REASON = 'refused: violates PodSecurity "restricted:latest": privileged (container "app" must not …)'


def maker(kind: str, spec: Manifest, status: Manifest, **meta: Any) -> Manifest:
    return {
        "kind": kind,
        "metadata": {"name": "x", "namespace": "room", "uid": kind, **meta},
        "spec": spec,
        "status": status,
    }


def event(about: str, message: str, reason: str = "FailedCreate", when: str = "2026-01-01T00:00:00Z") -> Manifest:
    return {"involvedObject": {"uid": about}, "reason": reason, "message": message, "lastTimestamp": when}


def test_a_refused_pod_of_a_deployment_is_told_under_the_deployments_name() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": REFUSAL}
    owner = [{"kind": "Deployment", "name": "jellyfin"}]
    replicas = maker("ReplicaSet", {"replicas": 1}, {"replicas": 0, "conditions": [condition]}, ownerReferences=owner)
    (trouble,) = summary.troubles(Snapshot(replica_sets=[replicas]))
    assert (trouble.what, trouble.why) == ("Deployment room/jellyfin", REASON)


@pytest.mark.parametrize(
    ("field", "refused", "message"),
    [
        (
            "stateful_sets",
            maker("StatefulSet", {"replicas": 1}, {"replicas": 0}),
            f"create Pod x-0 in StatefulSet x failed error: {REFUSAL}",
        ),
        (
            "daemon_sets",
            maker("DaemonSet", {}, {"desiredNumberScheduled": 2, "currentNumberScheduled": 1}),
            f"Error creating: {REFUSAL}",
        ),
        ("jobs", maker("Job", {}, {}), f"Error creating: {REFUSAL}"),
    ],
)
def test_other_makers_of_pods_are_told_by_their_last_event(field: str, refused: Manifest, message: str) -> None:
    events = [event(refused["kind"], "older", when="2025-01-01T00:00:00Z"), event(refused["kind"], message)]
    (trouble,) = summary.troubles(Snapshot(**{field: [refused]}, events=events))
    assert trouble.why == REASON


def test_a_refusal_that_was_overcome_is_history() -> None:
    done = maker("DaemonSet", {}, {"desiredNumberScheduled": 2, "currentNumberScheduled": 2})
    assert summary.troubles(Snapshot(daemon_sets=[done], events=[event("DaemonSet", REFUSAL)])) == []


def claim(phase: str, volume: str | None = None) -> Manifest:
    spec: Manifest = {"storageClassName": "local-path", "resources": {"requests": {"storage": "10Gi"}}}
    if volume:
        spec["volumeName"] = volume
    metadata = {"name": "config", "namespace": "media", "uid": "claim"}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": {"phase": phase}}


def volume(policy: str, phase: str = "Bound") -> Manifest:
    expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["k3s-master"]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}
    reference = {"namespace": "media", "name": "config"}
    spec = {"persistentVolumeReclaimPolicy": policy, "capacity": {"storage": "10Gi"}, "claimRef": reference}
    return {"metadata": {"name": "v"}, "spec": {**spec, "nodeAffinity": affinity}, "status": {"phase": phase}}


def test_volumes_are_shown_with_where_they_are_and_whether_they_last() -> None:
    kept = summary.volume_rows(Snapshot(claims=[claim("Bound", "v")], volumes=[volume("Retain")]))
    assert [(row.claim, row.state) for row in kept] == [("media/config", "on k3s-master, kept")]
    (left,) = summary.volume_rows(Snapshot(volumes=[volume("Retain", "Released")]))
    assert (left.claim, left.state) == ("media/config", "released, on k3s-master, kept")
    (going,) = summary.volume_rows(Snapshot(claims=[claim("Bound", "v")], volumes=[volume("Delete")]))
    assert going.state == "on k3s-master, deleted"


def test_a_claim_without_a_volume_says_what_it_waits_for() -> None:
    told = event("claim", "waiting for first consumer to be created before binding", reason="WaitForFirstConsumer")
    (trouble,) = summary.troubles(Snapshot(claims=[claim("Pending")], events=[told]))
    assert trouble.why == "waiting for first consumer to be created before binding"
    assert summary.volume_rows(Snapshot(claims=[claim("Pending")]))[0].state == "waits"


def test_what_to_try_next_depends_on_what_is_there() -> None:
    empty = [command for command, _ in summary.suggestions(Snapshot(nodes=[MASTER, WORKER]), summary.Commands())]
    assert empty == ["make up", "kubectl get pods -A", "python -m twin node a-worker ready"]
    full = [command for command, _ in summary.suggestions(Snapshot(nodes=[MASTER], pods=FOUR), summary.Commands())]
    assert "python -m twin node k3s-master unknown" in full
    assert "make up" not in full


def test_everything_is_shown_on_one_page() -> None:
    snapshot = Snapshot(
        nodes=[MASTER, GPU, WORKER],
        pods=[*FOUR, unplaced("fifth")],
        claims=[claim("Bound", "v")],
        volumes=[volume("Retain")],
    )
    page = io.StringIO()
    summary.show(Console(file=page, width=160), snapshot, summary.Commands(), "The home fits.")
    for expected in (
        "Nodes",
        "The home fits.",
        "4 of 4",
        "unknown",
        "user-3",
        "Pod media/fifth",
        "media/config",
        "make preview",
    ):
        assert expected in page.getvalue()
