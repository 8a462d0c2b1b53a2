"""What the tour says of the owner's home: the same figures as `home fit`, the same findings as the policies."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from home import fit
from policies.evaluation import Outcome
from policies.exceptions import RuleException
from policies.fault import Fault
from policies.rule import Finding
from policies.rules.images import PINNED
from tour import survey as looking
from tour.machines import Machine
from tour.rooms import Room
from tour.survey import Survey
from tour.view import Tour, view


def machine(tour: Tour, name: str) -> Machine:
    return next(one for one in tour.machines if one.name == name)


def room(tour: Tour, name: str) -> Room:
    return next(one for one in tour.rooms if one.name == name)


def test_every_figure_is_the_one_that_the_fit_gives(homelab: Tour, homelab_survey: Survey) -> None:
    data = {one["name"]: one["resources"] for one in fit.as_data(homelab_survey.fit)["nodes"]}
    lines = fit.brief(homelab_survey.fit)
    shown = [one for one in homelab.machines if one.in_service]
    assert [one.name for one in shown] == ["k3s-master", "k3s-gpu"]
    for one in shown:
        cpu, memory = one.gauges[0], one.gauges[1]
        assert lines[one.name].startswith(
            f"{cpu.requested} of {cpu.there} CPU, {memory.requested} of {memory.there} memory"
        )
        assert cpu.part == data[one.name]["cpuMilli"]["requested"] / data[one.name]["cpuMilli"]["there"]
        assert memory.part == data[one.name]["memoryBytes"]["requested"] / data[one.name]["memoryBytes"]["there"]
        assert one.card
        vram = one.card.vram_gauge
        assert lines[one.name].endswith(f"{vram.requested} of {vram.there} VRAM")
        assert sum(piece.part for piece in one.card.vram) == pytest.approx(vram.part)


def test_the_slices_are_with_those_who_ask_for_them(homelab: Tour, homelab_survey: Survey) -> None:
    card = machine(homelab, "k3s-master").card
    counted = homelab_survey.fit.node("k3s-master").slices
    assert card
    assert card.slices
    assert counted
    assert [one.holder for one in card.slices] == ["immich-machine-learning", "immich-server", "jellyfin", ""]
    assert len(card.slices) == counted.there
    assert sum(one.holder == "" for one in card.slices) == counted.free


def test_a_card_without_limits_has_no_slices_and_a_budget_of_an_app_to_come(homelab: Tour) -> None:
    card = machine(homelab, "k3s-gpu").card
    assert card
    assert card.slices is None
    assert [(one.label, one.amount, one.note) for one in card.vram] == [
        ("Transcode", "6Gi", "not a room yet"),
        ("CUDA contexts", "450Mi", ""),
    ]


def test_a_machine_that_does_not_answer_is_said_to_be_unknown(homelab: Tour) -> None:
    worker = machine(homelab, "k3s-worker")
    assert (worker.state, worker.in_service, worker.gauges, worker.runs) == ("unknown", False, (), ())


def test_guesses_are_marked_where_they_stand(homelab: Tour) -> None:
    assert [one.name for one in machine(homelab, "k3s-worker").facts if one.assumed] == ["CPUs", "Memory"]
    memory = machine(homelab, "k3s-gpu").gauges[1]
    assert (memory.asked_assumed, memory.there_assumed, memory.free_assumed) == (False, True, True)
    assert {one.owner for one in homelab.assumed} >= {"k3s-gpu", "k3s-worker", "share photos"}
    nas = homelab.nas
    assert nas
    assert all("capacity" in share.assumed for share in nas.shares)


def test_every_component_and_every_app_has_its_place(homelab: Tour, homelab_survey: Survey) -> None:
    assert [one.name for one in homelab.rooms][:3] == ["cluster", "gpu", "storage"]
    there = {one.app for one in homelab.apps} | {one.name for one in homelab.planned}
    assert there == set(homelab_survey.home.app_names)
    assert {one.app for one in homelab.apps}.isdisjoint(one.name for one in homelab.planned)
    assert [one.name for one in homelab.rooms if not one.what] == []


def test_every_workload_is_in_one_room(homelab: Tour, homelab_survey: Survey) -> None:
    controllers = [one for one in homelab_survey.objects if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet")]
    shown = [one.name for room in homelab.rooms for one in room.workloads]
    assert sorted(shown) == sorted(one["metadata"]["name"] for one in controllers)


def test_a_room_says_whom_it_may_talk_to_and_what_is_kept(homelab: Tour) -> None:
    immich = room(homelab, "immich")
    server = next(one for one in immich.workloads if one.name == "immich-server")
    assert {(one.whom, one.ports) for one in server.talks_to} >= {
        ("immich-database", (5432,)),
        ("immich-queue", (6379,)),
    }
    database = next(one for one in immich.workloads if one.name == "immich-database")
    assert {one.whom for one in database.reached_by} == {"immich-server", "postgres-exporter"}
    assert {one.name: one.kept for one in immich.volumes} == {
        "immich-database": True,
        "immich-models": False,
        "immich-queue": True,
        "immich-upload": True,
        "library-photos": True,
    }
    library = next(one for one in immich.volumes if one.name == "library-photos")
    assert (library.where, library.read_only) == ("share photos of the NAS", True)
    assert [(one.name, one.level) for one in immich.namespaces] == [("photos", "restricted")]


def test_jellyfin_may_reach_the_internet_and_says_why(homelab: Tour) -> None:
    [server] = room(homelab, "jellyfin").workloads
    assert [one.whom for one in server.talks_to] == ["the internet"]
    assert "databases" in server.egress_reason


def test_deviations_come_with_their_reasons(homelab: Tour) -> None:
    [plugin] = room(homelab, "gpu").workloads
    assert {one.label for one in plugin.deviations} == {"root-user", "host-path", "every-gpu", "no-probes"}
    assert all(one.reason for one in plugin.deviations)


def test_the_policies_find_what_they_find_in_the_engine(homelab: Tour) -> None:
    found = homelab.findings
    assert (found.violations, found.undecided) == ((), ())
    # The owner's agents are newer than the server: advice, since it is how the machines are.
    assert [finding.rule for finding in found.advice] == ["kubelet-skew", "kubelet-skew"]
    assert found.judged == sum(len(one.workloads) for one in homelab.rooms)
    plugin, driver = "DaemonSet nvidia-device-plugin-k3s-master", "DaemonSet csi-smb-node"
    assert {(one.rule, *one.resources) for one in found.exceptions} == {
        ("host-path", plugin),
        ("probes", plugin),
        ("public-behind-access", "DnsRecord immich"),
        ("public-behind-access", "DnsRecord jellyfin"),
        (
            "service-account-token",
            *(f"Deployment proxy-{app}" for app in ("api", "immich", "jellyfin", "monitoring", "ntfy")),
        ),
        ("service-account-token", "Deployment api"),
        ("service-account-token", "Deployment kube-state-metrics"),
        ("service-account-token", "StatefulSet prometheus"),
        ("host-path", "DaemonSet alloy", "DaemonSet node-exporter"),
        *((rule, driver) for rule in ("host-namespaces", "host-path", "probes", "unprivileged")),
    }
    assert all(one.reason for one in found.exceptions)


def test_violations_advice_and_what_is_undecided_are_told_apart(homelab_survey: Survey) -> None:
    def judged(outcome: Outcome, undecided: bool = False) -> looking.Judgement:
        fault = Fault("spec.image", "an image without a tag", "a tag", "name one", undecided)
        return looking.Judgement(Finding(PINNED, fault, f"Deployment {outcome}"), outcome)

    until = RuleException("image-pinned", "Deployment/x", "no tags", expires=datetime.date(2030, 1, 31))
    changed = replace(
        homelab_survey,
        judgements=(
            judged(Outcome.VIOLATION),
            judged(Outcome.UNDECIDED, undecided=True),
            judged(Outcome.ADVICE),
            replace(judged(Outcome.EXCEPTED), exception=until),
        ),
    )
    found = view(changed).findings
    assert [one.sentence.split(":")[0] for one in found.violations] == ["Deployment violation"]
    assert [one.sentence.split(":")[0] for one in found.undecided] == ["Deployment undecided"]
    assert [one.sentence.split(":")[0] for one in found.advice] == ["Deployment advice"]
    assert [(one.resources, one.expires) for one in found.exceptions] == [(("Deployment excepted",), "2030-01-31")]


def test_versions_out_of_step_come_with_the_ways_out(homelab: Tour) -> None:
    assert [one.name for one in homelab.versions.rows if one.wrong] == ["k3s-gpu", "k3s-worker"]
    assert len(homelab.versions.ways_out) == 2


def test_a_door_is_only_declared_when_the_program_declares_it(homelab: Tour, homelab_survey: Survey) -> None:
    packages = {one.type.partition(":")[0] for one in homelab_survey.evaluation.registrations}
    assert {one.door: one.declared for one in homelab.ways} == {
        "public": "cloudflare" in packages,
        "tailnet": "tailscale" in packages,
    }


def test_a_share_shows_who_mounts_it_and_who_will(homelab: Tour) -> None:
    assert homelab.nas
    mounts = {share.name: [(one.app, one.declared) for one in share.mounts] for share in homelab.nas.shares}
    assert mounts["photos"] == [("Immich", True)]
    assert mounts["media"] == [("Jellyfin", True)]
    assert [app for app, _ in mounts["video"]] == ["Transcode"]
