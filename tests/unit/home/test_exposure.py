"""Who should reach what of a home, by its description."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import home
from exposure import Exposure, from_data
from home.__main__ import main
from home.exposure import Planned, ToPort, expected, planned, planned_of
from tests.homes import GOOD, changed, config
from tests.snapshots import described
from tests.unit.exposure.test_exposure_map import SCHEMA

ROOT = Path(__file__).parents[3]


def small(*changes: dict[str, Any]) -> Exposure:
    """The map of the small home after changes."""
    return described(changed(config(), list(changes)))


def ways(found: Exposure, row: str, column: str) -> list[str]:
    return [str(way) for way in found[row][column].ways]


def why(found: Exposure, row: str, column: str) -> str:
    assert not found[row][column].is_open
    return found[row][column].why


def test_a_public_app_is_for_anybody_where_access_does_not_ask() -> None:
    found = small()
    assert ways(found, "media/jellyfin", "internet") == ["films.example.com → tunnel → jellyfin:8096"]
    assert why(found, "media/jellyfin", "signed-in") == "Cloudflare Access doesn't ask: anybody comes in"


def test_a_public_app_is_for_the_people_of_its_roles_where_access_asks() -> None:
    found = small({"path": "apps.jellyfin.signIn", "set": True}, {"path": "apps.jellyfin.roles", "set": ["guest"]})
    assert why(found, "media/jellyfin", "internet") == "Cloudflare Access asks who somebody is"
    assert ways(found, "media/jellyfin", "signed-in") == [
        "films.example.com → Access → tunnel → jellyfin:8096 (for Cleo and programs with a service token)"
    ]


def test_in_the_tailnet_each_role_is_let_in_that_an_app_names_and_no_other() -> None:
    found = small()
    assert ways(found, "photos/immich-server", "tailnet-family") == [
        "immich.tabby-cat.ts.net → proxy → immich-server:2283 (for Ben)"
    ]
    assert why(found, "photos/immich-server", "tailnet-guest") == "guest is none of its roles"
    assert why(found, "photos/immich-server", "internet") == "it has no public door"


def test_an_app_without_a_door_is_for_other_pods_alone() -> None:
    found = small({"path": "apps.immich.doors", "remove": True}, {"path": "apps.immich.roles", "remove": True})
    assert [one.is_open for one in found["photos/immich-server"].cells] == [False] * 8
    assert ways(found, "photos/immich-database", "pods") == ["photos/immich-server → immich-database:5432"]


def test_an_app_that_no_room_declares_yet_is_reached_by_nobody() -> None:
    found = small()
    assert "app/transcode" in found
    assert why(found, "app/transcode", "tailnet-owner") == "no room of the home declares it yet"


def test_pods_on_the_hosts_network_are_open_to_the_lan() -> None:
    found = small()
    [driver] = [one for one in found.rows if one.key == "storage/csi-smb-node"]
    assert driver["lan"].is_open
    assert not found["media/jellyfin"]["lan"].is_open


def test_machines_are_for_the_owner_and_for_each_other() -> None:
    found = small()
    assert ways(found, "machine/cellar", "tailnet-owner") == [
        "tailnet → cellar: API server (6443) (for Ada)",
        "tailnet → cellar: SSH (22) (for Ada)",
    ]
    assert not found["machine/cellar"]["tailnet-family"].is_open
    assert "the home's machines → cellar: kubelet (10250)" in ways(found, "machine/cellar", "tailnet-others")


def test_the_nas_is_for_the_machines_over_the_protocols_of_its_shares() -> None:
    assert ways(small(), "nas", "tailnet-others") == [
        "the home's machines → NAS: NFS (2049)",
        "the home's machines → NAS: SMB (445)",
    ]


def test_a_home_without_a_tailnet_has_nobody_in_it() -> None:
    found = small(
        {"path": "tailnet", "remove": True},
        {"path": "nodes[1].joinedOver", "remove": True},
        {"path": "apps.jellyfin.doors", "set": ["public"]},
        {"path": "apps.jellyfin.roles", "remove": True},
        {"path": "apps.immich.doors", "remove": True},
        {"path": "apps.immich.roles", "remove": True},
    )
    assert "names/tailnet" not in found
    columns = [f"tailnet-{who}" for who in ("owner", "family", "guest", "others")]
    assert not any(one[column].is_open for one in found.rows for column in columns)
    assert why(found, "nas", "tailnet-owner") == "the home has no tailnet"


def test_flows_that_a_workload_declares_are_ways_between_pods_and_nothing_else_is() -> None:
    plan = [
        Planned("media", "player", ports=(80,), talks_to=(ToPort("media", "store", 5432),)),
        Planned("media", "store", ports=(5432,)),
    ]
    found = expected(home.load(changed(config(), [{"path": "apps", "set": {}}])), plan)
    assert ways(found, "media/store", "pods") == ["media/player → store:5432"]
    assert why(found, "media/player", "pods") == "no pod says that it talks to it"


def test_addresses_that_a_workload_leaves_for_are_matched_with_the_machines() -> None:
    [one] = planned_of(
        [
            {
                "namespace": "media",
                "name": "copier",
                "leaves": [{"ranges": ["10.0.1.0/24"], "tcp": [445], "udp": "every"}],
            }
        ]
    )
    found = expected(home.load(changed(config(), [{"path": "apps", "set": {}}])), [one])
    assert ways(found, "nas", "pods") == [
        "media/copier → NAS: SMB (445)",
        "media/copier → NAS: flannel (8472)",
        "media/copier → NAS: other udp ports",
    ]
    assert why(found, "machine/shed", "pods") == "no pod says that it talks to it"


# The commands.


def test_the_command_prints_data_that_keeps_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exposure", "--json", str(GOOD["homelab"])]) == 0
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, SCHEMA)
    found = from_data(data)
    assert found.home == "homelab"
    assert ways(found, "photos/immich-server", "internet") == ["photos.kanokgan.com → tunnel → immich-server:2283"]


def test_the_command_shows_a_table_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "pages" / "exposure.html"
    assert main(["exposure", str(GOOD["homelab"]), "--html", str(page)]) == 0
    printed = capsys.readouterr()
    assert "homelab: who reaches what, as described" in printed.out
    assert printed.err == f"The page: {page}\n"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_wrong_home_is_told_and_has_no_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text(GOOD["small"].read_text().replace("hostname: films", "hostname: Films!"))
    assert main(["exposure", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "apps.jellyfin.hostname" in printed.err


def test_the_plan_comes_from_the_program_itself() -> None:
    there = {one.key: one for one in planned(GOOD["homelab"])}
    assert there["photos/immich-server"].front == 2283
    assert there["photos/immich-server"].app == "immich"
    assert ToPort("photos", "immich-database", 5432) in there["photos/immich-server"].talks_to
    assert there["tailnet/proxy-jellyfin"].proxy
    assert there["tailnet/proxy-jellyfin"].app == "jellyfin"


def test_the_planner_says_what_is_wrong_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text("config: {}\n")
    run = subprocess.run(
        [sys.executable, "-m", "components", "connections", str(file)], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "nodes" in run.stderr
