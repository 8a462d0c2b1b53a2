"""The tailnet door's proxies as plain data: one small machine of the tailnet for each app. Imports no Pulumi.

Each is tailscaled in user space: no device, no capability, no root. It ends HTTPS under the app's name in the tailnet,
with a certificate that Tailscale gets for it, and passes requests on to the app. What it is told by is read by
tailscale/tailscale, cmd/containerboot.
"""

from __future__ import annotations

import json
from ipaddress import ip_address

from components import names
from components.doors import Opening
from components.flows import ToAddress, ToApiServer, ToInternet
from components.manifests import Manifest
from components.workload import (
    Container,
    Deviation,
    Files,
    Http,
    Metrics,
    Mount,
    PodField,
    Probe,
    Resources,
    Scratch,
    SecretFiles,
    Tcp,
    User,
    Workload,
)
from home import Home
from home.versions import Image

HEALTH = 9002
KEY = "authkey"
"""The key of the Secret that holds what a proxy logs in with."""
SERVE_FILE = "serve.json"
SERVE_FOLDER = "/etc/tailscale-serve"


def proxy_name(opening: Opening) -> str:
    """What the proxy of an app is called in the cluster."""
    return f"proxy-{opening.name}"


def state_name(opening: Opening) -> str:
    """The Secret in which the proxy keeps who it is in the tailnet."""
    return f"{proxy_name(opening)}-state"


def key_name(opening: Opening) -> str:
    """The Secret with the key by which the proxy logs in, the first time."""
    return f"{proxy_name(opening)}-key"


def proxy(home: Home, opening: Opening, nodes: tuple[str, ...], image: Image) -> Workload:
    """The proxy of one app.

    nodes: those on which the app's front may run. The proxy goes along, so that no other node has to be there for it.
    """
    key_folder = f"/run/secrets/{key_name(opening)}"
    serve = json.dumps(serve_config(opening), indent=2) + "\n"
    return Workload(
        name=proxy_name(opening),
        namespace=names.TAILNET,
        nodes=nodes,
        # Two machines with one identity would throw each other out of the tailnet.
        overlap=False,
        priority=names.PRIORITY_INTERACTIVE,
        user=User(1000, 1000),
        api_token=True,
        containers=(
            Container(
                name="tailscale",
                image=image.reference,
                resources=Resources(cpu="20m", memory="64Mi", memory_limit="256Mi"),
                env={
                    "TS_USERSPACE": "true",
                    "TS_HOSTNAME": opening.audience.machine or "",
                    "TS_KUBE_SECRET": state_name(opening),
                    # The key works once. With its state kept, the machine needs no other.
                    "TS_AUTH_ONCE": "true",
                    "TS_AUTHKEY": f"file:{key_folder}/{KEY}",
                    "TS_SERVE_CONFIG": f"{SERVE_FOLDER}/{SERVE_FILE}",
                    # The cluster's names are those that it looks up; the tailnet's are for others.
                    "TS_ACCEPT_DNS": "false",
                    "TS_ENABLE_HEALTH_CHECK": "true",
                    "TS_ENABLE_METRICS": "true",
                    # Pods have IPv4 addresses only.
                    "TS_LOCAL_ADDR_PORT": f"0.0.0.0:{HEALTH}",
                    "POD_NAME": PodField("metadata.name"),
                    "POD_UID": PodField("metadata.uid"),
                },
                ports={"health": HEALTH},
                mounts=(
                    Mount(key_folder, SecretFiles(key_name(opening))),
                    Mount(SERVE_FOLDER, Files("serve", {SERVE_FILE: serve})),
                    Mount("/tmp", Scratch("tmp", "64Mi")),
                ),
                # Ready with an address in the tailnet. Not a reason to restart, as with the tunnel.
                readiness=Probe(Http("/healthz", "health"), period=10, failures=3, timeout=5),
                liveness=Probe(Tcp("health"), period=20, failures=5, timeout=5),
            ),
        ),
        deviations={
            Deviation.API_TOKEN: "keeps who it is in the tailnet in one Secret, the only thing that its role lets it at"
        },
        metrics=(Metrics("health"),),
        talks_to=(
            opening.front.flow,
            ToApiServer("its state, kept in a Secret", api_servers(home)),
            ToInternet(
                "Tailscale: control and relays over 443 and 80; over UDP the relays' STUN (3478), and whatever port a "
                "device has that is reached directly",
                ports=(443, 80),
                udp="every",
            ),
            # Without these, films would go to a television next door by a relay abroad.
            *(
                ToAddress(f"devices in the network {network.name} that are in the tailnet", network.cidr, udp="every")
                for network in home.networks
                if network.range.version == 4
            ),
        ),
    )


def api_servers(home: Home) -> tuple[str, ...]:
    """Every address at which an API server of the home may answer, as CIDRs: K3s uses one of each server's."""
    given = (
        address
        for node in home.nodes
        if node.role == "server"
        for address in (node.addresses.lan, node.addresses.tailnet)
        if address
    )
    return tuple(f"{address}/32" for address in dict.fromkeys(given) if ip_address(address).version == 4)


def serve_config(opening: Opening) -> Manifest:
    """What a proxy serves: HTTPS under its own name, which containerboot puts in the place of `TS_CERT_DOMAIN`, and
    nothing to the internet (`AllowFunnel`). Shape: tailscale/tailscale, ipn/serve.go."""
    own = "${TS_CERT_DOMAIN}:443"
    return {
        "TCP": {"443": {"HTTPS": True}},
        "Web": {own: {"Handlers": {"/": {"Proxy": opening.front.address}}}},
        "AllowFunnel": {own: False},
    }


def state_secret(opening: Opening) -> Manifest:
    """The Secret for a proxy's state, empty: who may make Secrets can't be kept to one name, so the proxy may not."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _metadata(opening, state_name(opening)),
        "type": "Opaque",
    }


def state_role(opening: Opening) -> Manifest:
    """A role that may read and change that one Secret, and nothing else."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": _metadata(opening, proxy_name(opening)),
        "rules": [
            {
                "apiGroups": [""],
                "resources": ["secrets"],
                "resourceNames": [state_name(opening)],
                "verbs": ["get", "update", "patch"],
            }
        ],
    }


def state_role_binding(opening: Opening) -> Manifest:
    """Gives that role to the proxy's own account."""
    name = proxy_name(opening)
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(opening, name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": names.TAILNET}],
    }


def _metadata(opening: Opening, name: str) -> Manifest:
    return {"name": name, "namespace": names.TAILNET, "labels": names.labels(proxy_name(opening))}
