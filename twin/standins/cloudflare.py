"""The stand-in for the `cloudflare` package: tunnels and their configuration, DNS records, and Access.

The account has one zone, the home's domain, and one Zero Trust organization. What replaces a resource is what the
provider's own schema marks as `RequiresReplace` (cloudflare/terraform-provider-cloudflare, `internal/services/*/
schema.go`). `docs/standins.md` lists what is refused, each with its source, and where the stand-in deviates.

A tunnel's token is the same for the same tunnel, and of the real one's form. Nothing is ever served through it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

from twin.standins.kinds import Function, Home, Kind, Made, RefusedError, Service, View
from twin.standins.values import Properties

TUNNEL = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
TUNNEL_CONFIG = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
DNS_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
ACCESS_POLICY = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
ACCESS_APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
SERVICE_TOKEN = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"  # noqa: S105
IDENTITY_PROVIDER = "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider"

_CATCH_ALL = (None, "", "*")
_ADDRESSES = ("A", "AAAA", "CNAME")
_DECISIONS = ("allow", "deny", "non_identity", "bypass")


def account_id(home: Home) -> str:
    """The id of the home's account."""
    return _made_of("account", home.domain)


def zone_id(home: Home) -> str:
    """The id of the home's zone."""
    return _made_of("zone", home.domain)


def _made_of(*parts: str) -> str:
    return hashlib.sha256("/".join(("stand-in", *parts)).encode()).hexdigest()[:32]


def _uuid(source: Random) -> str:
    return str(uuid.UUID(bytes=source.randbytes(16), version=4))


