"""The public door: Cloudflare's tunnel lets in what is named, and asks who somebody is before it does.

Property names are those of pulumi-cloudflare 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.check import ResourceCheck, StackCheck
from policies.fault import Fault
from policies.field import Field
from policies.parameters import Parameters
from policies.resource import Resource
from policies.rule import Rule, Severity
from policies.shape import TEXT, Shape, cut
from policies.stack import Stack

CATCH_ALL_LAST: Final = Rule(
    "tunnel-catch-all",
    "A tunnel's last ingress rule, and no other, answers for every host name, with an error",
    Severity.HIGH,
    "https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/configure-tunnels/local-management/configuration-file/",
)
BEHIND_ACCESS: Final = Rule(
    "public-behind-access",
    "What the public door opens onto is behind Cloudflare Access",
    Severity.HIGH,
    "https://developers.cloudflare.com/cloudflare-one/policies/access/",
)

_CONFIGS: Final = frozenset(("ZeroTrustTunnelCloudflaredConfig", "TunnelConfig"))
_RECORDS: Final = frozenset(("DnsRecord", "Record"))
_APPLICATIONS: Final = frozenset(("ZeroTrustAccessApplication", "AccessApplication"))

_TUNNEL: Shape = {"config": {"ingresses": [{"hostname": TEXT, "service": TEXT}]}}
_RECORD: Shape = {"name": TEXT, "type": TEXT, "content": TEXT}
_APPLICATION: Shape = {"domain": TEXT, "destinations": [{"uri": TEXT}], "selfHostedDomains": [TEXT]}


def catch_alls(resource: Resource, parameters: Parameters) -> Iterator[Fault]:
    """Ingress rules of which the last lets anything in, or of which an earlier one leaves later ones without effect."""
    whole, misshapen = cut(resource.props, _TUNNEL)
    yield from misshapen
    ingresses = Field("", whole).get("config", "ingresses")
    if ingresses.unknown:
        yield Fault.unknown(ingresses)
        return
    rules = list(ingresses.items())
    for rule in rules[:-1]:
        hostname = rule.get("hostname")
        if hostname.unknown:
            yield Fault.unknown(hostname)
        elif hostname.value in (None, "", "*"):
            yield Fault(
                hostname.path, "missing, so that it answers for every name", "a host name in all but the last rule",
                "name the host, or make it the last rule",
            )  # fmt: skip
    last = rules[-1] if rules else Field(f"{ingresses.path}[0]", None)
    hostname, service = last.get("hostname"), last.get("service")
    if hostname.unknown or service.unknown:
        yield Fault.unknown(hostname if hostname.unknown else service)
    elif hostname.value not in (None, "", "*") or not str(service.value).startswith("http_status:"):
        yield Fault(
            last.path, "a rule that lets something in" if rules else "missing", "`http_status:404` for every name",
            "end the list with a rule of that service and no host name",
        )  # fmt: skip


def without_access(stack: Stack, parameters: Parameters) -> Iterator[tuple[Resource, Fault]]:
    """DNS records that lead to a tunnel, and host names of a tunnel that no record of the stack names, with no Access
    application for their name.

    An exception for a record names an app that asks for identity itself.
    """
    protected, in_doubt = _protected(stack)
    fix = "put it behind Access (`signIn`), or name it in exceptions.yaml with how the app itself asks who somebody is"
    named = set()
    for record in stack.of_kind(*_RECORDS):
        place = Field("", cut(record.props, _RECORD)[0])
        name, content = place.get("name"), place.get("content")
        if name.unknown:
            yield record, Fault.unknown(name)
            continue
        named.add(name.value)
        # What a new tunnel's name will be isn't known, and no other record needs to wait for a value.
        leads_in = content.unknown or str(content.value).endswith(".cfargotunnel.com")
        if place.get("type").value == "CNAME" and leads_in and not _covers(protected, name.value):
            fault = Fault(name.path, "open to the whole internet", "a name behind Cloudflare Access", fix)
            yield record, Fault.unknown(in_doubt) if in_doubt else fault
    for config in stack.of_kind(*_CONFIGS):
        for rule in Field("", cut(config.props, _TUNNEL)[0]).get("config", "ingresses").items():
            hostname = rule.get("hostname")
            if hostname.unknown or hostname.value in (None, "") or hostname.value in named:
                continue
            if not _covers(protected, hostname.value):
                fault = Fault(hostname.path, "open to the whole internet", "a name behind Cloudflare Access", fix)
                yield config, Fault.unknown(in_doubt) if in_doubt else fault


def _protected(stack: Stack) -> tuple[set[str], Field | None]:
    """The host names that an Access application stands before, and what keeps one from knowing them all."""
    names: set[str] = set()
    in_doubt: Field | None = None
    for application in stack.of_kind(*_APPLICATIONS):
        place = Field("", cut(application.props, _APPLICATION)[0])
        entries = [place.get("domain"), *place.get("selfHostedDomains").items()]
        entries += [one.get("uri") for one in place.get("destinations").items()]
        for entry in entries:
            if entry.unknown:
                in_doubt = Field(f"{entry.path} of {application.label}", entry.value)
            elif isinstance(entry.value, str):
                host, _, path = entry.value.partition("/")
                # One that stands before a part of a host leaves the rest of it open.
                if path in ("", "*"):
                    names.add(host)
    return names, in_doubt


def _covers(protected: set[str], name: object) -> bool:
    return name in protected or f"*.{str(name).partition('.')[2]}" in protected


def _of_cloudflare(kinds: frozenset[str], resource: Resource) -> bool:
    return resource.type.startswith("cloudflare:") and resource.kind in kinds


CHECKS: Final = (
    ResourceCheck(CATCH_ALL_LAST, lambda one: _of_cloudflare(_CONFIGS, one), catch_alls),
    StackCheck(
        BEHIND_ACCESS,
        about=lambda one: _of_cloudflare(_RECORDS | _CONFIGS, one),
        reads=lambda one: _of_cloudflare(_APPLICATIONS, one),
        faults=without_access,
    ),
)
