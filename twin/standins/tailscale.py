"""The stand-in for the `tailscale` package: a tailnet's policy file, settings, DNS, and keys.

There is one tailnet, the home's. Its policy is judged by the package `tailnet`, as the real service judges it in a
preview already. What replaces a resource is what the provider's own schema marks as `ForceNew`
(tailscale/terraform-provider-tailscale, `tailscale/resource_*.go`). `docs/standins.md` lists what is refused, each with
its source, and where the stand-in deviates.
"""

from __future__ import annotations

import ipaddress
import json
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from twin.standins.kinds import Kind, Made, Service, View
from twin.standins.values import Properties

if TYPE_CHECKING:
    from tailnet import Policy

ACL = "tailscale:index/acl:Acl"
DNS_PREFERENCES = "tailscale:index/dnsPreferences:DnsPreferences"
DNS_NAMESERVERS = "tailscale:index/dnsNameservers:DnsNameservers"
TAILNET_SETTINGS = "tailscale:index/tailnetSettings:TailnetSettings"
TAILNET_KEY = "tailscale:index/tailnetKey:TailnetKey"
OAUTH_CLIENT = "tailscale:index/oauthClient:OauthClient"

_NINETY_DAYS = 90 * 24 * 3600
_LETTERS = string.ascii_letters + string.digits


def _one(id: str) -> Any:
    """There is one in a tailnet; its id is the one that the SDK's documentation imports it by."""
    return lambda inputs, source: Made(id, {})


# The policy file


# The provider has the API validate a policy, its tests too, when it plans (terraform-provider-tailscale#380).
def _acl_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    import tailnet

    try:
        policy = tailnet.parse(inputs["acl"])
    except tailnet.PolicyError as error:
        for problem in error.problems:
            yield "acl", f"ACL validation failed: {problem}"
        return
    for failed in policy.failed_tests():
        yield "acl", f"ACL validation failed: test(s) failed: {failed}"


