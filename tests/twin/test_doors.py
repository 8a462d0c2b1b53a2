"""The doors, made by the real engine on the twin: what its Cloudflare and its tailnet hold, and what runs behind."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tailnet
from tests.twin.test_home import Deployed, changed_home
from tests.twin.tiny import wait_until
from twin.engine import EngineError
from twin.standins import cloudflare
from twin.standins.cloudflare import DNS_RECORD, TUNNEL, TUNNEL_CONFIG
from twin.standins.record import Entry, Record
from twin.standins.tailscale import ACL

DOORS = ("cloudflare", "tailscale")


def asks(config: dict[str, Any]) -> None:
    """Jellyfin keeps its own login; in front of Immich, Access asks."""
    del config["homebrain:apps"]["immich"]["signIn"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("doors")
    deployed = Deployed(folder / "twin", changed_home(folder / "Pulumi.homelab.yaml", asks))
    deployed.twin.up()
    try:
        deployed.engine.up()
        yield deployed
    finally:
        deployed.twin.reset()


def held(home: Deployed, service: str, type: str) -> list[Entry]:
    return [entry for entry in Record(home.engine.standins, service).entries() if entry.type == type]


def only(home: Deployed, service: str, type: str) -> Entry:
    [entry] = held(home, service, type)
    return entry


def rules(home: Deployed) -> dict[str, dict[str, Any]]:
    """The tunnel's ingress rules by host name; the last has none."""
    *named, last = only(home, "cloudflare", TUNNEL_CONFIG).inputs["config"]["ingresses"]
    assert last == {"service": "http_status:404"}
    return {rule["hostname"]: rule for rule in named}


def output(home: Deployed, name: str) -> Any:
    return json.loads(home.engine.run("stack", "output", "--json", "--show-secrets").output)[name]


def uids(home: Deployed, name: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in home.pods("tunnel", name)}


def test_each_public_name_leads_through_the_tunnel_to_its_app(home: Deployed) -> None:
    line = only(home, "cloudflare", TUNNEL)
    records = {entry.inputs["name"]: entry.inputs for entry in held(home, "cloudflare", DNS_RECORD)}
    assert records.keys() == rules(home).keys() == {"photos.kanokgan.com", "films.kanokgan.com"}
    for name, rule in rules(home).items():
        assert records[name]["content"] == f"{line.id}.cfargotunnel.com"
        match = re.fullmatch(r"http://([a-z-]+)\.([a-z]+)\.svc:(\d+)", rule["service"])
        assert match, rule["service"]
        service = home.api.get("Service", match[1], match[2])
        assert service is not None
        assert int(match[3]) in {port["port"] for port in service["spec"]["ports"]}
        assert [pod["status"]["phase"] for pod in home.pods(match[2], match[1])] == ["Running"]


def test_access_stands_before_what_asks_and_the_tunnel_checks_its_token(home: Deployed) -> None:
    application = only(home, "cloudflare", cloudflare.ACCESS_APPLICATION)
    assert application.inputs["domain"] == "photos.kanokgan.com"
    access = rules(home)["photos.kanokgan.com"]["originRequest"]["access"]
    assert access == {"required": True, "teamName": "kanokgan-stand-in", "audTags": [application.outputs["aud"]]}
    assert "originRequest" not in rules(home)["films.kanokgan.com"]


def test_the_tailnets_policy_is_taken_and_its_names_have_certificates(home: Deployed) -> None:
    policy = tailnet.parse(only(home, "tailscale", ACL).inputs["acl"])
    assert policy.failed_tests() == ()
    held_types = {entry.type.rpartition(":")[2]: entry for entry in Record(home.engine.standins, "tailscale").entries()}
    assert held_types["TailnetSettings"].inputs["httpsEnabled"] is True
    assert held_types["DnsPreferences"].inputs["magicDns"] is True
    assert output(home, "tailnet") == {
        "immich": "https://photos.dove-komodo.ts.net",
        "jellyfin": "https://films.dove-komodo.ts.net",
    }


def test_two_connectors_run_on_two_machines_and_each_app_has_its_proxy(home: Deployed) -> None:
    connectors = home.pods("tunnel", "cloudflared")
    assert {pod["status"]["phase"] for pod in connectors} == {"Running"}
    assert {pod["spec"]["nodeName"] for pod in connectors} == {"k3s-master", "k3s-gpu"}
    for app in ("immich", "jellyfin"):
        [proxy] = home.pods("tailnet", f"proxy-{app}")
        assert (proxy["status"]["phase"], proxy["spec"]["nodeName"]) == ("Running", "k3s-master")
    for room in ("tunnel", "tailnet"):
        namespace = home.api.get("Namespace", room)
        assert namespace is not None
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize(
    ("verb", "secret", "allowed"),
    [
        ("get", "proxy-immich", True),
        ("update", "proxy-immich", True),
        ("patch", "proxy-immich", True),
        ("delete", "proxy-immich", False),
        ("get", "proxy-jellyfin", False),
        ("get", "proxy-jellyfin-key", False),
        ("create", "", False),
        ("list", "", False),
    ],
)
def test_a_proxy_may_touch_its_own_state_and_no_other_secret(
    home: Deployed, verb: str, secret: str, allowed: bool
) -> None:
    review = home.api.request(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": "system:serviceaccount:tailnet:proxy-immich",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:tailnet", "system:authenticated"],
                "resourceAttributes": {"namespace": "tailnet", "verb": verb, "resource": "secrets", "name": secret},
            },
        },
    )
    assert review["status"]["allowed"] is allowed


