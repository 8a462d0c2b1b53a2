"""Rules on the doors: Cloudflare's tunnel, and the tailnet's policy."""

from __future__ import annotations

import json
from typing import Any

from policies.unknown import UNKNOWN
from tests.policies.cases.case import Case, Declared, Json

NOT_FOUND = {"service": "http_status:404"}
PHOTOS = {"hostname": "photos.example.com", "service": "http://immich-server.photos.svc:2283"}
OPEN = "is open to the whole internet, allowed is a name behind Cloudflare Access"
CONFIG = "cloudflare:index/zeroTrustTunnelCloudflaredConfig:ZeroTrustTunnelCloudflaredConfig"
APPLICATION = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"


def tunnel(*ingresses: Any) -> Declared:
    """The one document of a tunnel."""
    return Declared(CONFIG, "tunnel", {"accountId": "a", "tunnelId": "t", "config": {"ingresses": list(ingresses)}})


def record(name: Any = "photos.example.com", content: Any = "1.cfargotunnel.com", type: Any = "CNAME") -> Declared:
    """A DNS record."""
    props = {"name": name, "content": content, "type": type, "ttl": 1, "proxied": True, "zoneId": "z"}
    return Declared("cloudflare:index/dnsRecord:DnsRecord", "photos", props)


def application(domain: Any = "photos.example.com", **props: Any) -> Declared:
    """An Access application."""
    return Declared(APPLICATION, "photos", {"domain": domain, "type": "self_hosted", **props})


def policy(**document: Any) -> Declared:
    """A tailnet's policy file."""
    return acl(json.dumps({"tagOwners": {"tag:photos": ["autogroup:admin"], "tag:nas": []}} | document))


def acl(text: Any) -> Declared:
    """A tailnet's policy file, as its text."""
    return Declared("tailscale:index/acl:Acl", "policy", {"acl": text})


GRANT: Json = {"src": ["a@example.com"], "dst": ["tag:photos"], "ip": ["tcp:443"]}
EVERYBODY: Json = {"src": ["*"], "dst": ["*"], "ip": ["*"]}
ALLOWED: list[Json] = [{"src": "a@example.com", "accept": ["tag:photos:443"], "deny": ["1.1.1.1:445"]}]
DENIED: list[Json] = [{"src": "a@example.com", "deny": ["tag:nas:445"]}]
TESTS: list[Json] = [{"src": "a@example.com", "accept": ["tag:photos:443"], "deny": ["tag:nas:445"]}]

TUNNEL = [
    Case("tunnel-catch-all", "ends in an error", (tunnel(PHOTOS, NOT_FOUND), application())),
    Case("tunnel-catch-all", "nothing but an error", (tunnel(NOT_FOUND),)),
    Case(
        "tunnel-catch-all",
        "ends in an app",
        (tunnel(PHOTOS), application()),
        ("config.ingresses[0] is a rule that lets something in, allowed is `http_status:404`",),
    ),
    Case(
        "tunnel-catch-all",
        "every name leads to an app",
        (tunnel(PHOTOS, {"service": "http://app"}), application()),
        ("config.ingresses[1] is a rule that lets something in",),
    ),
    Case(
        "tunnel-catch-all",
        "the error comes first",
        (tunnel(NOT_FOUND, PHOTOS, NOT_FOUND), application()),
        ("config.ingresses[0].hostname is missing, so that it answers for every name",),
    ),
    Case("tunnel-catch-all", "no rules", (tunnel(),), ("config.ingresses[0] is missing",)),
    Case(
        "tunnel-catch-all",
        "a service unknown",
        (tunnel(PHOTOS, {"service": UNKNOWN}), application()),
        ("config.ingresses[1].service is not known yet",),
        undecided=True,
    ),
]
ACCESS = [
    Case("public-behind-access", "behind Access", (record(), application())),
    Case("public-behind-access", "behind Access for every name", (record(), application("*.example.com"))),
    Case("public-behind-access", "a record of something else", (record(content="203.0.113.9", type="A"),)),
    Case("public-behind-access", "open", (record(),), (f"name {OPEN}",)),
    Case("public-behind-access", "open, its tunnel new", (record(content=UNKNOWN),), (f"name {OPEN}",)),
    Case(
        "public-behind-access",
        "behind Access in part",
        (record(), application("photos.example.com/a")),
        (f"name {OPEN}",),
    ),
    Case(
        "public-behind-access",
        "by a record of somebody else's",
        (tunnel(PHOTOS, NOT_FOUND),),
        (f"config.ingresses[0].hostname {OPEN}",),
    ),
    Case(
        "public-behind-access",
        "an application for a name unknown",
        (record(), application(UNKNOWN)),
        ("domain of ZeroTrustAccessApplication photos is not known yet",),
        undecided=True,
    ),
]
TAILNET = [
    Case("tailnet-policy", "well formed, and its tests hold", (policy(grants=[GRANT], tests=TESTS),)),
    Case(
        "tailnet-policy",
        "with comments",
        (acl('{"grants": [], // nobody\n"tests": [{"src": "a@example.com", "deny": ["1.1.1.1:445"],}]}'),),
    ),
    Case(
        "tailnet-policy",
        "a test fails",
        (policy(grants=[], tests=TESTS),),
        ("tests[0] of its policy is a test that fails",),
    ),
    Case(
        "tailnet-policy",
        "a tag that nobody owns",
        (policy(grants=[{**GRANT, "dst": ["tag:nobody"]}], tests=DENIED),),
        ("grants[0] of its policy is nothing that Tailscale takes",),
    ),
    Case("tailnet-policy", "a policy unknown", (acl(UNKNOWN),), ("acl is not known yet",), undecided=True),
    Case("tailnet-not-all-to-all", "somebody to something", (policy(grants=[GRANT], tests=TESTS),)),
    Case("tailnet-not-all-to-all", "nobody to anything", (policy(grants=[], tests=DENIED),)),
    Case(
        "tailnet-not-all-to-all",
        "everybody to everything",
        (policy(grants=[GRANT, EVERYBODY], tests=ALLOWED),),
        ("grants[1] of its policy is from everybody to everything",),
    ),
    Case(
        "tailnet-not-all-to-all",
        "everybody to everything, as an acl",
        (policy(acls=[{"action": "accept", "src": ["*"], "dst": ["*:*"]}], tests=ALLOWED),),
        ("acls[0] of its policy is from everybody to everything",),
    ),
    Case("tailnet-not-all-to-all", "no rules at all", (policy(tests=DENIED),), ("its policy is without rules",)),
    Case("tailnet-not-all-to-all", "a policy unknown", (acl(UNKNOWN),), ("acl is not known yet",), undecided=True),
    Case("tailnet-deny-tested", "tested", (policy(grants=[GRANT], tests=TESTS),)),
    Case(
        "tailnet-deny-tested",
        "tested for what it allows only",
        (policy(grants=[GRANT], tests=[{"src": "a@example.com", "accept": ["tag:photos:443"]}]),),
        ("its policy is without a test of what it denies",),
    ),
    Case(
        "tailnet-deny-tested",
        "not tested",
        (policy(grants=[GRANT]),),
        ("its policy is without a test of what it denies",),
    ),
    Case("tailnet-deny-tested", "a policy unknown", (acl(UNKNOWN),), ("acl is not known yet",), undecided=True),
]

CASES: tuple[Case, ...] = (*TUNNEL, *ACCESS, *TAILNET)
