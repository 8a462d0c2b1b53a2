"""The public door as plain data: the connector's workload, and the documents that Cloudflare gets. Imports no Pulumi.

Documents are in the provider's own spelling, and values that only Cloudflare knows (ids, audience tags) are whatever is
passed for them: outputs in the program, text in tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components import names
from components.doors import Opening
from components.flows import ToInternet
from components.manifests import Manifest
from components.workload import Container, Http, Metrics, Mount, Probe, Resources, SecretFiles, User, Workload
from home.versions import Image

NAME = "homebrain"
"""Of the tunnel in the account."""

CONNECTOR = "cloudflared"
TOKEN = "cloudflared-token"  # noqa: S105 the name of the Secret
TOKEN_KEY = "token"  # noqa: S105 the key in it
TOKEN_FOLDER = f"/run/secrets/{TOKEN}"
METRICS = 2000

# A week: whoever signed in with a code from their mailbox isn't asked again every day.
SESSION = "168h"
# A year, Cloudflare's default, said here so that its end is known.
PROGRAM_TOKEN_LIFE = "8760h"  # noqa: S105 a duration

NOTHING_HERE: Manifest = {"service": "http_status:404"}
"""What answers for every other name. Cloudflare refuses a configuration that doesn't end in such a rule."""


@dataclass(frozen=True)
class SignIn:
    """By what an app knows whom Cloudflare Access let in to it, which Access signs.

    team: the address that signs, `https://<team>.cloudflareaccess.com`. audience: the app's own tag. program: what a
    program is called that came with the app's service token.
    """

    team: Any
    audience: Any
    program: Any


def connector(openings: Iterable[Opening], image: Image) -> Workload:
    """cloudflared, which holds the tunnel open from inside: nothing listens for it on the router.

    Two, so that one is left while the other's node restarts; each holds four connections to two places of Cloudflare's.
    What they let in they are told by Cloudflare, where `configuration` stands: a new app doesn't restart them.
    Arguments and endpoints: cloudflare/cloudflared, Dockerfile, cmd/cloudflared/tunnel/subcommands.go, metrics/.
    """
    return Workload(
        name=CONNECTOR,
        namespace=names.TUNNEL,
        replicas=2,
        priority=names.PRIORITY_INTERACTIVE,
        user=User(65532, 65532),
        # Requests in flight get the connector's own grace period of 30 s.
        grace_seconds=45,
        containers=(
            Container(
                name="cloudflared",
                image=image.reference,
                resources=Resources(cpu="10m", memory="64Mi", memory_limit="256Mi"),
                args=("tunnel", "--metrics", f"0.0.0.0:{METRICS}", "run"),
                # A file, since arguments and environment are easier to come by, and it is read at the start only.
                env={"TUNNEL_TOKEN_FILE": f"{TOKEN_FOLDER}/{TOKEN_KEY}"},
                ports={"metrics": METRICS},
                mounts=(Mount(TOKEN_FOLDER, SecretFiles(TOKEN)),),
                # Ready with at least one connection to Cloudflare. Not a reason to restart: when the home is offline,
                # a new process is as offline as the old one.
                readiness=Probe(Http("/ready", "metrics"), period=10, failures=3, timeout=5),
                liveness=Probe(Http("/healthcheck", "metrics"), period=20, failures=5, timeout=5),
            ),
        ),
        metrics=(Metrics("metrics"),),
        talks_to=(
            *(one.front.flow for one in openings),
            ToInternet(
                "the tunnel to Cloudflare: 7844 over QUIC (UDP) or HTTP/2 (TCP), 443 for what it asks besides",
                ports=(443, 7844),
                udp=(7844,),
            ),
        ),
    )


def configuration(openings: Iterable[Opening], team: Any, tags: Mapping[str, Any]) -> Manifest:
    """What the tunnel lets in: one rule for each public app, and a last one that answers 404 to everything else.

    team: the name of the Zero Trust organization. tags: of each app that asks for an identity, by app, the audience tag
    of its Access application. The connector itself checks the token that Access made for that tag: whoever finds a way
    round Access at Cloudflare still doesn't come in. Raises `KeyError` for such an app without a tag.
    """
    return {"ingresses": [*(_rule(one, team, tags) for one in openings), dict(NOTHING_HERE)]}


def _rule(opening: Opening, team: Any, tags: Mapping[str, Any]) -> Manifest:
    rule: Manifest = {"hostname": opening.audience.public, "service": opening.front.address}
    if opening.audience.asks:
        access = {"required": True, "teamName": team, "audTags": [tags[opening.front.app]]}
        rule["originRequest"] = {"access": access}
    return rule


def record(opening: Opening, target: Any) -> Manifest:
    """The DNS record that leads a public name to the tunnel, proxied: the home's address stands nowhere.

    target: `<the tunnel's id>.cfargotunnel.com`.
    The name is whole, since Cloudflare answers with whole ones and a first part alone would differ at every refresh. A
    proxied record's `ttl` is 1, which means automatic.
    """
    return {
        "name": opening.audience.public,
        "type": "CNAME",
        "content": target,
        "proxied": True,
        "ttl": 1,
        "comment": f"HomeBrain: {opening.front.app}",
    }


def people_policy(opening: Opening) -> Manifest:
    """The Access policy that lets in the people of the app's roles, each by their address, and nobody else."""
    return {
        "name": f"{NAME}-{opening.name}-people",
        "decision": "allow",
        "includes": [{"email": {"email": email}} for email in opening.audience.emails],
        "sessionDuration": SESSION,
    }


def programs_policy(opening: Opening, token_id: Any) -> Manifest:
    """The Access policy that lets in a program that shows the app's service token, with no person behind it."""
    return {
        "name": f"{NAME}-{opening.name}-programs",
        "decision": "non_identity",
        "includes": [{"serviceToken": {"tokenId": token_id}}],
    }


def application(opening: Opening, policy_ids: Iterable[Any]) -> Manifest:
    """The Access application in front of an app, with its policies in the order in which they are tried."""
    return {
        "name": f"{NAME}-{opening.name}",
        "type": "self_hosted",
        "domain": opening.audience.public,
        "sessionDuration": SESSION,
        "httpOnlyCookieAttribute": True,
        # A program without a token is told so, instead of being sent to a page for people.
        "serviceAuth401Redirect": True,
        "policies": [{"id": one, "precedence": order} for order, one in enumerate(policy_ids, 1)],
    }
