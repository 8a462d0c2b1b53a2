"""The API on a twin: where it runs, what it may ask, who it knows, and what its own code makes of all that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from brain.__main__ import application
from brain.settings import Settings
from components import api as room
from demo import twin as demo_twin
from demo.serving import serving
from tests.twin.deployed import Deployed, changed_home
from tests.twin.objects import eventually

pytestmark = [pytest.mark.engine]

CALENDAR = "calendar"


def with_a_program(config: dict[str, Any]) -> None:
    config["homebrain:apps"]["api"]["programs"] = [CALENDAR]


@pytest.fixture(scope="module")
def brain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The owner's home, with a program that may ask."""
    folder = tmp_path_factory.mktemp("brain")
    deployed = Deployed(folder / "twin", changed_home(folder / "Pulumi.homelab.yaml", with_a_program))
    deployed.twin.up()
    try:
        deployed.engine.up()
        yield deployed
    finally:
        deployed.twin.reset()


def nodes(deployed: Deployed) -> list[str]:
    """Where it runs."""
    pods = deployed.pods("brain", "api")
    return sorted(pod["spec"]["nodeName"] for pod in pods if pod["status"]["phase"] == "Running")


def test_with_the_worker_away_its_two_replicas_run_on_the_other_two_nodes(brain: Deployed) -> None:
    assert nodes(brain) == ["k3s-gpu", "k3s-master"]


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"),
    [
        ("list", "nodes", True),
        ("list", "pods", True),
        ("list", "persistentvolumeclaims", True),
        ("list", "deployments.apps", True),
        ("list", "secrets", False),
        ("list", "configmaps", False),
        ("delete", "pods", False),
        ("create", "pods/exec", False),
        ("get", "nodes/proxy", False),
    ],
)
def test_it_may_read_what_it_tells_of_and_nothing_else(
    brain: Deployed, verb: str, resource: str, allowed: bool
) -> None:
    kind, _, group = resource.partition(".")
    assert brain.may("brain/api", verb, kind, group=group) is allowed


def test_it_knows_prometheus_and_the_program_by_their_tokens(brain: Deployed) -> None:
    known = json.loads(brain.secret(room.TOKENS, "brain")[room.TOKENS_FILE])
    assert set(known) == {"prometheus", CALENDAR}
    assert brain.secret("prometheus-token", "monitoring") == {"token": known["prometheus"]["token"]}
    outputs = json.loads(brain.engine.run("stack", "output", "--json", "--show-secrets").output)
    assert outputs["api"] == {"url": "http://api.brain.svc:8080", "tokens": {CALENDAR: known[CALENDAR]}}


def test_it_knows_whom_access_let_in_by_the_app_s_own_tag(brain: Deployed) -> None:
    state = brain.engine.export()["deployment"]["resources"]
    [application_] = [
        one for one in state if one["type"].endswith(":ZeroTrustAccessApplication") and one["urn"].endswith("::api")
    ]
    people = brain.secret(room.PEOPLE, "brain")
    assert json.loads(people["audiences"]) == [application_["outputs"]["aud"]]
    assert people["team"] == "https://kanokgan-stand-in.cloudflareaccess.com"
    assert set(json.loads(people["roles"]).values()) == {"owner", "program"}


