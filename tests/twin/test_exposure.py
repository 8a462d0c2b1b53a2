"""Who reaches what, read back from a twin on which the home is really deployed, and tampered with."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import exposure
from exposure import Differing
from tests.twin.deployed import Deployed, changed_home
from tests.twin.tiny import wait_until
from twin.__main__ import DIFFERS, OK, main
from twin.exposure.comparing import compared
from twin.standins.cloudflare import ACCESS_POLICY, DNS_RECORD
from twin.standins.record import Entry, Record
from twin.standins.tailscale import ACL

SCHEMA = json.loads(Path(exposure.__file__).with_name("schema.json").read_text(encoding="utf-8"))


def with_family(config: dict[str, Any]) -> None:
    config["homebrain:people"].append({"name": "Ada", "email": "ada@example.com", "role": "family"})
    config["homebrain:apps"]["immich"] |= {"roles": ["owner", "family"]}
    config["homebrain:apps"]["jellyfin"] |= {"roles": ["owner", "family"], "signIn": True}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The owner's home with one more person, who like the owner signs in to see films."""
    folder = tmp_path_factory.mktemp("exposure")
    there = Deployed(folder / "twin", changed_home(folder / "Pulumi.homelab.yaml", with_family))
    there.twin.up()
    try:
        there.engine.up()
        yield there
    finally:
        there.twin.reset()


def told(deployed: Deployed) -> list[str]:
    """What differs, each as `row, column: +way` or `-way`."""
    differing: tuple[Differing, ...] = compared(deployed.twin)[1]
    return [
        f"{one.row.key}, {one.column.key}: {sign}{way}"
        for one in differing
        for sign, ways in (("+", one.opened), ("-", one.closed))
        for way in ways
    ]


@contextmanager
def somebody_changed(deployed: Deployed, service: str, change: Callable[[list[Entry]], None]) -> Iterator[None]:
    """Somebody changes what Cloudflare or Tailscale holds; afterwards it is as before."""
    record = Record(deployed.twin.folder.standins, service)
    before = record.entries()
    with record.changing() as entries:
        change(entries)
    try:
        yield
    finally:
        with record.changing() as entries:
            entries[:] = before


@contextmanager
def somebody_applied(deployed: Deployed, one: dict[str, Any]) -> Iterator[None]:
    """Somebody creates an object in the cluster; afterwards it is gone."""
    deployed.api.create(one)
    kind, name, namespace = one["kind"], one["metadata"]["name"], one["metadata"]["namespace"]
    try:
        yield
    finally:
        deployed.api.delete(kind, name, namespace)
        wait_until(lambda: deployed.api.get(kind, name, namespace) is None)


def named(entries: list[Entry], type_: str, name: str) -> Entry:
    [found] = [one for one in entries if one.type == type_ and one.urn.endswith(f"::{name}")]
    return found


def command(deployed: Deployed, *words: str) -> int:
    return main(["--state", str(deployed.twin.state), "--home", str(deployed.twin.home), "exposure", *words])


