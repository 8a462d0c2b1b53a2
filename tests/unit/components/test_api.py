"""The API's room: what the service is told, who may ask it, and what it may reach."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import home
from brain import gathering
from brain.overview import Wanted
from brain.settings import Settings
from components import api
from components.plan import plan
from exposure.shape import as_data
from home import versions
from render import Evaluation, evaluate
from render.program import Secret
from tests.homes import changed
from tests.snapshots import described
from tests.unit.components.homes import HIDDEN, HOMELAB, rendered

PEOPLE: dict[str, Any] = {
    "path": "people",
    "set": [
        {"name": "Ada", "email": "Ada@example.com", "role": "owner"},
        {"name": "Ben", "email": "ben@example.com", "role": "family"},
        {"name": "Cy", "email": "cy@example.com", "role": "guest"},
    ],
}
FOR_FAMILY: dict[str, Any] = {"path": "apps.api.roles", "set": ["owner", "family"]}
NOT_PUBLIC: dict[str, Any] = {"path": "apps.api.doors", "set": ["tailnet"]}
# Programs come with tokens.
OWN_LOGIN: dict[str, Any] = {
    "path": "apps.api",
    "set": {"doors": ["public", "tailnet"], "hostname": "brain", "signIn": False, "programs": ["calendar"]},
}
FOR_A_PROGRAM: dict[str, Any] = {"path": "apps.api.programs", "set": ["calendar"]}
ALONE: list[dict[str, Any]] = [
    {"path": "apps", "set": {"api": {"programs": ["calendar"]}}},
    {"path": "domain", "remove": True},
]


def deployment(evaluation: Evaluation) -> dict[str, Any]:
    [found] = [
        one for one in evaluation.objects if (one["kind"], one["metadata"].get("namespace")) == ("Deployment", "brain")
    ]
    return dict(found)


def secret(evaluation: Evaluation, name: str) -> Mapping[str, Any]:
    """What a Secret of the room holds, in clear."""
    [found] = [one for one in evaluation.objects if one["kind"] == "Secret" and one["metadata"]["name"] == name]
    data = found["stringData"]
    assert isinstance(data, Secret), "the engine keeps it as a secret"
    assert isinstance(data.value, Mapping)
    return {key: value.value if isinstance(value, Secret) else value for key, value in data.value.items()}


def environment(evaluation: Evaluation) -> dict[str, str]:
    """What the container's variables are once the kubelet has looked Secrets up."""
    [container] = deployment(evaluation)["spec"]["template"]["spec"]["containers"]
    found: dict[str, str] = {}
    for one in container["env"]:
        reference = one.get("valueFrom", {}).get("secretKeyRef")
        found[one["name"]] = secret(evaluation, reference["name"])[reference["key"]] if reference else one["value"]
    return found