def _now(later: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


# Tunnels


def _tunnel(inputs: Properties, source: Random) -> Made:
    outputs = {
        "accountTag": inputs["accountId"],
        "connections": [],
        "createdAt": _now(),
        "remoteConfig": inputs["configSrc"] == "cloudflare",
        "status": "inactive",
        "tunType": "cfd_tunnel",
    }
    return Made(_uuid(source), outputs)


def _tunnel_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    yield from _one_of(inputs, "configSrc", ("local", "cloudflare"))
    if "tunnelSecret" in inputs:
        try:
            length = len(base64.b64decode(inputs["tunnelSecret"], validate=True))
        except binascii.Error:
            length = 0
        if length < 32:
            yield "tunnelSecret", "a tunnel's secret must be at least 32 bytes, encoded as base64"


# The API's own words, as linuxserver/docker-mods#280 quotes them.
def _tunnel_conflicts(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    for other in view.held(TUNNEL):
        if (other.inputs["accountId"], other.inputs["name"]) == (inputs["accountId"], inputs["name"]):
            yield (
                "name",
                f"You already have a tunnel with this name, {inputs['name']!r}. Delete the existing tunnel, or choose "
                "a different name for your new tunnel (1013)",
            )


def _tunnel_token(arguments: Properties, view: View) -> Properties:
    """`getZeroTrustTunnelCloudflaredToken`: what cloudflared runs the tunnel with."""
    account, tunnel = arguments.get("accountId"), arguments.get("tunnelId")
    for entry in view.held(TUNNEL):
        if entry.id == tunnel and entry.inputs["accountId"] == account:
            secret = base64.b64encode(view.source(f"{entry.serial}/token").randbytes(32)).decode()
            content = json.dumps({"a": account, "t": tunnel, "s": secret}, separators=(",", ":"))
            token = base64.b64encode(content.encode()).decode()
            return {"accountId": account, "tunnelId": tunnel, "token": token}
    raise RefusedError(f"there is no tunnel {tunnel} in the account {account} (404)")


def _config(inputs: Properties, source: Random) -> Made:
    # One document a tunnel, whose id it has.
    return Made(inputs["tunnelId"], {"createdAt": _now(), "version": source.getrandbits(16)})


# The rules that cloudflared itself applies (cloudflare/cloudflared, ingress/ingress.go), with which the API answers too
# (terraform-provider-cloudflare#2327). Two are stricter, since such a rule is taken but never has any effect: a second
# rule for the same name and path, and a name outside the account's zones.
def _config_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    yield from _one_of(inputs, "source", ("local", "cloudflare"))
    rules = (inputs.get("config") or {}).get("ingresses")
    if rules is None:
        return
    if not rules:
        yield "config.ingresses", "at least one ingress rule needs to be defined for the tunnel"
    seen: set[tuple[str, str]] = set()
    for number, rule in enumerate(rules):
        place = f"config.ingresses[{number}]"
        hostname, path = rule.get("hostname"), rule.get("path") or ""
        catches_all = hostname in _CATCH_ALL and not path
        if number == len(rules) - 1 and not catches_all:
            yield (
                place,
                "Validation failed: The last ingress rule must match all URLs (i.e. it should not have a hostname or "
                "path filter)",
            )
        if number < len(rules) - 1 and catches_all:
            yield (
                place,
                f"Rule #{number + 1} matches every hostname, so the rules which follow it will never be triggered",
            )
        if hostname not in _CATCH_ALL:
            yield from _hostname_refusals(f"{place}.hostname", hostname, view)
        if (hostname or "", path) in seen:
            yield (
                f"{place}.hostname",
                f"another rule matches {hostname} with the same path before, so this one would never be triggered",
            )
        seen.add((hostname or "", path))
        yield from _origin_refusals(f"{place}.service", rule["service"])


def _hostname_refusals(place: str, hostname: str, view: View) -> Iterator[tuple[str, str]]:
    if ":" in hostname:
        yield place, "Hostname cannot contain a port"
    if hostname.rfind("*") > 0 or (hostname.startswith("*") and not hostname.startswith("*.")):
        yield (
            place,
            'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, '
            'e.g. "*.example.com"',
        )
    yield from _outside_the_zone(place, hostname, view)


def _origin_refusals(place: str, service: str) -> Iterator[tuple[str, str]]:
    if service in ("hello_world", "hello-world", "bastion", "socks-proxy") or service.startswith(
        ("unix:", "unix+tls:")
    ):
        return
    if service.startswith("http_status:"):
        if not re.fullmatch(r"http_status:[1-9][0-9][0-9]", service):
            yield place, f"{service} is not a valid HTTP status"
        return
    url = urlsplit(service)
    if not url.scheme or not url.hostname:
        yield place, f"{service} is an invalid address, please make sure it has a scheme and a hostname"
    elif url.path:
        yield (
            place,
            f"{service} is an invalid address, ingress rules don't support proxying to a different path on the origin "
            "service",
        )


def _config_conflicts(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if not any(entry.id == inputs["tunnelId"] for entry in view.held(TUNNEL)):
        yield "tunnelId", f"there is no tunnel {inputs['tunnelId']} (404)"


# DNS


def _dns_record(inputs: Properties, source: Random) -> Made:
    outputs = {"createdOn": _now(), "modifiedOn": _now(), "proxiable": inputs["type"] in _ADDRESSES}
    return Made(f"{source.getrandbits(128):032x}", outputs)


# TTLs: the SDK's documentation, and terraform-provider-cloudflare#126. Of a name outside the zone Cloudflare makes one
# inside, with the zone's name appended, which no later preview recognises (#5517): refused here.
def _dns_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if not view.home.domain or inputs["zoneId"] != zone_id(view.home):
        yield "zoneId", f"there is no zone {inputs['zoneId']}"
        return
    if inputs["name"] != "@":
        yield from _outside_the_zone("name", inputs["name"], view)
    if inputs["type"] in _ADDRESSES and not inputs.get("content"):
        yield "content", f"a record of type {inputs['type']} needs content"
    if inputs["proxied"] and inputs["type"] not in _ADDRESSES:
        yield "proxied", f"a record of type {inputs['type']} can't be proxied"
    if inputs["proxied"] and inputs["ttl"] != 1:
        yield "ttl", "ttl must be set to 1 when proxied is true"
    if inputs["ttl"] != 1 and not 60 <= inputs["ttl"] <= 86400:
        yield "ttl", f"a TTL is 1, for automatic, or between 60 and 86400 seconds, not {inputs['ttl']}"


# Which records can't stand beside each other: cloudflare/cloudflare-docs#5536. The words:
# terraform-provider-cloudflare#1247 and jeessy2/ddns-go#1378.
def _dns_conflicts(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    name, type = _full_name(inputs["name"], view), inputs["type"]
    for other in view.held(DNS_RECORD):
        if other.inputs["zoneId"] != inputs["zoneId"] or _full_name(other.inputs["name"], view) != name:
            continue
        types = {type, other.inputs["type"]}
        if "CNAME" in types and types <= set(_ADDRESSES):
            yield "name", f"An A, AAAA, or CNAME record with that host, {name}, already exists. (81053)"
        elif len(types) == 1 and other.inputs.get("content") == inputs.get("content"):
            yield "content", f"An identical record of {name} already exists. (81058)"


def _full_name(name: str, view: View) -> str:
    return (view.home.domain if name == "@" else name).lower()


def _outside_the_zone(place: str, hostname: str, view: View) -> Iterator[tuple[str, str]]:
    domain = view.home.domain
    if not domain:
        yield place, f"{hostname} is in no zone: the account has none"
    elif not f".{hostname.lower()}".endswith(f".{domain}"):
        yield place, f"{hostname} is outside the account's only zone, {domain}"


def _zone(home: Home) -> Properties:
    return {
        "account": {"id": account_id(home), "name": "stand-in account"},
        "activatedOn": "2025-01-01T00:00:00Z",
        "createdOn": "2025-01-01T00:00:00Z",
        "developmentMode": 0,
        "id": zone_id(home),
        "modifiedOn": "2025-01-01T00:00:00Z",
        "name": home.domain,
        "nameServers": ["stand-in-a.ns.cloudflare.com", "stand-in-b.ns.cloudflare.com"],
        "owner": {"id": account_id(home), "name": "stand-in account", "type": "user"},
        "paused": False,
        "status": "active",
        "type": "full",
    }


def _get_zone(arguments: Properties, view: View) -> Properties:
    """`getZone`: by its id, or by a filter that exactly one zone passes."""
    wanted = arguments.get("filter") or {}
    if ("zoneId" in arguments) == ("filter" in arguments):
        raise RefusedError("getZone needs exactly one of zoneId and filter")
    zone = _zone(view.home)
    found = view.home.domain and (arguments["zoneId"] == zone["id"] if "zoneId" in arguments else _passes(zone, wanted))
    if not found:
        raise RefusedError(f"found no zone {arguments.get('zoneId') or wanted.get('name')!r}; {_zones_there_are(view)}")
    return {**zone, "zoneId": zone["id"], **({"filter": wanted} if wanted else {})}


def _get_zones(arguments: Properties, view: View) -> Properties:
    """`getZones`: every zone that passes the arguments, which are a filter."""
    zone = _zone(view.home)
    results = [zone] if view.home.domain and _passes(zone, arguments) else []
    return {**arguments, "id": _made_of("zones"), "results": results}


def _passes(zone: Properties, wanted: Mapping[str, Any]) -> bool:
    account = wanted.get("account") or {}
    asked = {"name": wanted.get("name"), "status": wanted.get("status")}
    return all(value in (None, zone[name]) for name, value in asked.items()) and all(
        value == zone["account"].get(name) for name, value in account.items()
    )


def _zones_there_are(view: View) -> str:
    return f"the account's only zone is {view.home.domain}" if view.home.domain else "the account has no zone"


# Access


def _organization(arguments: Properties, view: View) -> Properties:
    """`getZeroTrustOrganization`: where people sign in."""
    if not view.home.domain:
        raise RefusedError("the account has no Zero Trust organization, as it has no zone")
    team = f"{view.home.domain.partition('.')[0]}-stand-in"
    given: Properties = {name: arguments[name] for name in ("accountId", "zoneId") if name in arguments}
    return {
        **given,
        "authDomain": f"{team}.cloudflareaccess.com",
        "autoRedirectToIdentity": False,
        "isUiReadOnly": False,
        "name": team,
        "sessionDuration": "24h",
    }


def _access_policy(inputs: Properties, source: Random) -> Made:
    return Made(_uuid(source), {"createdAt": _now(), "reusable": True, "updatedAt": _now()})


# Decisions: the SDK's documentation. Includes: cloudflare/cloudflare-docs#7195.
def _policy_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    yield from _one_of(inputs, "decision", _DECISIONS)
    if not inputs.get("includes"):
        yield "includes", "all Access rule types must contain an Include selector: it says whom the policy is for"


def _access_application(inputs: Properties, source: Random) -> Made:
    return Made(_uuid(source), {"aud": f"{source.getrandbits(256):064x}"})


# Domains in an active zone of the account: cloudflare/cloudflare-docs#19115. That one is needed:
# terraform-provider-cloudflare#5529. Precedence: the SDK's documentation.
def _application_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    yield from _account_or_zone(inputs, view)
    if inputs.get("type") == "self_hosted":
        if not inputs.get("domain") and not inputs.get("destinations"):
            yield "domain", "a self-hosted application needs a domain or destinations"
        if inputs.get("domain"):
            yield from _outside_the_zone("domain", inputs["domain"].partition("/")[0], view)
        for number, destination in enumerate(inputs.get("destinations") or ()):
            if destination.get("type", "public") == "public" and destination.get("uri"):
                place = f"destinations[{number}].uri"
                yield from _outside_the_zone(place, destination["uri"].partition("/")[0], view)
    precedences = [policy.get("precedence") for policy in inputs.get("policies") or ()]
    given = [precedence for precedence in precedences if precedence is not None]
    if len(set(given)) < len(given):
        yield "policies", "the precedence of a policy must be unique for each policy within an app"


def _service_token(inputs: Properties, source: Random) -> Made:
    id, client = _uuid(source), f"{source.getrandbits(128):032x}.access"
    secrets = [f"{source.getrandbits(256):064x}" for _ in range(max(1, int(inputs["clientSecretVersion"])))]
    # The version counts rotations.
    outputs = {"clientId": client, "clientSecret": secrets[-1]}
    if inputs["duration"] != "forever":
        outputs["expiresAt"] = _now(_duration(inputs["duration"]) or timedelta())
    return Made(id, outputs)


# The SDK's documentation, and `AlsoRequires` of zero_trust_access_service_token/schema.go.
def _token_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    yield from _account_or_zone(inputs, view)
    if inputs["duration"] != "forever" and _duration(inputs["duration"]) is None:
        yield "duration", f"{inputs['duration']!r} is not a duration such as 8760h or 2h45m, nor `forever`"
    if inputs["clientSecretVersion"] > 1 and not inputs.get("previousClientSecretExpiresAt"):
        yield "clientSecretVersion", "a rotation also requires previousClientSecretExpiresAt"


def _duration(text: str) -> timedelta | None:
    units = {"h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds"}
    if not re.fullmatch(r"([0-9]+(h|ms|m|us|s))+", text):
        return None
    parts = re.findall(r"([0-9]+)(h|ms|m|us|s)", text)
    return sum((timedelta(**{units[unit]: int(count)}) for count, unit in parts), timedelta())


def _identity_provider(inputs: Properties, source: Random) -> Made:
    return Made(_uuid(source), {})


def _provider_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    yield from _account_or_zone(inputs, view)
    if inputs["type"] != "onetimepin":
        yield "type", f"the stand-in plays the one-time PIN (`onetimepin`) only, not {inputs['type']!r}"


def _account_or_zone(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if ("accountId" in inputs) == ("zoneId" in inputs):
        yield "accountId", "exactly one of accountId and zoneId must be given"


def _one_of(inputs: Properties, name: str, allowed: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if name in inputs and inputs[name] not in allowed:
        yield name, f"{name} must be one of {', '.join(allowed)}, not {inputs[name]!r}"


_IN_ACCOUNT = frozenset({"accountId"})
_IN_EITHER = frozenset({"accountId", "zoneId"})

# Defaults are those of the provider's schema.
_KINDS = (
    Kind(
        TUNNEL,
        _tunnel,
        {"configSrc": "local"},
        _tunnel_refusals,
        _tunnel_conflicts,
        replace_on=_IN_ACCOUNT | {"configSrc"},
        lasting=frozenset({"createdAt"}),
        import_form="<account_id>/<tunnel_id>",
    ),
    Kind(
        TUNNEL_CONFIG,
        _config,
        {"source": "local"},
        _config_refusals,
        _config_conflicts,
        replace_on=_IN_ACCOUNT | {"tunnelId"},
        lasting=frozenset({"createdAt"}),
        import_form="<account_id>/<tunnel_id>",
        one_per_id=True,
        # The provider's delete does nothing (zero_trust_tunnel_cloudflared_config/resource.go): the rules stay.
        outlives=lambda inputs: True,
        part_of=TUNNEL,
    ),
    Kind(
        DNS_RECORD,
        _dns_record,
        {"proxied": False},
        _dns_refusals,
        _dns_conflicts,
        replace_on=frozenset({"zoneId"}),
        lasting=frozenset({"createdOn"}),
        import_form="<zone_id>/<dns_record_id>",
    ),
    Kind(
        ACCESS_POLICY,
        _access_policy,
        {"approvalRequired": False, "isolationRequired": False, "sessionDuration": "24h"},
        _policy_refusals,
        replace_on=_IN_ACCOUNT,
        lasting=frozenset({"createdAt"}),
        import_form="<account_id>/<policy_id>",
    ),
    Kind(
        ACCESS_APPLICATION,
        _access_application,
        {"appLauncherVisible": True, "httpOnlyCookieAttribute": True, "sessionDuration": "24h"},
        _application_refusals,
        replace_on=_IN_EITHER,
        import_form="<{accounts|zones}/{account_id|zone_id}>/<app_id>",
    ),
    Kind(
        SERVICE_TOKEN,
        _service_token,
        {"clientSecretVersion": 1, "duration": "8760h"},
        _token_refusals,
        replace_on=_IN_EITHER,
        lasting=frozenset({"expiresAt"}),
        import_form="<{accounts|zones}/{account_id|zone_id}>/<service_token_id>",
    ),
    Kind(
        IDENTITY_PROVIDER,
        _identity_provider,
        {},
        _provider_refusals,
        replace_on=_IN_EITHER,
        import_form="<{accounts|zones}/{account_id|zone_id}>/<identity_provider_id>",
    ),
)

_FUNCTIONS: dict[str, Function] = {
    "cloudflare:index/getZone:getZone": _get_zone,
    "cloudflare:index/getZones:getZones": _get_zones,
    "cloudflare:index/getZeroTrustOrganization:getZeroTrustOrganization": _organization,
    "cloudflare:index/getZeroTrustTunnelCloudflaredToken:getZeroTrustTunnelCloudflaredToken": _tunnel_token,
}

SERVICE = Service(
    "cloudflare",
    _KINDS,
    _FUNCTIONS,
    credentials=tuple(frozenset(each) for each in (("apiToken",), ("apiKey", "email"), ("apiUserServiceKey",))),
    # cloudflare-go tries again twice by default on 408, 409, 429 and 5xx (internal/requestconfig). The stand-in leaves
    # out the waiting between.
    attempts=3,
)
