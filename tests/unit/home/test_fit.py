"""What fits into a home, what doesn't, and how that is said."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from components.demands import controllers
from components.plan import plan
from home import fit
from home.__main__ import main
from home.fit.demands import Requirement, Toleration
from home.fit.weighing import size
from home.nodes import Taint
from tests.homes import GOOD, ROOT, changed, config
from twin import nodes

MI, GI = 2**20, 2**30


def small(*changes: dict[str, Any]) -> home.Home:
    return home.load(changed(config(), list(changes)))


def objects(of: home.Home) -> list[dict[str, Any]]:
    return controllers(plan(of, home.versions.load()).workloads)


def deployment(name: str, cpu: str = "100m", memory: str = "100Mi", replicas: int = 1, **pod: Any) -> dict[str, Any]:
    container = {"name": "it", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    return {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "rooms"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container], **pod}}},
    }


def on(node: str) -> dict[str, Any]:
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def weighed(of: home.Home, *wanted: dict[str, Any]) -> fit.Fit:
    return fit.weigh(of, fit.demands_of(wanted))


def only(found: fit.Fit) -> str:
    (one,) = found.unplaced
    return one.why


def test_the_homelab_fits_in_every_order() -> None:
    here = home.load_file(GOOD["homelab"])
    found = fit.require(here, fit.demands_of(objects(here)))
    assert found.verdict == "always"
    assert not found.unplaced


def test_three_of_the_four_slices_are_asked_for() -> None:
    here = home.load_file(GOOD["homelab"])
    slices = fit.weigh(here, fit.demands_of(objects(here))).node("k3s-master").slices
    assert slices is not None
    assert (slices.requested, slices.there, slices.free) == (3, 4, 1)


def test_the_memory_of_a_card_is_less_by_each_process_that_uses_it() -> None:
    here = home.load_file(GOOD["homelab"])
    master, gaming = (fit.weigh(here, ()).node(name) for name in ("k3s-master", "k3s-gpu"))
    assert master.vram is not None
    assert gaming.vram is not None
    assert (master.vram.requested, master.contexts) == (3072 * MI + 3 * 150 * MI, 3 * 150 * MI)
    assert gaming.vram.free == 8 * GI - 6 * GI - 3 * 150 * MI
    assert gaming.slices is None


def test_a_node_gives_pods_what_the_twins_node_gives_them() -> None:
    here = home.load_file(GOOD["homelab"])
    assert (fit.RESERVED_MEMORY_BYTES, fit.PODS_PER_NODE) == (nodes.RESERVED_MEMORY_BYTES, nodes.PODS_PER_NODE)
    for node in here.nodes:
        status = nodes.status(node, "192.0.2.1")["status"]
        assert status["allocatable"]["memory"] == f"{fit.allocatable_memory(node) // 1024}Ki"


def test_a_node_out_of_service_takes_nothing() -> None:
    here = home.load_file(GOOD["homelab"])
    found = weighed(here, deployment("llm", **on("k3s-worker")))
    assert found.verdict == "never"
    assert only(found) == "rooms/llm can run nowhere: k3s-worker is out of service (state: unknown)"


def test_pods_for_another_architecture_have_no_node_where_that_one_is_away() -> None:
    here = home.load_file(GOOD["homelab"])
    found = weighed(here, deployment("arm", nodeSelector={"kubernetes.io/arch": "arm64"}))
    assert only(found) == (
        "rooms/arm can run nowhere: k3s-master is amd64; k3s-gpu is amd64; k3s-worker is out of service "
        "(state: unknown)"
    )


def test_a_taint_keeps_off_all_but_those_that_tolerate_it() -> None:
    tainted = small({"path": "nodes[0].taints", "set": [{"key": "photos", "value": "only", "effect": "NoSchedule"}]})
    toleration = [{"key": "photos", "value": "only", "effect": "NoSchedule"}]
    assert weighed(tainted, deployment("cache", **on("attic"), tolerations=toleration)).verdict == "always"
    assert only(weighed(tainted, deployment("cache", **on("attic")))) == (
        "rooms/cache can run nowhere: attic has the taint photos=only:NoSchedule, which it doesn't tolerate"
    )


def test_a_taint_that_only_prefers_keeps_nothing_off() -> None:
    tainted = small({"path": "nodes[0].taints", "set": [{"key": "photos", "effect": "PreferNoSchedule"}]})
    assert weighed(tainted, deployment("cache", **on("attic"))).verdict == "always"


def test_a_pod_larger_than_every_node_says_what_each_has() -> None:
    assert only(weighed(small(), deployment("huge", memory="40Gi"))) == (
        "rooms/huge can run nowhere: it asks for 40Gi of memory, but attic has 15.5Gi, cellar has 7.5Gi and shed has "
        "3.5Gi"
    )


def test_pods_that_are_too_much_for_the_node_they_name_are_counted_out() -> None:
    found = weighed(small(), *(deployment(name, memory="3Gi", **on("shed")) for name in ("one", "two")))
    assert found.verdict == "never"
    assert found.unplaced[0].path == "nodes[2].memory"
    assert only(found) == (
        "shed has 3.5Gi of memory for pods, but those that can run nowhere else ask for 6Gi of memory: rooms/one 3Gi "
        "and rooms/two 3Gi; move one of their apps to another node, or give shed more"
    )
    assert found.node("shed").memory.free < 0


def test_pods_that_fit_alone_but_not_together_are_named() -> None:
    found = weighed(small(), *(deployment(f"large-{at}", memory="6Gi") for at in range(4)))
    assert found.verdict == "never"
    assert "there is no way to place all 7 of them" in only(found)
    assert "rooms/large-3" in only(found)


def test_pods_that_may_take_each_others_place_depend_on_the_order() -> None:
    wanted = deployment("picky", cpu="1500m", **on("shed")), deployment("roaming", cpu="1")
    found = weighed(small(), *wanted)
    assert found.verdict == "depends on order"
    assert only(found) == (
        "rooms/picky may find no room: once rooms/roaming on shed is placed, shed has 1 CPU left of the 1500m that it "
        "asks for; let the app of one of them name its node"
    )
    assert fit.require(small(), fit.demands_of(wanted)).verdict == "depends on order"


def test_what_could_not_be_tried_is_undecided_and_never_called_certain() -> None:
    wanted = fit.demands_of(deployment(f"pod-{at}", cpu=f"{700 + at * 13}m") for at in range(16))
    found = fit.weigh(small(), wanted, steps=5)
    assert found.verdict == "undecided"
    assert found.unplaced


def test_a_spread_that_is_not_simulated_is_never_called_certain() -> None:
    spread = [{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}]
    found = weighed(small(), deployment("spread", topologySpreadConstraints=spread))
    assert found.verdict == "undecided"
    assert only(found) == "rooms/spread sets topologySpreadConstraints, which is not weighed here"
    lenient = [{**spread[0], "whenUnsatisfiable": "ScheduleAnyway"}]
    assert weighed(small(), deployment("spread", topologySpreadConstraints=lenient)).verdict == "always"


def test_slices_are_for_those_that_ask_first_and_no_pod_gets_two() -> None:
    def asking(count: int, **pod: Any) -> dict[str, Any]:
        wanted = deployment("cuda", **pod)
        resources = wanted["spec"]["template"]["spec"]["containers"][0]["resources"]
        resources["limits"] = {"nvidia.com/gpu": str(count)}
        return wanted

    assert weighed(small(), asking(1)).verdict == "always"
    assert "it asks for 2 slices at once, but attic gives a container one of its time-sliced card" in only(
        weighed(small(), asking(2))
    )
    assert "it asks for 5 slices, but attic has 4, cellar has none and shed has none" in only(
        weighed(small(), asking(5))
    )
    assert "it asks for 1 slice, but shed has none" in only(weighed(small(), asking(1, **on("shed"))))


def test_a_daemon_set_needs_room_on_every_node_that_admits_it() -> None:
    daemon = {**deployment("agent", memory="5Gi"), "kind": "DaemonSet"}
    assert only(weighed(small(), daemon)) == (
        "rooms/agent has no room on shed: it asks for 5Gi of memory, but shed has 3.5Gi"
    )
    elsewhere = {**deployment("agent", memory="5Gi", nodeSelector={"kubernetes.io/arch": "amd64"}), "kind": "DaemonSet"}
    found = weighed(small(), elsewhere)
    assert found.verdict == "always"
    assert found.node("attic").pods_here == ("rooms/agent on attic",)
    assert found.node("shed").pods_here == ()


def test_a_home_that_cannot_fit_is_refused_with_the_place_to_mend() -> None:
    wanted = fit.demands_of([deployment("huge", cpu="9", **on("shed")), deployment("far", **on("roof"))])
    with pytest.raises(home.HomeError) as caught:
        fit.require(small(), wanted)
    assert str(caught.value).splitlines() == [
        "rooms/huge can run nowhere: it asks for 9 CPU, but shed has 2",
        'rooms/far can run nowhere: there is no node "roof"',
    ]


def test_k3s_own_pods_are_counted_once() -> None:
    assert [one.full_name for one in fit.demands_of([])] == [one.full_name for one in fit.K3S]
    cluster_has = {**deployment("coredns", cpu="200m"), "metadata": {"name": "coredns", "namespace": "kube-system"}}
    found = [one for one in fit.demands_of([cluster_has]) if one.name == "coredns"]
    assert [one.cpu for one in found] == [200]


def test_a_pod_asks_for_its_containers_or_its_largest_step_before_them() -> None:
    def container(cpu: str, **more: Any) -> dict[str, Any]:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    pod = {
        "initContainers": [container("300m", restartPolicy="Always"), container("2")],
        "containers": [container("500m"), {"resources": {"limits": {"cpu": "250m", "memory": "1Gi"}}}],
    }
    owner = {"kind": "Pod", "metadata": {"name": "it", "namespace": "rooms"}, "spec": pod}
    demand = fit.demands_of([owner])[0]
    assert (demand.cpu, demand.memory) == (2300, GI)
    assert (demand.cpu_limit, demand.memory_limit) == (None, None)


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        ({"kind": "Deployment", "spec": {"replicas": 0}}, 0),
        ({"kind": "StatefulSet", "spec": {"replicas": 2}}, 2),
        ({"kind": "Job", "spec": {"parallelism": 3}}, 3),
        ({"kind": "Job", "spec": {"suspend": True}}, 0),
        ({"kind": "Job", "spec": {}, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}, 0),
        ({"kind": "ReplicaSet", "spec": {}}, 1),
        ({"kind": "ReplicaSet", "spec": {}, "metadata": {"ownerReferences": [{"name": "its-deployment"}]}}, 0),
        ({"kind": "ConfigMap"}, 0),
    ],
)
def test_only_pods_that_will_run_count(one: dict[str, Any], counts: int) -> None:
    spec = {**one.get("spec", {}), "template": {"spec": {"containers": []}}}
    whole = {**one, "metadata": {"name": "it", **one.get("metadata", {})}, "spec": spec}
    listed = fit.demands_of([{"kind": "List", "items": [whole]}])
    assert sum(demand.pods or 0 for demand in listed if demand.name == "it") == counts


def test_a_cron_job_counts_as_one_run() -> None:
    job = {"spec": {"template": {"spec": {"containers": []}}}}
    cron = {"kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {"jobTemplate": job}}
    assert fit.demands_of([cron])[0].pods == 1
    assert fit.demands_of([{**cron, "spec": {**cron["spec"], "suspend": True}}]) == fit.K3S


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("In", ("red", "blue"), True),
        ("In", ("blue",), False),
        ("NotIn", ("blue",), True),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
        ("Gt", ("3",), False),
    ],
)
def test_a_node_selector_reads_labels_as_kubernetes_does(operator: str, values: tuple[str, ...], holds: bool) -> None:
    assert Requirement("colour", operator, values).holds({"colour": "red"}) is holds


def test_a_label_that_is_missing_is_not_in_but_not_not_in() -> None:
    assert Requirement("colour", "NotIn", ("red",)).holds({})
    assert not Requirement("colour", "In", ("red",)).holds({})
    assert Requirement("size", "Lt", ("9",)).holds({"size": "8"})


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        (Toleration("photos", "Exists"), True),
        (Toleration("", "Exists"), True),
        (Toleration("photos", "Equal", "only"), True),
        (Toleration("photos", "Equal", "also"), False),
        (Toleration("photos", "Exists", effect="NoExecute"), False),
        (Toleration("films", "Exists"), False),
        (Toleration(), False),
    ],
)
def test_a_toleration_covers_what_it_covers_in_kubernetes(toleration: Toleration, covers: bool) -> None:
    assert toleration.covers(Taint(key="photos", value="only", effect="NoSchedule")) is covers


@pytest.mark.parametrize(
    ("count", "up", "down"),
    [
        (0, "0", "0"),
        (1, "1Mi", "0"),
        (82 * MI, "82Mi", "82Mi"),
        (31 * GI + GI // 2, "31.5Gi", "31.5Gi"),
        (6 * GI + GI // 4, "6.3Gi", "6.2Gi"),
        (-GI - 1, "-1Gi", "-1.1Gi"),
    ],
)
def test_sizes_are_rounded_so_that_nothing_looks_free_that_is_not(count: int, up: str, down: str) -> None:
    assert (size(count), size(count, up=False)) == (up, down)


def test_the_table_marks_what_is_assumed_and_names_who_has_no_fixed_place() -> None:
    here = home.load_file(GOOD["homelab"])
    lines = fit.text(fit.weigh(here, fit.demands_of(objects(here)))).splitlines()
    assert lines[0] == "The home fits: every pod finds a place, in whatever order they come."
    by_start = {tuple(line.split()[:2]): line.split() for line in lines if line}
    assert by_start["slices", "3"] == ["slices", "3", "-", "4", "1"]
    memory = [line.split() for line in lines if line.strip().startswith("memory")]
    assert memory[1][3] == "15.5Gi*"
    assert any(line.startswith("k3s-worker") and line.endswith("out of service: takes nothing") for line in lines)
    assert any("kube-system/coredns" in line and "k3s-master or k3s-gpu" in line for line in lines)
    assert lines[-1].startswith("* ")


def test_a_stack_says_in_a_line_a_node_how_full_it_is() -> None:
    here = home.load_file(GOOD["homelab"])
    lines = fit.brief(fit.weigh(here, fit.demands_of(objects(here))))
    assert lines["verdict"] == "always"
    assert "3 of 4 slices" in lines["k3s-master"]
    assert lines["k3s-worker"] == "out of service"


def test_fit_asks_the_program_what_it_plans(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(GOOD["homelab"]), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == "always"
    assert printed["nodes"][0]["resources"]["slices"]["requested"] == 3
    assert printed["nodes"][2]["inService"] is False


def test_fit_still_draws_the_table_of_a_home_that_can_never_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(GOOD["homelab"].read_text().replace("memory: 32Gi", "memory: 4Gi"))
    assert main(["fit", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "The home does not fit."
    assert lines[1].startswith("- k3s-master has 3.5Gi of memory for pods")
    assert any(line.endswith("too much") for line in lines)


def test_fit_weighs_what_it_is_given_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = yaml.safe_dump_all([deployment("huge", cpu="99"), None])
    (tmp_path / "rooms").mkdir()
    (tmp_path / "rooms" / "huge.yaml").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    for place in (str(tmp_path), str(tmp_path / "rooms" / "huge.yaml"), "-"):
        assert main(["fit", str(GOOD["small"]), "--objects", place]) == 1
        assert "rooms/huge can run nowhere" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "says"),
    [("a: [", "is not YAML"), ("- 1", "other than objects"), (None, "can't be read")],
)
def test_fit_names_objects_that_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, says: str
) -> None:
    file = tmp_path / "objects.yaml"
    if content is not None:
        file.write_text(content)
    assert main(["fit", str(GOOD["small"]), "--objects", str(file)]) == 1
    assert says in capsys.readouterr().err


def test_a_home_is_weighed_without_pulumi() -> None:
    for file in (ROOT / "home").rglob("*.py"):
        assert "import pulumi" not in file.read_text(), file
