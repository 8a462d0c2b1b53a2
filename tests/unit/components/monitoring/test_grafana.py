"""Grafana: closed, off the internet, and told by files alone what to show."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

import home
from components import names
from components.flows import ToWorkload
from components.monitoring import grafana
from components.monitoring.dashboards import dashboards
from components.objects import config_maps, controller, pod_template
from components.workload import Workload, pod_security_level
from home import Home
from tests.homes import changed
from tests.unit.components.homes import HOMELAB

IMAGE = home.versions.load()["grafana"]


def homelab(*edits: dict[str, Any]) -> Home:
    return home.load(changed(HOMELAB, list(edits)))


def server(of: Home) -> Workload:
    return grafana.server(of, ("k3s-master",), IMAGE, dashboards(of))


SERVER = server(homelab())
MAPS = {one["metadata"]["name"]: one["data"] for one in config_maps(SERVER)}
MOUNTED = {
    mount["mountPath"]: next(one for one in pod_template(SERVER)["spec"]["volumes"] if one["name"] == mount["name"])
    for mount in pod_template(SERVER)["spec"]["containers"][0]["volumeMounts"]
}


def settings(of: Home) -> dict[str, str]:
    return grafana.environment(of, dashboards(of))


def test_it_deviates_from_nothing() -> None:
    assert SERVER.deviations == {}
    assert pod_security_level([SERVER]) == "restricted"


def test_it_reaches_what_knows_something_and_nothing_else() -> None:
    assert set(SERVER.talks_to) == {
        ToWorkload(names.MONITORING, name, "http") for name in ("prometheus", "loki", "alertmanager")
    }


def test_two_of_it_never_write_to_one_database() -> None:
    assert controller(SERVER)["spec"]["strategy"] == {"type": "Recreate"}


def test_the_password_is_a_file_of_a_secret_and_stands_nowhere() -> None:
    path = settings(homelab())["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    folder, _, key = path.rpartition("/")
    assert MOUNTED[folder]["secret"]["secretName"] == grafana.PASSWORD
    assert key == grafana.PASSWORD_KEY
    assert "GF_SECURITY_ADMIN_PASSWORD" not in settings(homelab())


@pytest.mark.parametrize(
    "name",
    [
        "GF_AUTH_ANONYMOUS_ENABLED",
        "GF_USERS_ALLOW_SIGN_UP",
        "GF_PUBLIC_DASHBOARDS_ENABLED",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED",
        "GF_ANALYTICS_REPORTING_ENABLED",
        "GF_ANALYTICS_CHECK_FOR_UPDATES",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "GF_NEWS_NEWS_FEED_ENABLED",
    ],
)
def test_what_would_let_somebody_in_or_ask_the_internet_is_off(name: str) -> None:
    assert settings(homelab())[name] == "false"


def test_the_data_sources_of_the_image_are_left_as_they_are() -> None:
    assert settings(homelab())["GF_PLUGINS_PREINSTALL_DISABLED"] == "true"


@pytest.mark.parametrize(
    ("doors", "url"),
    [
        (["tailnet"], "https://grafana.dove-komodo.ts.net/"),
        (["public"], "https://grafana.kanokgan.com/"),
        (["public", "tailnet"], "https://grafana.dove-komodo.ts.net/"),
    ],
)
def test_its_links_lead_to_the_name_by_which_people_come_in(doors: list[str], url: str) -> None:
    assert settings(homelab({"path": "apps.monitoring.doors", "set": doors}))["GF_SERVER_ROOT_URL"] == url


def test_without_a_door_it_has_no_name() -> None:
    shut = homelab(*({"path": f"apps.monitoring.{key}", "remove": True} for key in ("doors", "hostname")))
    assert "GF_SERVER_ROOT_URL" not in settings(shut)


def test_each_folder_of_dashboards_is_where_its_provider_looks() -> None:
    folders = MAPS[MOUNTED["/etc/grafana/provisioning/dashboards"]["configMap"]["name"]]
    providers = yaml.safe_load(folders["folders.yaml"])["providers"]
    assert [one["folder"] for one in providers] == ["Home", "Apps", "Operation"]
    shown = {}
    for one in providers:
        content = MAPS[MOUNTED[one["options"]["path"]]["configMap"]["name"]]
        shown |= {json.loads(text)["uid"]: one["folder"] for text in content.values()}
    assert shown == {one.uid: one.folder for one in dashboards(homelab())}


def test_the_first_page_is_a_file_that_is_there() -> None:
    folder, _, name = settings(homelab())["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].rpartition("/")
    assert name in MAPS[MOUNTED[folder]["configMap"]["name"]]


def test_the_sources_answer_where_their_flows_lead() -> None:
    sources = MAPS[MOUNTED["/etc/grafana/provisioning/datasources"]["configMap"]["name"]]
    told = yaml.safe_load(sources["sources.yaml"])["datasources"]
    flows = {flow.workload for flow in SERVER.talks_to if isinstance(flow, ToWorkload)}
    assert {one["uid"] for one in told} == flows
    for one in told:
        assert one["url"].startswith(f"http://{one['uid']}.{names.MONITORING}.svc:")
    assert [one["uid"] for one in told if one.get("isDefault")] == ["prometheus"]


def test_people_reach_the_port_on_which_it_listens() -> None:
    assert SERVER.ports[grafana.FRONT.port] == grafana.FRONT.number
    assert (SERVER.name, SERVER.namespace) == (grafana.FRONT.workload, grafana.FRONT.namespace)


def test_a_home_without_monitoring_has_no_server() -> None:
    without = homelab({"path": "apps.monitoring", "remove": True})
    with pytest.raises(ValueError, match="no monitoring"):
        server(without)