# The provider creates with `If-Match: ts-default`, and its updates overwrite (terraform-provider-tailscale#186, #633).
def _acl_conflicts(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    # `view` leaves out the entry that an update is about: what remains is a policy that this resource doesn't manage.
    if view.held(ACL) and not inputs["overwriteExistingContent"]:
        yield (
            "acl",
            "Failed to set ACL: ! You seem to be trying to overwrite a non-default ACL with a tailscale_acl resource. "
            "Before doing this, please import your existing ACL using the id `acl` "
            '(got error "precondition failed, invalid old hash (412)")',
        )


def _comparable_acl(inputs: Properties) -> Properties:
    # The provider compares policies, not texts.
    try:
        return {**inputs, "acl": json.loads(inputs["acl"])}
    except (TypeError, ValueError):
        return inputs


def _policy(view: View) -> Policy | None:
    """The tailnet's policy; None while it is the default one, which owns no tag."""
    import tailnet

    held = view.held(ACL)
    return tailnet.parse(held[-1].inputs["acl"]) if held else None


# Settings


# Validators of tailscale/resource_tailnet_settings.go.
def _settings_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    link = inputs.get("aclsExternalLink")
    if link is not None and not re.match("https?://", link):
        yield "aclsExternalLink", "it must be a valid URL with http or https scheme"
    role = inputs.get("usersRoleAllowedToJoinExternalTailnet")
    if role not in (None, "none", "member", "admin"):
        yield "usersRoleAllowedToJoinExternalTailnet", f"it must be one of none, member and admin, not {role!r}"


def _nameserver_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if not inputs["nameservers"]:
        yield "nameservers", "there must be at least one nameserver"
    for number, server in enumerate(inputs["nameservers"]):
        try:
            ipaddress.ip_address(server)
        except ValueError:
            yield f"nameservers[{number}]", f"{server!r} is neither an IPv4 nor an IPv6 address"


# Keys


def _tailnet_key(inputs: Properties, source: Random) -> Made:
    id = f"k{_letters(source, 10)}CNTRL"
    now = datetime.now(UTC)
    outputs = {
        "createdAt": _timestamp(now),
        "expiresAt": _timestamp(now + timedelta(seconds=inputs["expiry"])),
        "invalid": False,
        "key": f"tskey-auth-{id}-{_letters(source, 32)}",
    }
    return Made(id, outputs)


# Expiry: tailscale.com/kb/1085/auth-keys. Tags with OAuth: tailscale/tailscale#7224.
def _key_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if not 0 < inputs["expiry"] <= _NINETY_DAYS:
        yield "expiry", f"a key expires within 1 and {_NINETY_DAYS} seconds (90 days), not {inputs['expiry']}"
    if _uses_oauth(view) and not inputs["tags"]:
        yield "tags", "tailnet-owned auth key must have tags set: a key made with an OAuth client belongs to nobody"
    yield from _description_refusals(inputs)
    if inputs.get("recreateIfInvalid") not in (None, "", "always", "never"):
        yield "recreateIfInvalid", f"it must be always or never, not {inputs['recreateIfInvalid']!r}"


def _oauth_client(inputs: Properties, source: Random) -> Made:
    id, now = f"k{_letters(source, 10)}CNTRL", _timestamp(datetime.now(UTC))
    return Made(id, {"createdAt": now, "updatedAt": now, "key": f"tskey-client-{id}-{_letters(source, 32)}"})


def _client_refusals(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    needing = {"devices:core", "auth_keys"} & set(inputs["scopes"])
    if needing and not inputs["tags"]:
        yield "tags", f"tags are mandatory if the scopes include {' or '.join(sorted(needing))}"
    yield from _description_refusals(inputs)


def _description_refusals(inputs: Properties) -> Iterator[tuple[str, str]]:
    if len(inputs["description"]) > 50:
        yield "description", "description must be 50 characters or less"


# The API's own words, as pulumi-tailscale#613 and terraform-provider-tailscale#247 quote them.
def _tag_conflicts(inputs: Properties, view: View) -> Iterator[tuple[str, str]]:
    if not inputs["tags"]:
        return
    policy = _policy(view)
    unowned = [tag for tag in inputs["tags"] if policy is None or tag not in policy.tag_owners]
    if unowned:
        yield "tags", f"requested tags [{' '.join(unowned)}] are invalid or not permitted (400)"


def _sorted_tags(inputs: Properties) -> Properties:
    # A set to the provider: their order is no change.
    return {
        name: sorted(value) if name in ("tags", "scopes") and _known(value) else value for name, value in inputs.items()
    }


def _known(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _uses_oauth(view: View) -> bool:
    return bool(view.settings.get("oauthClientId"))


def _letters(source: Random, count: int) -> str:
    return "".join(source.choice(_LETTERS) for _ in range(count))


def _timestamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


_KINDS = (
    Kind(
        ACL,
        _one("acl"),
        {"overwriteExistingContent": False, "resetAclOnDestroy": False},
        _acl_refusals,
        _acl_conflicts,
        replace_on=frozenset(),
        normal=_comparable_acl,
        one_per_id=True,
        # tailscale/terraform-provider-tailscale#426: a policy stays what it is unless a reset was asked for.
        outlives=lambda inputs: not inputs["resetAclOnDestroy"],
    ),
    Kind(DNS_PREFERENCES, _one("dns_preferences"), {}, replace_on=frozenset(), one_per_id=True),
    Kind(
        DNS_NAMESERVERS,
        _one("dns_nameservers"),
        {},
        _nameserver_refusals,
        replace_on=frozenset(),
        one_per_id=True,
    ),
    Kind(
        TAILNET_SETTINGS,
        _one("tailnet_settings"),
        {},
        _settings_refusals,
        replace_on=frozenset(),
        one_per_id=True,
        # The provider doesn't know what they were before, so it leaves them.
        outlives=lambda inputs: True,
    ),
    Kind(
        TAILNET_KEY,
        _tailnet_key,
        {
            "description": "",
            "ephemeral": False,
            "expiry": _NINETY_DAYS,
            "preauthorized": False,
            "reusable": False,
            "tags": [],
        },
        _key_refusals,
        _tag_conflicts,
        # Everything but what is no property of the key itself.
        replace_on=frozenset({"description", "ephemeral", "expiry", "preauthorized", "reusable", "tags"}),
        lasting=frozenset({"createdAt", "expiresAt"}),
        normal=_sorted_tags,
    ),
    Kind(
        OAUTH_CLIENT,
        _oauth_client,
        {"description": "", "tags": []},
        _client_refusals,
        _tag_conflicts,
        replace_on=frozenset(),
        lasting=frozenset({"createdAt"}),
        normal=_sorted_tags,
    ),
)

SERVICE = Service(
    "tailscale",
    _KINDS,
    credentials=tuple(
        frozenset(each)
        for each in (("apiKey",), ("oauthClientId", "oauthClientSecret"), ("oauthClientId", "identityToken"))
    ),
)