def test_what_was_deployed_is_what_is_described(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(deployed) == []
    assert command(deployed) == OK
    text = capsys.readouterr().out
    assert "Who reaches what is as described, cell by cell." in text
    assert "The twin doesn't enforce NetworkPolicies." in text


def test_it_says_yes_and_no(deployed: Deployed) -> None:
    there = compared(deployed.twin)[0]
    photos, films, database = there["photos/immich-server"], there["media/jellyfin"], there["photos/immich-database"]
    assert [one.is_open for one in photos.cells] == [True, False, True, True, False, False, False, True]
    assert [one.is_open for one in films.cells] == [False, True, True, True, False, False, False, True]
    assert [one.is_open for one in database.cells] == [False] * 7 + [True]
    assert [str(way) for way in database["pods"].ways] == [
        "photos/immich-server → immich-database:5432",
        "photos/postgres-exporter → immich-database:5432",
    ]


def test_no_secret_is_on_the_page_or_in_the_data(
    deployed: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "exposure.html"
    assert command(deployed, "--json", "--html", str(page)) == OK
    shown = capsys.readouterr().out + page.read_text()
    secrets = [
        base64.b64decode(value).decode()
        for namespace in ("tunnel", "tailnet", "photos", "storage")
        for one in deployed.api.list("Secret", namespace)
        for key, value in (one.get("data") or {}).items()
        if key != "username"
    ]
    assert len(secrets) >= 4
    assert [one for one in secrets if len(one) < 8 or one in shown] == []


def test_a_node_port_shows_and_the_command_fails(
    deployed: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stray = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "stray", "namespace": "photos"},
        "spec": {
            "type": "NodePort",
            "selector": {"app.kubernetes.io/name": "immich-database"},
            "ports": [{"port": 5432, "nodePort": 30432}],
        },
    }
    way = "any node:30432 → immich-database:5432"
    with somebody_applied(deployed, stray):
        assert told(deployed) == [f"photos/immich-database, lan: +{way}"]
        page = tmp_path / "exposure.html"
        assert command(deployed, "--json", "--html", str(page)) == DIFFERS
        data = json.loads(capsys.readouterr().out)
        jsonschema.validate(data, SCHEMA)
        assert [(one["row"], one["column"]) for one in data["differences"]] == [("photos/immich-database", "lan")]
        assert way in page.read_text()
        assert command(deployed) == DIFFERS
        assert f"described no, because no port of a node leads to it; found yes, by {way}" in capsys.readouterr().out
    assert told(deployed) == []


def test_a_lost_network_policy_shows_until_the_next_up(deployed: Deployed) -> None:
    deployed.api.delete("NetworkPolicy", "default-deny", "media")
    assert any(line.startswith("media/any other pod, pods: +") for line in told(deployed))
    assert "nas, pods: +media/any other pod → NAS: every port" in told(deployed)
    deployed.engine.run("up", "--yes", "--skip-preview", "--refresh")
    assert told(deployed) == []


def test_a_pod_with_another_apps_label_shows(deployed: Deployed) -> None:
    stray = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "stray", "namespace": "tunnel", "labels": {"app.kubernetes.io/name": "cloudflared"}},
        "spec": {
            "nodeName": "k3s-master",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "stray",
                    "image": "example.org/stray:1",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
    with somebody_applied(deployed, stray):
        assert told(deployed) == [
            "photos/immich-server, pods: +tunnel/stray → immich-server:2283",
            "media/jellyfin, pods: +tunnel/stray → jellyfin:8096",
            "brain/api, pods: +tunnel/stray → api:8080",
            # It has the connector's name, whose figures Prometheus asks for.
            "tunnel/stray, pods: +monitoring/prometheus → stray:other tcp ports",
        ]


def test_a_stray_record_shows(deployed: Deployed) -> None:
    def stray(entries: list[Entry]) -> None:
        inputs = {"name": "nas.kanokgan.com", "type": "A", "content": "203.0.113.7", "proxied": False}
        entries.append(Entry("stray", DNS_RECORD, "", inputs, {}))

    with somebody_changed(deployed, "cloudflare", stray):
        assert told(deployed) == ["names/domain, internet: +nas.kanokgan.com → 203.0.113.7, past the tunnel"]


def test_another_address_in_an_access_policy_shows(deployed: Deployed) -> None:
    def widened(entries: list[Entry]) -> None:
        named(entries, ACCESS_POLICY, "jellyfin-people").inputs["includes"].append(
            {"email": {"email": "x@example.org"}}
        )

    with somebody_changed(deployed, "cloudflare", widened):
        opened, closed = told(deployed)
        assert opened.startswith("media/jellyfin, signed-in: +films.kanokgan.com → Access → tunnel → jellyfin:8096 (")
        assert "x@example.org" in opened
        assert "x@example.org" not in closed


def test_a_policy_of_the_tailnet_that_lets_everybody_do_everything_shows(deployed: Deployed) -> None:
    def opened(entries: list[Entry]) -> None:
        named(entries, ACL, "policy").inputs["acl"] = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'

    with somebody_changed(deployed, "tailscale", opened):
        lines = told(deployed)
        assert "nas, tailnet-family: +tailnet → NAS: every port (for Ada)" in lines
        assert any(
            line.startswith("machine/k3s-master, tailnet-others: +anybody else in the tailnet") for line in lines
        )
    assert told(deployed) == []