def settings(evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """What the service reads of it."""
    for name, value in environment(evaluation).items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.mark.parametrize(
    "edits", [[], [NOT_PUBLIC], [OWN_LOGIN], ALONE], ids=["both doors", "tailnet", "own login", "alone"]
)
def test_the_service_takes_everything_that_it_is_told(
    edits: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {name for name in environment(rendered(*edits)) if name.startswith("BRAIN_")}
    known = {f"BRAIN_{name.upper()}" for name in Settings.model_fields}
    assert told <= known
    settings(rendered(*edits), monkeypatch)


def test_it_asks_every_service_of_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(rendered(), monkeypatch)
    assert str(found.immich_url) == "http://immich-server.photos.svc:2283/"
    assert str(found.jellyfin_url) == "http://jellyfin.media.svc:8096/"
    assert str(found.prometheus_url) == "http://prometheus.monitoring.svc:9090/"
    assert str(found.kubernetes_url) == "https://kubernetes.default.svc/"


def test_the_tailnet_s_headers_are_believed_from_the_api_s_own_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(rendered(), monkeypatch)
    [proxy] = [
        one
        for one in rendered().objects
        if one["kind"] == "Deployment"
        and f"{one['metadata']['namespace']}/{one['metadata']['name']}" == found.tailnet_proxy_pods
    ]
    assert "http://api.brain.svc:8080" in str(
        [one["data"] for one in rendered().objects if one["metadata"]["name"] == f"{proxy['metadata']['name']}-serve"]
    )


def test_alone_it_asks_the_cluster_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(rendered(*ALONE), monkeypatch)
    assert (found.immich_url, found.jellyfin_url, found.prometheus_url) == (None, None, None)
    assert (found.tailnet_proxies, found.access_team, found.links) == ((), None, {})
    assert found.set_key == {}


def test_people_have_the_roles_that_the_home_gives_them_where_they_may_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(rendered(PEOPLE, FOR_FAMILY, NOT_PUBLIC), monkeypatch)
    assert found.roles == {"ada@example.com": "owner", "ben@example.com": "family"}
    # Whoever a door lets in by mistake has no role, and is refused.
    assert found.others is None


def test_who_comes_by_access_is_known_by_the_app_s_own_tag_and_its_program_by_its_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = settings(rendered(PEOPLE, FOR_FAMILY), monkeypatch)
    # What the recording monitor makes up for Cloudflare: render/program.py.
    assert str(found.access_team) == "https://generated-team.cloudflareaccess.com/"
    assert found.access_audiences == ("generated-audience-tag",)
    assert found.roles["generated-client-id"] == "program"


@pytest.mark.parametrize("edit", [NOT_PUBLIC, OWN_LOGIN])
def test_without_access_in_front_its_tokens_are_nobody_s(edit: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(rendered(edit), monkeypatch)
    assert (found.access_team, found.access_audiences) == (None, ())
    assert flows(rendered(edit)) == {
        "immich-server",
        "jellyfin",
        "prometheus",
        "kube-dns",
        "192.168.0.206/32",
        "100.81.236.27/32",
    }


def flows(evaluation: Evaluation) -> set[str]:
    """Where a NetworkPolicy lets it: pods by name, and ranges."""
    [policy] = [
        one
        for one in evaluation.objects
        if one["kind"] == "NetworkPolicy"
        and (one["metadata"]["namespace"], one["metadata"]["name"]) == ("brain", "api")
    ]
    return {peer_name(peer) for rule in policy["spec"]["egress"] for peer in rule["to"]}


def peer_name(peer: Mapping[str, Any]) -> str:
    if "ipBlock" in peer:
        return str(peer["ipBlock"]["cidr"])
    return str(next(iter(peer["podSelector"]["matchLabels"].values())))


def test_it_reaches_what_it_asks_and_cloudflares_keys() -> None:
    assert flows(rendered()) == {
        "immich-server", "jellyfin", "prometheus", "kube-dns", "192.168.0.206/32", "100.81.236.27/32", "0.0.0.0/0",
    }  # fmt: skip


def test_the_doors_and_who_watches_reach_it_and_nobody_else() -> None:
    [policy] = [
        one
        for one in rendered().objects
        if one["kind"] == "NetworkPolicy"
        and (one["metadata"]["namespace"], one["metadata"]["name"]) == ("brain", "api")
    ]
    callers = {peer_name(peer) for rule in policy["spec"]["ingress"] for peer in rule["from"]}
    assert callers == {"cloudflared", "proxy-api", "prometheus", "blackbox-exporter"}
    assert all(rule["ports"] == [{"protocol": "TCP", "port": 8080}] for rule in policy["spec"]["ingress"])


def test_keys_that_nobody_has_set_yet_are_asked_for_with_the_command_that_sets_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needed = {key: value for key, value in HIDDEN.items() if key not in ("immichApiKey", "jellyfinApiKey")}
    evaluation = evaluate(HOMELAB, needed, stack="homelab")
    assert secret(evaluation, api.KEYS) == {"immich": "", "jellyfin": ""}
    mounted(evaluation, tmp_path)
    for name, value in environment(evaluation).items():
        monkeypatch.setenv(name, value.replace("/run/secrets", str(tmp_path)))
    found = Settings()
    for app in ("immich", "jellyfin"):
        assert found.wanted(app) == Wanted(
            what=f"A key for {app.capitalize()}, which it makes for an administrator.",
            command=f"pulumi config set --secret homebrain:{app}ApiKey && pulumi up",
        )
    # The second step: the file changes, and nothing restarts.
    (tmp_path / api.KEYS / "immich").write_text("a-key")
    assert found.wanted("immich") is None
    assert found.key("immich")() == "a-key"


def mounted(evaluation: Evaluation, folder: Path) -> None:
    """The room's Secrets as the kubelet mounts them, each in its folder."""
    for name in (api.KEYS, api.TOKENS):
        (folder / name).mkdir()
        for key, value in secret(evaluation, name).items():
            (folder / name / key).write_text(value)


def test_a_key_that_is_set_is_in_its_secret_alone_and_rolls_nothing() -> None:
    with_keys = rendered()
    without = evaluate(HOMELAB, {**HIDDEN, "immichApiKey": "another"}, stack="homelab")
    assert secret(with_keys, api.KEYS)["immich"] == HIDDEN["immichApiKey"]
    assert secret(without, api.KEYS)["immich"] == "another"
    assert deployment(with_keys) == deployment(without)


def test_prometheus_and_each_program_have_a_token_that_the_service_knows(tmp_path: Path) -> None:
    evaluation = rendered(FOR_A_PROGRAM)
    known = json.loads(secret(evaluation, api.TOKENS)[api.TOKENS_FILE])
    assert set(known) == {"calendar", "prometheus"}
    assert known["prometheus"] == {**secret(evaluation, "prometheus-token"), "only": ["metrics"]}


def test_a_new_role_rolls_the_pods_which_read_it_once() -> None:
    def told(*edits: dict[str, Any]) -> str:
        template = deployment(rendered(PEOPLE, *edits))["spec"]["template"]
        return str(template["metadata"]["annotations"]["homebrain.io/told"])

    assert told(FOR_FAMILY) != told()
    assert told(FOR_FAMILY) == told(FOR_FAMILY)


def test_the_map_is_the_one_of_the_whole_home_and_restarts_nothing(tmp_path: Path) -> None:
    [found] = [one for one in rendered().objects if one["metadata"]["name"] == "api-map"]
    derived = as_data(described(HOMELAB, "home"))
    assert json.loads(found["data"]["exposure.json"]) == derived
    assert "brain/api" in {row["key"] for row in derived["rows"]}
    assert "homebrain.io/config" not in deployment(rendered())["spec"]["template"]["metadata"]["annotations"]


def test_the_service_can_read_the_map() -> None:
    [found] = [one for one in rendered().objects if one["metadata"]["name"] == "api-map"]
    shown = gathering.exposure_map(json.loads(found["data"]["exposure.json"]))
    [brain] = [row for row in shown.rows if row.title == "api"]
    assert set(brain.open_to) == {"signed-in", "tailnet-owner", "pods"}


def test_links_lead_where_they_can_be_opened_from() -> None:
    assert api.links(home.load(HOMELAB)) == {
        "immich": "https://photos.kanokgan.com/",
        "jellyfin": "https://films.kanokgan.com/",
        "prometheus": "https://grafana.dove-komodo.ts.net/",
    }
    assert api.links(home.load(changed(HOMELAB, ALONE))) == {}


def test_your_own_image_takes_the_place_of_the_project_s() -> None:
    own = "ghcr.io/ada/homebrain-api:v1.2.0"
    [container] = deployment(rendered({"path": "apps.api.image", "set": own}))["spec"]["template"]["spec"]["containers"]
    assert container["image"] == own
    [container] = deployment(rendered())["spec"]["template"]["spec"]["containers"]
    assert container["image"] == versions.load()["homebrain-api"].reference


def test_the_role_reads_four_kinds_and_no_more() -> None:
    assert api.role()["rules"] == [
        {"apiGroups": [""], "resources": ["nodes", "pods", "persistentvolumeclaims"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    ]


def test_a_home_without_it_has_nothing_of_it() -> None:
    here = home.load(changed(HOMELAB, [{"path": "apps.api", "remove": True}]))
    assert plan(here, versions.load()).api is None
    assert "brain" not in plan(here, versions.load()).workloads
    with pytest.raises(ValueError, match="no API"):
        api.server(here, versions.load())
