"""Whatever is tampered with in what a twin holds, the map that is read back differs from the description in just the
cells that it should."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from exposure import Exposure, differences
from tests.snapshots import described, found, snapshot_of
from tests.unit.twin.tampering import (
    CONFIG,
    Tamper,
    an_entry,
    an_object,
    every,
    given_the_tunnels_token,
    grant,
    network_policy,
    served_by,
    the_policy,
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

PHOTOS: Final = "photos/immich-server"
DATABASE: Final = "photos/immich-database"
QUEUE: Final = "photos/immich-queue"
FILMS: Final = "media/jellyfin"
PHOTOS_PROXY: Final = "tailnet/proxy-immich"
FILMS_PROXY: Final = "tailnet/proxy-jellyfin"
CONNECTOR: Final = "tunnel/cloudflared"
DOMAIN: Final = "names/domain"
TAILNET: Final = "names/tailnet"

TO_DATABASE: Final = {"hostname": "db.example.com", "service": "tcp://immich-database.photos.svc:5432"}
ANYBODY_AT_THE_DATABASE: Final = network_policy(
    "photos", {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "immich-database"}}, "ingress": [{}]}
)
CONNECTOR_ANYWHERE: Final = network_policy("tunnel", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]})


def spec(**values: Any) -> Any:
    return lambda one: one["spec"].update(values)


def first_container(**values: Any) -> Any:
    return lambda one: one["spec"]["containers"][0].update(values)


def policies(*given: Any) -> Any:
    return lambda inputs: inputs.update(policies=list(given))


@dataclass(frozen=True)
class Tampering:
    """What somebody did, and what of the map it changes: by row and column, a piece of what is then told."""

    what: str
    tamper: Tamper
    changes: dict[tuple[str, str], str]

    def __str__(self) -> str:
        return self.what


TAMPERINGS: Final = (
    # Names, and the tunnel.
    Tampering("a stray DNS record leads past the tunnel", with_record("nas.example.com", "203.0.113.7", "A", False), {}),
    Tampering("a record for an app that isn't public leads to the tunnel", with_record("queue.example.com"), {}),
    Tampering(
        "a record is no longer proxied", an_entry(DNS_RECORD, "jellyfin", lambda one: one.update(proxied=False)), {}
    ),
    Tampering("a record is lost", without_entry(DNS_RECORD, "jellyfin"), {}),
    Tampering("a rule for the database, which nothing lets in", every(with_record("db.example.com"), with_rule(TO_DATABASE)), {}),
    Tampering(
        "a rule for the database, and policies that let it in",
        every(with_record("db.example.com"), with_rule(TO_DATABASE), ANYBODY_AT_THE_DATABASE, CONNECTOR_ANYWHERE),
        {},
    ),
    Tampering(
        "the last rule serves an app instead of 404",
        an_entry(
            TUNNEL_CONFIG,
            "homebrain",
            lambda one: one["config"]["ingresses"][-1].update(service="http://jellyfin.media.svc:8096"),
        ),
        {},
    ),
    Tampering("a second name for photos, for which Access isn't asked", every(
        with_record("p.example.com"), with_rule({"hostname": "p.example.com", "service": "http://immich-server.photos.svc:2283"})), {}),
    Tampering("another pod is given the tunnel's token", given_the_tunnels_token("default", "stray"), {}),
    # Cloudflare Access.
    Tampering("the Access application is removed", without_entry(ACCESS_APPLICATION, "immich"), {}),
    Tampering(
        "the Access application is removed, and the connector asks for no token",
        every(
            without_entry(ACCESS_APPLICATION, "immich"),
            an_entry(TUNNEL_CONFIG, "homebrain", lambda one: [rule.pop("originRequest", None) for rule in one["config"]["ingresses"]]),
        ),
        {},
    ),
    Tampering(
        "an Access policy lets everyone in",
        an_entry(ACCESS_POLICY, "immich-people", lambda one: one["includes"].append({"everyone": {}})),
        {},
    ),
    Tampering(
        "an Access policy lets in another address",
        an_entry(ACCESS_POLICY, "immich-people", lambda one: one["includes"].append({"email": {"email": "x@example.org"}})),
        {},
    ),
    Tampering(
        "an Access policy lets in a guest",
        an_entry(ACCESS_POLICY, "immich-people", lambda one: one["includes"].append({"email": {"email": "cleo@example.net"}})),
        {},
    ),
    Tampering(
        "an Access policy is made to bypass",
        every(
            an_entry(ACCESS_APPLICATION, "immich", policies({"decision": "bypass", "includes": [{"everyone": {}}]})),
            an_entry(TUNNEL_CONFIG, "homebrain", lambda one: [rule.pop("originRequest", None) for rule in one["config"]["ingresses"]]),
        ),
        {},
    ),
    Tampering(
        "an Access policy denies what it allowed",
        an_entry(ACCESS_POLICY, "immich-people", lambda one: one.update(decision="deny")),
        {},
    ),
    # The tailnet.
    Tampering("a grant is widened to every port", grant("group:family", "tag:app-immich", "*"), {}),
    Tampering("a grant is widened to guests", grant("group:guest", "tag:app-immich", "tcp:443"), {}),
    Tampering("a grant lets guests at the NAS", grant("group:guest", "nas", "tcp:445"), {}),
    Tampering("a grant lets the family log in to machines", grant("group:family", "tag:node", "tcp:22"), {}),
    Tampering("one proxy may reach the other", grant("tag:app-jellyfin", "tag:app-immich", "tcp:443"), {}),
    Tampering("a person is added to a group", the_policy(lambda one: one["groups"]["group:owner"].append("ben@example.com")), {}),
    Tampering("a stranger is added to a group", the_policy(lambda one: one["groups"]["group:family"].append("x@example.org")), {}),
    Tampering("a person is taken out of a group", the_policy(lambda one: one["groups"].update({"group:family": []})), {}),
    Tampering(
        "everybody may reach everything",
        the_policy(lambda one: one.update(acls=[{"action": "accept", "src": ["*"], "dst": ["*:*"]}])),
        {},
    ),
    Tampering("the policy is removed", without_entry(ACL, "policy"), {}),
    Tampering("guests may give machines the tag of an app", the_policy(lambda one: one["tagOwners"].update({"tag:app-immich": ["group:guest"]})), {}),
    Tampering("people of other tailnets may come in", grant("autogroup:shared", "tag:app-immich", "tcp:443"), {}),
    Tampering("machines may be shown to the internet", the_policy(lambda one: one.update(nodeAttrs=[{"target": ["tag:app-immich"], "attr": ["funnel"]}])), {}),
    Tampering("a proxy has lost its key", without_entry(TAILNET_KEY, "immich"), {}),
    Tampering("a proxy's key has another app's tag", an_entry(TAILNET_KEY, "immich", lambda one: one.update(tags=["tag:app-jellyfin"])), {}),
    Tampering("HTTPS names are switched off", an_entry(TAILNET_SETTINGS, "settings", lambda one: one.update(httpsEnabled=False)), {}),
    Tampering("MagicDNS is switched off", an_entry(DNS_PREFERENCES, "dns", lambda one: one.update(magicDns=False)), {}),
    Tampering(
        "a proxy shows its app to the internet",
        served_by("immich", lambda one: one["AllowFunnel"].update({"${TS_CERT_DOMAIN}:443": True})),
        {},
    ),
    Tampering(
        "a proxy serves the database, which doesn't let it in",
        served_by("immich", lambda one: one["TCP"].update({"5432": {"TCPForward": "immich-database.photos.svc:5432"}})),
        {},
    ),
    Tampering(
        "a proxy serves the database, and policies let it",
        every(
            served_by("immich", lambda one: one["TCP"].update({"5432": {"TCPForward": "immich-database.photos.svc:5432"}})),
            grant("group:family", "tag:app-immich", "tcp:5432"),
            ANYBODY_AT_THE_DATABASE,
            network_policy("tailnet", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}),
        ),
        {},
    ),
    Tampering(
        "a proxy serves another app",
        served_by("jellyfin", lambda one: one["Web"]["${TS_CERT_DOMAIN}:443"]["Handlers"]["/"].update(Proxy="http://immich-server.photos.svc:2283")),
        {},
    ),
    # NetworkPolicies.
    Tampering("the default-deny of photos is removed", without("NetworkPolicy", "photos", "default-deny"), {}),
    Tampering("the policy of the database is lost", without("NetworkPolicy", "photos", "immich-database"), {}),
    Tampering("the policy of the connector is lost", without("NetworkPolicy", "tunnel", "cloudflared"), {}),
    Tampering("both policies of the database are lost", without("NetworkPolicy", "photos", "default-deny", "immich-database"), {}),
    Tampering("the policies of photos and of films are widened", every(
        network_policy("photos", {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}}]}]}),
        network_policy("media", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}),
    ), {}),
    Tampering("an app may leave for the LAN", network_policy("media", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.1.0/24"}}], "ports": [{"port": 445}]}]}), {}),
    Tampering("a pod with the connector's label, beside it", with_pod("tunnel", "stray", {"app.kubernetes.io/name": "cloudflared"}), {}),
    Tampering("a namespace has lost its label", an_object("Namespace", "", "tunnel", lambda one: one["metadata"]["labels"].pop("kubernetes.io/metadata.name")), {}),
    Tampering("another namespace poses as the connector's", every(
        with_object("Namespace", "", "stray", labels={"kubernetes.io/metadata.name": "tunnel"}),
        with_pod("stray", "stray", {"app.kubernetes.io/name": "cloudflared"}),
    ), {}),
    Tampering("pods of an app have lost their label", an_object("Pod", "photos", "immich-database", lambda one: one["metadata"]["labels"].clear()), {}),
    # Without a door.
    Tampering("a Service becomes a NodePort", an_object("Service", "photos", "immich-database", lambda one: (one["spec"].update(type="NodePort"), one["spec"]["ports"][0].update(nodePort=30432))), {}),
    Tampering("a Service becomes a LoadBalancer", an_object("Service", "media", "jellyfin", spec(type="LoadBalancer")), {}),
    Tampering("a Service has an address outside", an_object("Service", "photos", "immich-queue", spec(externalIPs=["10.0.1.10"])), {}),
    Tampering("a stray NodePort for the database", with_object("Service", "photos", "stray", spec={"type": "NodePort", "selector": {"app.kubernetes.io/name": "immich-database"}, "ports": [{"port": 5432, "nodePort": 30432}]}), {}),
    Tampering("a container has a host port", an_object("Pod", "media", "jellyfin", first_container(ports=[{"name": "http", "containerPort": 8096, "hostPort": 8096}])), {}),
    Tampering("a pod moves to its host's network", an_object("Pod", "photos", "immich-queue", spec(hostNetwork=True)), {}),
    Tampering("a stray pod on the host's network", with_pod("default", "stray", hostNetwork=True), {}),
    Tampering("a Service catches another pod", an_object("Service", "media", "jellyfin", spec(selector={"app.kubernetes.io/name": "nobody"})), {}),
    Tampering("a Service leads to the database", an_object("Service", "photos", "immich-server", lambda one: (one["spec"].update(selector={"app.kubernetes.io/name": "immich-database"}), one["spec"]["ports"][0].update(targetPort=5432))), {}),
    Tampering("a Service is another name for something outside", an_object("Service", "photos", "immich-server", spec(type="ExternalName", externalName="10.0.1.20", selector=None)), {}),
    Tampering("a Service is lost", without("Service", "media", "jellyfin"), {}),
)  # fmt: skip


@cache
def untampered() -> Snapshot:
    return snapshot_of(CONFIG)


@cache
def wanted() -> Exposure:
    return described(CONFIG)
