"""The API and its page: one place that tells whether the home is all right, what is in it, and who is using it.

What it is told by is read by `services/api/brain/settings.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from components import immich, jellyfin, names, roles, tailnet_proxies
from components.deployed import DeployedWorkload
from components.doors import Front, Opening
from components.flows import Flow, ToApiServer, ToInternet
from components.manifests import Manifest
from components.monitoring import grafana, prometheus
from components.tunnel import SignIn
from components.workload import (
    Container,
    Deviation,
    Files,
    Http,
    Metrics,
    Mount,
    Probe,
    Resources,
    SecretFiles,
    SecretKey,
    User,
    Workload,
)
from home import Home
from home.doors import audience
from home.secrets import API_KEYS
from home.versions import Image

NAME = "api"
FRONT = Front("api", names.BRAIN, NAME, "http", 8080, "/healthz")
"""What people reach of it."""

ROLE = "homebrain-api"
"""What it may ask the API server."""

KEYS = "api-keys"
"""The Secret with the keys by which it asks apps, by app. An empty one is a key that nobody has set yet: the page says
so, and how. They are files, which it reads again when they change."""
TOKENS, TOKENS_FILE = "api-tokens", "tokens.json"
"""The Secret with the tokens of the programs that ask it, as one file."""
PEOPLE = "api-people"
"""The Secret with who has which role, and by what it knows whom Cloudflare Access let in, which it reads once."""
_ROLES, _TEAM, _AUDIENCES = "roles", "team", "audiences"

_MAP_FOLDER, _MAP_FILE = "/etc/brain", "exposure.json"
PROMETHEUS = "prometheus"
"""The name under which Prometheus asks it."""


@dataclass(frozen=True)
class ApiArgs:
    """server: what `server` makes of the home. roles: by email address. programs: names of those that may ask it.

    keys: of apps, by app, as far as somebody has set them. prometheus: the token that Prometheus shows; None without
    monitoring. sign_in: how Cloudflare Access tells who somebody is; None where it doesn't ask. The rest are handles.
    """

    server: Workload
    roles: Mapping[str, str]
    programs: tuple[str, ...]
    keys: Mapping[str, pulumi.Input[str]]
    prometheus: pulumi.Input[str] | None
    sign_in: SignIn | None
    namespace: pulumi.Input[str]
    generated: random.Provider


class Api(pulumi.ComponentResource):
    """One place that tells whether the home is all right.

    Creates a token for each program, the Secrets that it reads, its role, and two replicas with their Service.
    """

    url: pulumi.Output[str]
    """Where the doors reach it inside the cluster."""
    tokens: Mapping[str, pulumi.Output[str]]
    """With which programs ask it, by program; secrets."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register tokens, Secrets and role first, then the server that uses them."""
        super().__init__("homebrain:brain:Api", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        self.tokens = {
            program: random.RandomPassword(
                f"api-token-{program}",
                length=40,
                special=False,
                opts=pulumi.ResourceOptions(parent=self, provider=args.generated),
            ).result
            for program in args.programs
        }
        known: dict[str, Any] = dict(self.tokens)
        if args.prometheus is not None:
            # Whoever came by it in monitoring's room learns nothing of people.
            known[PROMETHEUS] = {"token": args.prometheus, "only": ["metrics"]}
        people = _people(args.roles, args.sign_in)
        before: list[pulumi.Resource] = [
            kubernetes.core.v1.Secret(
                secret,
                metadata={"name": secret, "namespace": args.namespace, "labels": names.labels(NAME)},
                string_data=data,
                opts=child,
            )
            for secret, data in (
                (KEYS, {app: args.keys.get(app, "") for app in API_KEYS}),
                (TOKENS, {TOKENS_FILE: pulumi.Output.json_dumps(known, sort_keys=True)}),
                (PEOPLE, people),
            )
        ]
        before += roles.granted(role(), names.BRAIN, NAME, child)
        server = DeployedWorkload(
            args.server,
            args.namespace,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
            told=pulumi.Output.json_dumps(people, sort_keys=True).apply(_digest),
        )
        self.url = pulumi.Output.format("http://{0}.{1}.svc:{2}", server.name, args.namespace, FRONT.number)
        self.register_outputs({"url": self.url})


def _people(by_address: Mapping[str, str], sign_in: SignIn | None) -> dict[str, pulumi.Input[str]]:
    if sign_in is None:
        return {_ROLES: json.dumps(by_address, sort_keys=True)}
    return {
        # A program that Access let in is known by the id of its service token. With `--target` the engine leaves out
        # what isn't meant, and there is none.
        _ROLES: pulumi.Output.from_input(sign_in.program).apply(
            lambda program: json.dumps({**by_address, **({program: "program"} if program else {})}, sort_keys=True)
        ),
        _TEAM: sign_in.team,
        _AUDIENCES: pulumi.Output.from_input(sign_in.audience).apply(lambda audience: json.dumps([audience])),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def server(home: Home, images: Mapping[str, Image]) -> Workload:
    """The server, without the map of who reaches what (`with_map`). Raises `ValueError` for a home without it."""
    app = home.apps.api
    if app is None:
        raise ValueError("this home has no API")
    keys = f"/run/secrets/{KEYS}"
    tokens = f"/run/secrets/{TOKENS}"
    opening = Opening(FRONT, audience(home, FRONT.app, app))
    env: dict[str, str | SecretKey] = {
        "TZ": home.timezone,
        "BRAIN_HOST": "0.0.0.0",
        "BRAIN_PORT": str(FRONT.number),
        "BRAIN_HOME": home.domain or "home",
        "BRAIN_LINKS": _json(links(home)),
        "BRAIN_KUBERNETES_URL": "https://kubernetes.default.svc",
        "BRAIN_TOKENS_FILE": f"{tokens}/{TOKENS_FILE}",
        "BRAIN_ROLES": SecretKey(PEOPLE, _ROLES),
    }
    flows: list[Flow] = [
        ToApiServer("which machines, pods and volumes there are, and how they are", tailnet_proxies.api_servers(home))
    ]
    if opening.audience.tailnet:
        # A node itself has an address of the pods' network, and reaches its pods whatever a NetworkPolicy says. So only
        # those are believed at which this app's proxy runs, which the API server knows.
        env["BRAIN_TAILNET_PROXIES"] = _json([names.POD_NETWORK])
        env["BRAIN_TAILNET_PROXY_PODS"] = f"{names.TAILNET}/{tailnet_proxies.proxy_name(opening)}"
    if opening.audience.asks:
        env |= {
            "BRAIN_ACCESS_TEAM": SecretKey(PEOPLE, _TEAM),
            "BRAIN_ACCESS_AUDIENCES": SecretKey(PEOPLE, _AUDIENCES),
        }
        flows.append(ToInternet("the keys with which Cloudflare Access signs who somebody is"))
    for name, front in (("immich", immich.FRONT), ("jellyfin", jellyfin.FRONT)):
        if name in home.app_names:
            env |= {
                f"BRAIN_{name.upper()}_URL": front.address,
                f"BRAIN_{name.upper()}_KEY_FILE": f"{keys}/{name}",
            }
            flows.append(front.flow)
    env["BRAIN_SET_KEY"] = _json({name: set_key(name) for name in API_KEYS if name in home.app_names})
    if home.apps.monitoring:
        env["BRAIN_PROMETHEUS_URL"] = prometheus.ADDRESS
        flows.append(prometheus.FLOW)
    return Workload(
        name=NAME,
        namespace=names.BRAIN,
        nodes=(app.node,) if app.node else (),
        prefers=app.prefers,
        replicas=2,
        priority=names.PRIORITY_INTERACTIVE,
        user=User(65532, 65532),
        api_token=True,
        grace_seconds=15,
        drain_seconds=5,
        containers=(
            Container(
                name=NAME,
                image=app.image or images["homebrain-api"].reference,
                resources=Resources(cpu="50m", memory="128Mi", memory_limit="256Mi"),
                env=env,
                ports={FRONT.port: FRONT.number},
                mounts=(Mount(keys, SecretFiles(KEYS)), Mount(tokens, SecretFiles(TOKENS))),
                # It imports for seconds on a small machine.
                startup=Probe(Http(FRONT.health), period=2, failures=60, timeout=2),
                readiness=Probe(Http("/readyz"), period=10, failures=3, timeout=5),
                liveness=Probe(Http(FRONT.health), period=20, failures=5, timeout=5),
            ),
        ),
        metrics=(Metrics(FRONT.port, to_known=True),),
        talks_to=tuple(flows),
        deviations={Deviation.API_TOKEN: "tells how machines, pods and volumes are, which it may read and no more"},
    )


def with_map(workload: Workload, exposure: str) -> Workload:
    """The server that also shows who reaches what, given as JSON. It is worked out of all that the home runs, this
    server included, and so comes last."""
    [container] = workload.containers
    shows = Mount(_MAP_FOLDER, Files("map", {_MAP_FILE: exposure}, reread=True))
    env = {**container.env, "BRAIN_EXPOSURE_FILE": f"{_MAP_FOLDER}/{_MAP_FILE}"}
    return replace(workload, containers=(replace(container, env=env, mounts=(*container.mounts, shows)),))


def people(home: Home) -> dict[str, str]:
    """The roles of those who may come in, by email address."""
    app = home.apps.api
    return {person.email: person.role for person in home.people_of(*app.roles)} if app else {}


def links(home: Home) -> dict[str, str]:
    """Where people open what it tells of, by the name that it has there. From outside only the public name leads to
    it, and from the tailnet both do."""
    shown = {"immich": "immich", "jellyfin": "jellyfin", grafana.FRONT.app: "prometheus"}
    apps = home.apps.by_name
    found = {shown[name]: audience(home, name, apps[name]) for name in shown if name in apps}
    return {name: f"https://{at}/" for name, who in found.items() if (at := who.public or who.tailnet)}


def set_key(app: str) -> str:
    """The command that sets the key by which it asks an app. Pulumi asks for the key, so that it is in no history."""
    return f"pulumi config set --secret homebrain:{API_KEYS[app].key} && pulumi up"


def role() -> Manifest:
    """A role that may read what it tells of."""
    return roles.cluster_role(
        ROLE,
        NAME,
        [
            {"apiGroups": [""], "resources": ["nodes", "pods", "persistentvolumeclaims"], "verbs": ["get", "list"]},
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
        ],
    )


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
