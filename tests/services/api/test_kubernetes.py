"""What the Kubernetes adapter makes of a cluster."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.adapters import Kubernetes
from brain.adapters.kubernetes import MOST_PAGES, quantity
from brain.adapters.service import Nothing, Paged
from brain.verdict import Verdict
from tests.services.api.clusters import OLD, YOUNG, Cluster, claim, deployment, node, pod, waiting
from tests.services.api.standins import Recorded, asking, now

pytestmark = pytest.mark.anyio


async def test_a_cluster_that_is_well_tells_of_its_machines_and_gpu_slices() -> None:
    cluster = Cluster(
        nodes=[node("two"), node("one", gpus=4, model="GTX-1650")],
        pods=[
            pod("immich", gpus=1),
            pod("jellyfin", gpus=1),
            pod("done", phase="Succeeded", gpus=1),
            pod("waits", phase="Pending", on=None, gpus=1, created=YOUNG),
        ],
        persistentvolumeclaims=[claim("data")],
        deployments=[deployment("immich")],
    )
    report = await cluster.adapter.look()
    assert (report.verdict, report.reasons) == (Verdict.HEALTHY, ())
    assert report.facts["version"] == "v1.33.6+k3s1"
    assert report.facts["gpus"] == [
        {
            "node": "one",
            "model": "GTX-1650",
            "slices": 4,
            "used": 2,
            "by": [{"namespace": "apps", "pod": name, "slices": 1} for name in ("immich", "jellyfin")],
        }
    ]
    assert report.facts["pods"] == {"running": 2, "troubled": []}
    assert report.facts["deployments"] == {"ready": 1, "all": 1}
    assert report.facts["volumes"] == [
        {"namespace": "apps", "name": "data", "phase": "Bound", "size_bytes": 10 * 1024**3}
    ]
    assert [(one["name"], one["cpus"], one["memory_bytes"]) for one in report.facts["nodes"]] == [
        ("two", 12.0, 32 * 1024**3),
        ("one", 12.0, 32 * 1024**3),
    ]


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (node("one", ready="False"), "one isn't ready."),
        (node("one", ready="Unknown"), "one doesn't answer any more."),
        (node("one", DiskPressure="True"), "one runs out of disk space."),
        (node("one", MemoryPressure="True"), "one runs out of memory."),
        ({**node("one"), "spec": {"unschedulable": True}}, "one takes no new pods: it is cordoned."),
    ],
)
async def test_a_machine_in_trouble_is_told_of(one: dict[str, Any], words: str) -> None:
    report = await Cluster(nodes=[one]).adapter.look()
    assert (report.verdict, report.reasons) == (Verdict.DEGRADED, (words,))


UNSCHEDULABLE = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (pod("a", **waiting("CrashLoopBackOff")), "CrashLoopBackOff"),
        (pod("a", phase="Pending", **waiting("ImagePullBackOff")), "ImagePullBackOff"),
        (pod("a", phase="Pending", on=None, containerStatuses=None, **UNSCHEDULABLE), "Unschedulable"),
        (pod("a", phase="Failed", reason="Evicted"), "Evicted"),
        (pod("a", phase="Pending"), "Pending"),
        (pod("a", containerStatuses=[{"name": "main", "ready": False}]), "main isn't ready"),
        (pod("a", initContainerStatuses=[{"name": "b", "state": {"waiting": {"reason": "Oops"}}}]), "Oops"),
    ],
)
async def test_a_pod_that_doesn_t_run_is_told_of_with_why(one: dict[str, Any], why: str) -> None:
    cluster = Cluster(pods=[pod("well"), one])
    report = await cluster.adapter.look()
    assert (report.verdict, report.reasons) == (Verdict.DEGRADED, (f"The pod apps/a doesn't run: {why}.",))
    assert [one.reason for one in (await cluster.adapter.troubled_pods(Paged())).items] == [why]


@pytest.mark.parametrize(
    "one",
    [
        pod("a", phase="Pending", created=YOUNG),
        pod("a", phase="Succeeded"),
        {**pod("a", phase="Pending"), "metadata": {"name": "a", "creationTimestamp": OLD, "deletionTimestamp": OLD}},
    ],
    ids=["young", "ended well", "leaving"],
)
async def test_a_pod_that_settles_ends_or_leaves_is_no_trouble(one: dict[str, Any]) -> None:
    assert (await Cluster(pods=[one]).adapter.look()).verdict is Verdict.HEALTHY


async def test_many_pods_in_trouble_are_counted_not_listed() -> None:
    report = await Cluster(pods=[pod(f"p{one}", phase="Failed") for one in range(40)]).adapter.look()
    assert len(report.reasons) == 6
    assert report.reasons[-1] == "Nor do 35 more pods."
    assert len(report.facts["pods"]["troubled"]) == 40


async def test_a_lost_volume_and_a_deployment_without_pods_are_told_of() -> None:
    cluster = Cluster(
        persistentvolumeclaims=[claim("gone", "Lost"), claim("unused", "Pending")],
        deployments=[
            deployment("a", ready=None),
            deployment("off", wanted=0, ready=None),
            deployment("b", ready=None, created=YOUNG),
        ],
    )
    report = await cluster.adapter.look()
    assert report.reasons == ("The volume of apps/gone is lost.", "Nothing of apps/a is ready.")


async def test_a_list_in_parts_is_read_to_its_end() -> None:
    cluster = Cluster(pods=[pod(f"p{one:03}", phase="Failed") for one in range(7)])
    cluster.at_once = 2
    asked = Recorded(cluster.application)
    found = await Kubernetes(asking(asked), now=now).troubled_pods(Paged())
    assert [one.name for one in found.items] == [f"p{one:03}" for one in range(7)]
    assert len(asked.requests) == 4


async def test_a_list_that_never_ends_is_given_up() -> None:
    cluster = Cluster()
    cluster.never_ends = True
    asked = Recorded(cluster.application)
    await Kubernetes(asking(asked), now=now).nodes(Paged())
    assert len(asked.requests) == MOST_PAGES


async def test_a_cluster_of_another_age_is_unsupported() -> None:
    cluster = Cluster()
    cluster.version = "v2.0.0"
    assert (await cluster.adapter.look()).verdict is Verdict.UNSUPPORTED


async def test_only_operators_ask_for_details_and_no_guest_sees_any() -> None:
    adapter = Cluster().adapter
    assert "guest" not in adapter.roles
    assert {role for call in adapter.calls.values() for role in call.roles} == {"owner", "program"}
    assert set(adapter.calls) == {f"infrastructure.{one}" for one in ("nodes", "pods", "gpus", "volumes")}
    assert (await adapter.gpus(Nothing())).gpus == ()
    assert [one.name for one in (await adapter.nodes(Paged())).items] == ["one"]
    assert (await adapter.volumes(Paged())).items == ()


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("12", 12),
        ("500m", Decimal("0.5")),
        ("32Gi", 32 * 1024**3),
        ("1900G", 1900 * 10**9),
        ("1.5Ki", 1536),
        ("", 0),
        ("much", 0),
    ],
)
def test_quantities(text: str, worth: float) -> None:
    assert quantity(text) == worth


@given(st.text(max_size=20))
def test_no_text_is_a_quantity_that_breaks_it(text: str) -> None:
    assert quantity(text) >= 0
