"""Both doors, deployed for real on a twin: what the stand-ins hold, and what is in clear nowhere."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import home
from tests.twin.test_home import HOMELAB, Deployed, changed_home
from tests.twin.tiny import wait_until
from twin.engine import EngineError

# Where the twin's API server keeps its objects, Secrets among them, and how it is spoken to.
OF_THE_CLUSTER = ("etcd", "pki", "kubeconfig")


def asking(config: dict[str, Any]) -> None:
    config["homebrain:apps"]["jellyfin"]["signIn"] = True


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The owner's home, but that Cloudflare asks who wants to see films."""
    folder = tmp_path_factory.mktemp("doors")
    deployed = Deployed(folder / "twin", changed_home(folder / "Pulumi.homelab.yaml", asking))
    deployed.twin.up()
    try:
        deployed.engine.up()
        yield deployed
    finally:
        deployed.twin.reset()


def held(deployed: Deployed, service: str) -> list[dict[str, Any]]:
    path = deployed.engine.standins / f"{service}.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text())["entries"] if path.exists() else []
    return entries


def kinds(deployed: Deployed) -> Counter[str]:
    return Counter(
        one["type"].rpartition(":")[2] for service in ("cloudflare", "tailscale") for one in held(deployed, service)
    )


def test_cloudflare_has_a_tunnel_a_record_for_each_public_app_and_access_where_one_asks(doors: Deployed) -> None:
    found = kinds(doors)
    assert (found["ZeroTrustTunnelCloudflared"], found["ZeroTrustTunnelCloudflaredConfig"], found["DnsRecord"]) == (
        1,
        1,
        2,
    )
    assert (found["ZeroTrustAccessApplication"], found["ZeroTrustAccessServiceToken"]) == (1, 1)
    [config] = [one for one in held(doors, "cloudflare") if one["type"].endswith("TunnelCloudflaredConfig")]
    rules = config["inputs"]["config"]["ingresses"]
    assert [one.get("hostname") for one in rules] == ["photos.kanokgan.com", "films.kanokgan.com", None]
    [application] = [one for one in held(doors, "cloudflare") if one["type"].endswith("ZeroTrustAccessApplication")]
    assert rules[1]["originRequest"]["access"]["audTags"] == [application["outputs"]["aud"]]


def test_tailscale_has_the_policy_and_a_key_for_each_app(doors: Deployed) -> None:
    found = kinds(doors)
    assert (found["Acl"], found["DnsPreferences"], found["TailnetSettings"], found["TailnetKey"]) == (1, 1, 1, 2)


def test_the_doors_run(doors: Deployed) -> None:
    assert [pod["status"]["phase"] for pod in doors.pods("tunnel", "cloudflared")] == ["Running"] * 2
    nodes = {pod["spec"]["nodeName"] for pod in doors.pods("tunnel", "cloudflared")}
    assert nodes == {"k3s-master", "k3s-gpu"}
    for app in ("immich", "jellyfin"):
        assert [pod["status"]["phase"] for pod in doors.pods("tailnet", f"proxy-{app}")] == ["Running"]


def test_what_a_proxy_writes_into_its_state_stays(doors: Deployed) -> None:
    state = doors.api.get("Secret", "proxy-jellyfin-state", "tailnet")
    assert state is not None
    written = {"apiVersion": "v1", "kind": "Secret", "metadata": state["metadata"], "data": {"profile": "c29tZWJvZHk="}}
    doors.api.request("PUT", "/api/v1/namespaces/tailnet/secrets/proxy-jellyfin-state", written)
    assert doors.engine.up().changed == 0
    after = doors.api.get("Secret", "proxy-jellyfin-state", "tailnet")
    assert after is not None
    assert after["data"] == {"profile": "c29tZWJvZHk="}