def test_what_a_proxy_has_written_into_its_state_stays(home: Deployed) -> None:
    state = home.api.get("Secret", "proxy-immich", "tailnet")
    assert state is not None
    written = base64.b64encode(b"who it is in the tailnet").decode()
    home.api.patch(state, {"data": {"_machinekey": written}})
    assert home.engine.up("--refresh").changed == 0
    after = home.api.get("Secret", "proxy-immich", "tailnet")
    assert after is not None
    assert after["data"] == {"_machinekey": written}


def test_no_secret_of_a_door_stands_anywhere_in_clear(home: Deployed) -> None:
    """The real values, as the cluster and the engine have them, are looked for in all that was written and printed."""
    values = {
        name: base64.b64decode(found["data"][key]).decode()
        for name, namespace, key in (
            ("cloudflared-token", "tunnel", "token"),
            ("proxy-immich-key", "tailnet", "authkey"),
            ("proxy-jellyfin-key", "tailnet", "authkey"),
        )
        if (found := home.api.get("Secret", name, namespace))
    }
    values["service token"] = output(home, "serviceTokens")["immich"]["clientSecret"]
    for key in ("cloudflareApiToken", "tailscaleOauthClientId", "tailscaleOauthClientSecret"):
        values[key] = home.engine.run("config", "get", f"homebrain:{key}").output.strip()
    assert len(values) == len(set(values.values())) == 7
    assert min(map(len, values.values())) >= 8

    printed = home.engine.preview("--diff").output + home.engine.run("stack", "output").output
    assert [name for name, value in values.items() if value in printed] == []
    pods = json.dumps(home.api.list("Pod")) + json.dumps(home.api.list("ConfigMap"))
    assert [name for name, value in values.items() if value in pods] == []
    etcd = home.twin.state / "etcd"
    files = [path for path in home.twin.state.rglob("*") if path.is_file() and etcd not in path.parents]
    assert any(path.name == "cloudflare.json" for path in files)
    looked_for = {name: (value.encode(), base64.b64encode(value.encode())) for name, value in values.items()}
    found = [
        (name, path)
        for path in files
        for name, forms in looked_for.items()
        if any(form in path.read_bytes() for form in forms)
    ]
    assert found == []


def test_closing_and_opening_a_door_is_one_line_and_disturbs_no_stream(home: Deployed) -> None:
    before = uids(home, "cloudflared")
    line = only(home, "cloudflare", TUNNEL).id

    def closed(config: dict[str, Any]) -> None:
        asks(config)
        config["homebrain:apps"]["jellyfin"]["doors"] = ["tailnet"]

    try:
        changed_home(home.twin.home, closed)
        run = home.engine.up()
        # The name goes; the tunnel's rules, and the two ends of the flow, are changed.
        assert {change: count for change, count in run.changes.items() if change != "same" and change != "read"} == {
            "delete": 1,
            "update": 3,
        }
        assert rules(home).keys() == {"photos.kanokgan.com"}
        assert [entry.inputs["name"] for entry in held(home, "cloudflare", DNS_RECORD)] == ["photos.kanokgan.com"]
    finally:
        changed_home(home.twin.home, asks)
        home.engine.up()
    assert rules(home).keys() == {"photos.kanokgan.com", "films.kanokgan.com"}
    assert uids(home, "cloudflared") == before
    assert only(home, "cloudflare", TUNNEL).id == line


@pytest.mark.parametrize(("service", "type"), [("cloudflare", TUNNEL), ("cloudflare", DNS_RECORD), ("tailscale", ACL)])
def test_an_engine_that_is_killed_among_the_doors_is_made_good_by_the_next_up(
    service: str, type: str, tmp_path: Path
) -> None:
    home = Deployed(tmp_path / "twin", changed_home(tmp_path / "Pulumi.homelab.yaml", asks))
    home.twin.up()
    try:
        home.engine.prepare()
        failures: list[EngineError] = []

        def doomed() -> None:
            try:
                home.engine.up()
            except EngineError as failure:
                failures.append(failure)

        up = threading.Thread(target=doomed)
        up.start()
        wait_until(lambda: bool(held(home, service, type)))
        [lock] = (home.twin.state / "pulumi").rglob("locks/**/*.json")
        os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
        up.join()
        assert failures, "the engine was done before it could be killed"

        home.engine.up()
        assert home.engine.up().changed == 0
        state = home.engine.export()["deployment"]
        assert not state.get("pending_operations")
        known = sorted(res["id"] for res in state["resources"] if res["type"].partition(":")[0] in DOORS)
        there = sorted(entry.id for one in DOORS for entry in Record(home.engine.standins, one).entries())
        assert there == known
        assert len(held(home, "cloudflare", TUNNEL)) == 1
        assert len({entry.inputs["name"] for entry in held(home, "cloudflare", DNS_RECORD)}) == 2
    finally:
        home.twin.reset()