class Kubelet:
    """What a kubelet would give a container: variables looked up, Secrets and ConfigMaps as files below a folder."""

    def __init__(self, deployed: Deployed, folder: Path) -> None:
        self.deployed, self.folder = deployed, folder
        found = deployed.api.get("Deployment", "api", "brain")
        assert found
        self.pod = found["spec"]["template"]["spec"]
        [self.container] = self.pod["containers"]

    def mount(self) -> None:
        """Write the files, as they are now."""
        volumes = {one["name"]: one for one in self.pod["volumes"]}
        for mount in self.container["volumeMounts"]:
            volume = volumes[mount["name"]]
            where = self.at(mount["mountPath"])
            where.mkdir(parents=True, exist_ok=True)
            for name, text in self._files(volume).items():
                (where / name).write_text(text)

    def _files(self, volume: Mapping[str, Any]) -> Mapping[str, str]:
        if "secret" in volume:
            return self.deployed.secret(volume["secret"]["secretName"], "brain")
        config = self.deployed.api.get("ConfigMap", volume["configMap"]["name"], "brain")
        assert config
        data: Mapping[str, str] = config["data"]
        return data

    def at(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def environment(self) -> dict[str, str]:
        """The variables; paths of mounts lead below the folder."""
        found: dict[str, str] = {}
        for one in self.container["env"]:
            reference = one.get("valueFrom", {}).get("secretKeyRef")
            text = self.deployed.secret(reference["name"], "brain")[reference["key"]] if reference else one["value"]
            found[one["name"]] = str(self.at(text)) if text.startswith(("/run/", "/etc/")) else text
        return found

    def token(self) -> str:
        """A token of the pod's own account."""
        account = self.pod["serviceAccountName"]
        answer = self.deployed.api.request(
            "POST",
            f"/api/v1/namespaces/brain/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
        )
        return str(answer["status"]["token"])


@asynccontextmanager
async def started(kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The service's own code, told what its container is told; its address. Only where the API server is, and by which
    authority it is known, is the twin's."""
    kubelet.mount()
    for name, value in kubelet.environment().items():
        monkeypatch.setenv(name, value)
    server = demo_twin.find(kubelet.deployed.twin.kubeconfig)
    assert server is not None
    for name, text in (("TOKEN", kubelet.token()), ("CA", server.authority)):
        (kubelet.folder / name).write_text(text)
    monkeypatch.setenv("BRAIN_KUBERNETES_URL", server.url)
    monkeypatch.setenv("BRAIN_KUBERNETES_KEY_FILE", str(kubelet.folder / "TOKEN"))
    monkeypatch.setenv("BRAIN_KUBERNETES_CA_FILE", str(kubelet.folder / "CA"))
    async with serving(application(Settings())) as address:
        yield address


@pytest.mark.anyio
async def test_its_own_code_runs_with_what_its_container_is_told(
    brain: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubelet = Kubelet(brain, tmp_path)
    tokens = json.loads(brain.secret(room.TOKENS, "brain")[room.TOKENS_FILE])
    async with (
        started(kubelet, monkeypatch) as address,
        httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/api/v1/overview")).status_code == 401
        # It comes from this machine, which is no proxy of the tailnet, whatever it says.
        spoofed = {"Tailscale-User-Login": "kanokgan@kanokgan.com"}
        assert (await client.get("/api/v1/overview", headers=spoofed)).status_code == 401

        as_prometheus = {"Authorization": f"Bearer {tokens['prometheus']['token']}"}
        told = (await client.get("/metrics", headers=as_prometheus)).text
        assert "brain_service_verdict" in told
        assert (await client.get("/api/v1/overview", headers=as_prometheus)).status_code == 403

        as_calendar = {"Authorization": f"Bearer {tokens[CALENDAR]}"}
        overview = (await client.get("/api/v1/overview", headers=as_calendar)).json()
        verdicts = {one["service"]: one for one in overview["services"]}
        assert set(verdicts) == {"immich", "jellyfin", "kubernetes", "prometheus"}
        # With the rights of its account it sees the cluster, and says of the one machine what everybody knows.
        assert verdicts["kubernetes"]["reasons"] == ["k3s-worker doesn't answer any more."]
        assert [one["node"] for one in overview["gpus"]["items"]] == ["k3s-master"]
        # Nothing answers by the names of Services here, and each says so for itself.
        assert {verdicts[name]["verdict"] for name in ("immich", "jellyfin", "prometheus")} == {"down"}
        assert verdicts["immich"]["needs"]["command"] == (
            "pulumi config set --secret homebrain:immichApiKey && pulumi up"
        )
        exposed = (await client.get("/api/v1/exposure", headers=as_calendar)).json()
        assert "brain/api" in json.dumps(exposed)


def test_a_key_is_set_in_one_step_and_nothing_restarts(brain: Deployed) -> None:
    before = brain.api.get("Deployment", "api", "brain")
    key = "made-by-an-administrator"
    brain.engine.run("config", "set", "--secret", "homebrain:immichApiKey", key)
    assert brain.engine.up().changed == 1
    assert brain.secret(room.KEYS, "brain") == {"immich": key, "jellyfin": ""}
    after = brain.api.get("Deployment", "api", "brain")
    assert before
    assert after
    assert before["spec"] == after["spec"]


def test_no_secret_of_it_is_in_clear(brain: Deployed) -> None:
    tokens = json.loads(brain.secret(room.TOKENS, "brain")[room.TOKENS_FILE])
    keys = filter(None, brain.secret(room.KEYS, "brain").values())
    brain.assert_hidden([tokens[CALENDAR], tokens["prometheus"]["token"], *keys])


def test_once_the_worker_answers_one_of_them_runs_there_and_one_elsewhere(tmp_path: Path) -> None:
    def answers(config: dict[str, Any]) -> None:
        for node in config["homebrain:nodes"]:
            # With a third node, a crowded one would be left by chance.
            node["state"] = "unknown" if node["name"] == "k3s-gpu" else "ready"
        # Alone it is soon up, and what else a home runs doesn't change where it goes.
        config["homebrain:apps"] = {"api": {"prefers": "k3s-worker", "programs": [CALENDAR]}}
        del config["homebrain:domain"]
        del config["homebrain:nas"]

    deployed = Deployed(tmp_path / "twin", changed_home(tmp_path / "Pulumi.homelab.yaml", answers))
    deployed.twin.up()
    try:
        deployed.engine.up()
        assert nodes(deployed) == ["k3s-master", "k3s-worker"]
        # A new generation is spread as well, though it comes while the old one is still there.
        for generation in ("second", "third"):
            template = {"metadata": {"annotations": {"generation": generation}}}
            change = json.dumps({"spec": {"template": template}})
            deployed.kubectl("-n", "brain", "patch", "deployment/api", "--patch", change)
            deployed.kubectl("-n", "brain", "rollout", "status", "deployment/api", "--timeout", "120s")
            eventually(lambda: len(deployed.pods("brain", "api")), 2)
            assert nodes(deployed) == ["k3s-master", "k3s-worker"]
    finally:
        deployed.twin.reset()