def test_no_secret_of_a_door_is_in_clear_anywhere(doors: Deployed) -> None:
    """Neither in the state, nor in records and logs, nor in what a preview prints, nor in any object but its Secret."""
    secrets = [
        base64.b64decode(value).decode()
        for name, namespace in (
            ("cloudflared-token", "tunnel"),
            ("proxy-immich-key", "tailnet"),
            ("proxy-jellyfin-key", "tailnet"),
        )
        for value in (doors.api.get("Secret", name, namespace) or {})["data"].values()
    ]
    needed = home.secrets.required(home.load_file(doors.twin.home))
    secrets += [doors.engine.run("config", "get", f"homebrain:{one.key}").output.strip() for one in needed]
    outputs = json.loads(doors.engine.run("stack", "output", "--json", "--show-secrets").output)
    assert len(set(secrets)) == len(secrets) == 3 + len(needed)
    assert all(len(one) > 12 for one in secrets)
    printed = doors.engine.preview("--diff").output + json.dumps(outputs)
    objects = json.dumps([doors.api.list(kind) for kind in ("Pod", "ConfigMap", "Deployment")])
    files = [path for path in doors.twin.state.rglob("*") if path.is_file()]
    files = [path for path in files if not set(OF_THE_CLUSTER) & set(path.relative_to(doors.twin.state).parts)]
    assert any(path.name == "cloudflare.json" for path in files)
    assert any("stacks" in path.parts for path in files)
    for secret in secrets:
        assert secret not in printed
        assert secret not in objects
        for path in files:
            assert secret.encode() not in path.read_bytes(), path


def test_a_second_up_changes_nothing(doors: Deployed) -> None:
    assert doors.engine.up().changed == 0


MOMENTS = {
    "when there is a tunnel": ("cloudflare", "ZeroTrustTunnelCloudflared"),
    "when a name leads there": ("cloudflare", "DnsRecord"),
    "when there is a key": ("tailscale", "TailnetKey"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_engine_that_is_killed_at_the_doors_is_made_good_by_the_next_up(moment: str, tmp_path: Path) -> None:
    deployed = Deployed(tmp_path / "twin", HOMELAB)
    service, kind = MOMENTS[moment]
    deployed.twin.up()
    try:
        deployed.engine.prepare()
        failures: list[EngineError] = []

        def doomed() -> None:
            try:
                deployed.engine.up()
            except EngineError as failure:
                failures.append(failure)

        up = threading.Thread(target=doomed)
        up.start()
        wait_until(lambda: any(one["type"].endswith(f":{kind}") for one in held(deployed, service)))
        [lock] = (deployed.twin.state / "pulumi").rglob("locks/**/*.json")
        os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
        up.join()
        assert failures, "the engine was done before it could be killed"

        deployed.engine.up()
        assert deployed.engine.up().changed == 0
        found = kinds(deployed)
        assert (found["ZeroTrustTunnelCloudflared"], found["DnsRecord"], found["TailnetKey"], found["Acl"]) == (
            1,
            2,
            2,
            1,
        )
        state = deployed.engine.export()["deployment"]
        assert not state.get("pending_operations")
        urns = [resource["urn"] for resource in state["resources"]]
        assert len(urns) == len(set(urns))
    finally:
        deployed.twin.reset()


def test_an_edited_policy_is_not_overwritten_unasked(tmp_path: Path) -> None:
    """Somebody wrote a policy before: creating ours fails with the way out, and nothing of theirs is lost."""
    deployed = Deployed(tmp_path / "twin", HOMELAB)
    deployed.twin.up()
    try:
        deployed.engine.prepare()
        theirs = {"grants": [], "tests": []}
        record = deployed.engine.standins / "tailscale.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        entry = {
            "id": "acl",
            "type": "tailscale:index/acl:Acl",
            "urn": "",
            "inputs": {"acl": json.dumps(theirs)},
            "outputs": {"acl": json.dumps(theirs)},
            "serial": "0" * 16,
        }
        record.write_text(json.dumps({"standIn": "tailscale", "entries": [entry]}))
        with pytest.raises(EngineError, match="412"):
            deployed.engine.up()
        [kept] = [one for one in held(deployed, "tailscale") if one["type"].endswith(":Acl")]
        assert json.loads(kept["inputs"]["acl"]) == theirs
    finally:
        deployed.twin.reset()


def test_the_twins_config_holds_no_key_of_the_owners_accounts(doors: Deployed) -> None:
    config = yaml.safe_load(doors.engine.config_file.read_text())["config"]
    for key in ("cloudflareApiToken", "tailscaleOauthClientSecret"):
        assert set(config[f"homebrain:{key}"]) == {"secure"}
