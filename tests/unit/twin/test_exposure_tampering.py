"""Whatever is tampered with in what a twin holds, the map that is read back differs from the description in just the
cells that it should.

`tampered.yaml` says which: for each tampering the ways that it opens and those that it closes, each as `row, column:
way`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exposure import Exposure, differences
from exposure.difference import Differing
from tests.snapshots import described, found, snapshot_of
from tests.unit.twin.tampering import (
    CONFIG,
    Change,
    Tamper,
    allowed,
    an_entry,
    an_object,
    every,
    given_the_tunnels_token,
    grant,
    network_policy,
    served_by,
    the_policy,
    with_application,
    with_object,
    with_pod,
    with_record,
    with_rule,
    without,
    without_entry,
)
from twin.exposure.snapshot import Snapshot
from twin.standins.cloudflare import ACCESS_APPLICATION, ACCESS_POLICY, DNS_RECORD, TUNNEL_CONFIG
from twin.standins.tailscale import ACL, DNS_PREFERENCES, TAILNET_KEY, TAILNET_SETTINGS

EXPECTED: Final = Path(__file__).with_name("tampered.yaml")

DATABASE: Final = "photos/immich-database"
CONNECTOR: Final = "tunnel/cloudflared"
PHOTOS_AT: Final = "http://immich-server.photos.svc:2283"
DATABASE_AT: Final = "immich-database.photos.svc:5432"
TO_DATABASE: Final = {"hostname": "db.example.com", "service": f"tcp://{DATABASE_AT}"}
BYPASS: Final = {"decision": "bypass", "includes": [{"everyone": {}}]}
ANYWHERE: Final = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}
FROM_ANYWHERE: Final = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}


def labelled(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def spec(**values: Any) -> Change:
    return lambda one: one["spec"].update(values)


def port(**values: Any) -> Change:
    return lambda one: one["spec"]["ports"][0].update(values)


def setting(**values: Any) -> Change:
    return lambda inputs: inputs.update(values)


def last_rule(**values: Any) -> Tamper:
    return an_entry(TUNNEL_CONFIG, "homebrain", lambda one: one["config"]["ingresses"][-1].update(values))


def people(change: Change) -> Tamper:
    return an_entry(ACCESS_POLICY, "immich-people", change)


def including(rule: Mapping[str, Any]) -> Tamper:
    return people(lambda one: one["includes"].append(rule))


def in_group(name: str, email: str) -> Tamper:
    return the_policy(lambda one: one["groups"][f"group:{name}"].append(email))


def host_port(one: Any) -> None:
    one["spec"]["containers"][0]["ports"][0]["hostPort"] = 8096


def node_port(one: Any) -> None:
    spec(type="NodePort")(one)
    port(nodePort=30432)(one)


NO_TOKEN_ASKED: Final = an_entry(
    TUNNEL_CONFIG,
    "homebrain",
    lambda one: [rule.pop("originRequest", None) for rule in one["config"]["ingresses"]],
)
ANY_TOKEN: Final = {"anyValidServiceToken": {}}

TAMPERINGS: Final[Mapping[str, Tamper]] = {
    # Names, and the tunnel.
    "a stray DNS record leads past the tunnel": with_record("nas.example.com", "203.0.113.7", "A", False),
    "a record for an app that isn't public leads to the tunnel": with_record("queue.example.com"),
    "every name leads to the tunnel": with_record("*.example.com"),
    "a record is no longer proxied": an_entry(DNS_RECORD, "jellyfin", setting(proxied=False)),
    "a record is lost": without_entry(DNS_RECORD, "jellyfin"),
    "a rule for the database, which nothing lets in": every(with_record("db.example.com"), with_rule(TO_DATABASE)),
    "a rule for the database, and policies that let it in": every(
        with_record("db.example.com"), with_rule(TO_DATABASE), allowed(CONNECTOR, DATABASE, 5432)
    ),
    "a rule leads to a machine by a name of its own": every(
        with_record("nas.example.com"), with_rule({"hostname": "nas.example.com", "service": "https://nas.lan"})
    ),
    "a rule is lost": an_entry(TUNNEL_CONFIG, "homebrain", lambda one: one["config"]["ingresses"].pop(0)),
    "the last rule serves an app instead of 404": last_rule(service="http://jellyfin.media.svc:8096"),
    "a second name for photos, for which Access isn't asked": every(
        with_record("p.example.com"), with_rule({"hostname": "p.example.com", "service": PHOTOS_AT})
    ),
    "another pod is given the tunnel's token, and may talk to the database": every(
        given_the_tunnels_token("default", "stray"),
        with_record("db.example.com"),
        with_rule(TO_DATABASE),
        network_policy("photos", {"podSelector": {"matchLabels": labelled("immich-database")}, "ingress": [{}]}),
    ),
    # Cloudflare Access.
    "the Access application is removed": without_entry(ACCESS_APPLICATION, "immich"),
    "the Access application is removed, and the connector asks for no token": every(
        without_entry(ACCESS_APPLICATION, "immich"), NO_TOKEN_ASKED
    ),
    "an Access policy lets everyone in": including({"everyone": {}}),
    "an Access policy lets in another address": including({"email": {"email": "x@example.org"}}),
    "an Access policy lets in a guest": including({"email": {"email": "cleo@example.net"}}),
    "an Access policy lets in a whole domain": including({"emailDomain": {"domain": "example.org"}}),
    "an Access policy lets in any program": an_entry(ACCESS_POLICY, "immich-programs", setting(includes=[ANY_TOKEN])),
    "an Access policy is made to bypass": every(
        an_entry(ACCESS_APPLICATION, "immich", setting(policies=[BYPASS])), NO_TOKEN_ASKED
    ),
    "a bypass is opened below one path": every(with_application("photos.example.com/share", BYPASS), NO_TOKEN_ASKED),
    "an Access policy denies what it allowed": people(setting(decision="deny")),
    # The tailnet.
    "a grant is widened to every port": grant("group:family", "tag:app-immich", "*"),
    "a grant is widened to guests": grant("group:guest", "tag:app-immich", "tcp:443"),
    "a grant lets guests at the NAS": grant("group:guest", "nas", "tcp:445"),
    "a grant lets the family log in to machines": grant("group:family", "tag:node", "tcp:22"),
    "a grant lets one proxy reach the other": grant("tag:app-jellyfin", "tag:app-immich", "tcp:443"),
    "a grant lets people of other tailnets come in": grant("autogroup:shared", "tag:app-immich", "tcp:443"),
    "a person is added to a group": in_group("owner", "ben@example.com"),
    "a stranger is added to a group": in_group("family", "x@example.org"),
    "a person is taken out of a group": the_policy(lambda one: one["groups"].update({"group:family": []})),
    "everybody may reach everything": the_policy(setting(acls=[{"action": "accept", "src": ["*"], "dst": ["*:*"]}])),
    "the tailnet's policy is removed": without_entry(ACL, "policy"),
    "guests may give machines the tag of an app": the_policy(
        lambda one: one["tagOwners"].update({"tag:app-immich": ["group:guest"]})
    ),
    "machines may be shown to the internet": the_policy(
        setting(nodeAttrs=[{"target": ["tag:app-immich"], "attr": ["funnel"]}])
    ),
    "a proxy has lost its key": without_entry(TAILNET_KEY, "immich"),
    "a proxy's key has another app's tag": an_entry(TAILNET_KEY, "immich", setting(tags=["tag:app-jellyfin"])),
    "HTTPS names are switched off": an_entry(TAILNET_SETTINGS, "settings", setting(httpsEnabled=False)),
    "MagicDNS is switched off": an_entry(DNS_PREFERENCES, "dns", setting(magicDns=False)),
    "a proxy shows its app to the internet": served_by(
        "immich", lambda one: one["AllowFunnel"].update({"${TS_CERT_DOMAIN}:443": True})
    ),
    "a proxy serves the database instead": served_by(
        "immich", lambda one: one["Web"]["${TS_CERT_DOMAIN}:443"]["Handlers"]["/"].update(Proxy=f"http://{DATABASE_AT}")
    ),
    "a proxy serves the database besides, and policies let it": every(
        served_by("immich", lambda one: one["TCP"].update({"5432": {"TCPForward": DATABASE_AT}})),
        grant("group:family", "tag:app-immich", "tcp:5432"),
        allowed("tailnet/proxy-immich", DATABASE, 5432),
    ),
    "a proxy serves another app": served_by(
        "jellyfin", lambda one: one["Web"]["${TS_CERT_DOMAIN}:443"]["Handlers"]["/"].update(Proxy=PHOTOS_AT)
    ),
    # NetworkPolicies.
    "the default-deny of a namespace is removed": without("NetworkPolicy", "media", "default-deny"),
    "the policy of the database is lost": without("NetworkPolicy", "photos", "immich-database"),
    "the policy of the connector is lost": without("NetworkPolicy", "tunnel", "cloudflared"),
    "every policy of a namespace is lost": without("NetworkPolicy", "media", "default-deny", "jellyfin"),
    "the policies at both ends are widened": every(
        network_policy("photos", FROM_ANYWHERE), network_policy("media", ANYWHERE)
    ),
    "a policy lets an app leave for the LAN": network_policy(
        "media",
        {
            "podSelector": {"matchLabels": labelled("jellyfin")},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.1.0/24"}}], "ports": [{"port": 445}]}],
        },
    ),
    "a pod has the connector's label, and runs beside it": with_pod("tunnel", "stray", labelled("cloudflared")),
    "a namespace has lost its label": an_object(
        "Namespace", "", "tunnel", lambda one: one["metadata"]["labels"].pop("kubernetes.io/metadata.name")
    ),
    "another namespace poses as the connector's": every(
        with_object("Namespace", "", "stray", labels={"kubernetes.io/metadata.name": "tunnel"}),
        network_policy("stray", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}, "default-deny"),
        network_policy("stray", {**ANYWHERE, "podSelector": {"matchLabels": labelled("cloudflared")}}),
        with_pod("stray", "stray", labelled("cloudflared")),
    ),
    "pods of an app have lost their label": an_object(
        "Pod", "photos", "immich-database", lambda one: one["metadata"]["labels"].clear()
    ),
    # Without a door.
    "a Service becomes a NodePort": an_object("Service", "photos", "immich-database", node_port),
    "a Service becomes a LoadBalancer": an_object("Service", "media", "jellyfin", spec(type="LoadBalancer")),
    "a Service has an address outside": an_object("Service", "photos", "immich-queue", spec(externalIPs=["10.0.1.10"])),
    "a stray NodePort leads to the database": with_object(
        "Service",
        "photos",
        "stray",
        spec={
            "type": "NodePort",
            "selector": labelled("immich-database"),
            "ports": [{"port": 5432, "nodePort": 30432}],
        },
    ),
    "a container has a host port": an_object("Pod", "media", "jellyfin", host_port),
    "a pod moves to its host's network": an_object("Pod", "photos", "immich-queue", spec(hostNetwork=True)),
    "a stray pod is on its host's network": with_pod("default", "stray", hostNetwork=True),
    # What a Service leads to.
    "a Service catches another pod of the same label": with_pod(
        "media",
        "stray",
        labelled("jellyfin"),
        containers=[{"name": "stray", "ports": [{"name": "http", "containerPort": 8096}]}],
    ),
    "a Service leads to the database": an_object(
        "Service",
        "photos",
        "immich-server",
        lambda one: (spec(selector=labelled("immich-database"))(one), port(targetPort=5432)(one)),
    ),
    "a Service leads to the database, and policies let the connector": every(
        an_object("Service", "photos", "immich-server", spec(selector=labelled("immich-database"))),
        an_object("Service", "photos", "immich-server", port(targetPort=5432)),
        allowed(CONNECTOR, DATABASE, 5432),
    ),
    "a Service is another name for something outside": an_object(
        "Service", "photos", "immich-server", spec(type="ExternalName", externalName="nas.example.com", selector=None)
    ),
    "a Service is lost": without("Service", "media", "jellyfin"),
}

# What looks like trouble, and lets nobody reach anything more or less.
HARMLESS: Final[Mapping[str, Tamper]] = {
    "a rule of the tunnel for a name that leads nowhere": with_rule(TO_DATABASE),
    "an Access application for a name that isn't there": with_application("other.example.com", BYPASS),
    "a proxy serves the database besides, which nothing lets in": served_by(
        "immich", lambda one: one["TCP"].update({"5432": {"TCPForward": DATABASE_AT}})
    ),
    "a policy denies once more": network_policy("media", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    "a policy lets in what may not leave": network_policy(
        "photos",
        {
            "podSelector": {"matchLabels": labelled("immich-database")},
            "ingress": [{"from": [{"podSelector": {"matchLabels": labelled("immich-machine-learning")}}]}],
        },
    ),
    "a finished pod": with_object(
        "Pod", "default", "done", spec={"containers": [], "hostNetwork": True}, status={"phase": "Succeeded"}
    ),
}


@cache
def untampered() -> Snapshot:
    return snapshot_of(CONFIG)


@cache
def wanted() -> Exposure:
    return described(CONFIG)


@cache
def expectations() -> dict[str, dict[str, list[str]]]:
    read: dict[str, dict[str, list[str]]] = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    return read


def differing(tamper: Tamper) -> tuple[Differing, ...]:
    return differences(wanted(), found(CONFIG, tamper(untampered())))


def told(given: tuple[Differing, ...]) -> dict[str, list[str]]:
    """What differs, as `tampered.yaml` writes it."""
    opens = [f"{one.row.key}, {one.column.key}: {way}" for one in given for way in one.opened]
    closes = [f"{one.row.key}, {one.column.key}: {way}" for one in given for way in one.closed]
    return {key: lines for key, lines in (("opens", opens), ("closes", closes)) if lines}


def test_what_nobody_tampered_with_is_what_is_described() -> None:
    assert differences(wanted(), found(CONFIG, untampered())) == ()


def test_the_map_says_yes_and_no() -> None:
    """To the owner of the home that is tampered with, and to others: not derived, but written down."""
    there = found(CONFIG, untampered())
    photos, films, database = there["photos/immich-server"], there["media/jellyfin"], there["photos/immich-database"]
    assert [one.is_open for one in films.cells] == [True, False, True, True, True, False, False, True]
    assert [one.is_open for one in photos.cells] == [False, True, True, True, False, False, False, True]
    assert [one.is_open for one in database.cells] == [False, False, False, False, False, False, False, True]
    assert [str(one) for one in database["pods"].ways] == ["photos/immich-server → immich-database:5432"]
    assert [str(one) for one in photos["signed-in"].ways] == [
        "photos.example.com → Access → tunnel → immich-server:2283 (for Ada, Ben and programs with a service token)"
    ]
    assert [one.is_open for one in there["nas"].cells] == [False, False, True, False, False, True, True, True]


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_caught_in_just_the_cells_that_it_changes(what: str) -> None:
    assert told(differing(TAMPERINGS[what])) == expectations()[what]


@pytest.mark.parametrize("what", HARMLESS)
def test_what_changes_nothing_for_anybody_is_no_difference(what: str) -> None:
    assert told(differing(HARMLESS[what])) == {}


def test_every_tampering_has_its_expectation_and_makes_a_difference() -> None:
    assert list(expectations()) == list(TAMPERINGS)
    assert all(any(lines for lines in one.values()) for one in expectations().values())


def test_a_difference_tells_both_sides_with_their_ways() -> None:
    [one] = differing(TAMPERINGS["an Access policy lets in another address"])
    assert str(one) == (
        "immich, Internet (signed in): described yes, by photos.example.com → Access → tunnel → immich-server:2283 "
        "(for Ada, Ben and programs with a service token); found yes, by photos.example.com → Access → tunnel → "
        "immich-server:2283 (for Ada, Ben, programs with a service token and x@example.org)"
    )
    [lost, _] = differing(TAMPERINGS["a record is lost"])
    assert str(lost) == (
        "jellyfin, Internet (anybody): described yes, by films.example.com → tunnel → jellyfin:8096; found no, because "
        "no proxied DNS record leads films.example.com to the tunnel"
    )
