"""ntfy: notifications on phones and desktops, sent by the home itself and to nobody but the home's people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import yaml

from components import names
from components.deployed import DeployedWorkload
from components.doors import Front
from components.flows import ToInternet
from components.manifests import arguments
from components.volumes import local_claim
from components.workload import (
    Claim,
    Container,
    Files,
    Http,
    Metrics,
    Mount,
    Probe,
    Resources,
    Scratch,
    SecretKey,
    User,
    Workload,
)
from home import Home, doors
from home.apps import NtfyStorage
from home.versions import Image

NAME = "ntfy"
FRONT = Front("ntfy", names.NOTIFICATIONS, NAME, "http", 8080, "/v1/health")
"""What people reach of it."""

CLAIM = "ntfy"
TOPIC = "alerts"
"""Where what goes wrong in the home is told."""

OWNER, SENDER = "owner", "home"
"""Who may do everything, and who may only send to the topic."""

ACCOUNTS = "ntfy-accounts"
"""The Secret with who may do what: `users`, each with the hash of a password, and `tokens`."""
_FOLDER = "/var/lib/ntfy"

TEMPLATE = "home"
"""What makes messages for people of what Alertmanager sends; named in the address that it is sent to."""
MESSAGE_LIMIT, BODY_LIMIT = 4096, 16384
"""Bytes of a message, and of what one is made of. ntfy refuses more, and then the alert is lost."""
LONGEST_LINE = 400
_TEMPLATES = "/etc/ntfy-templates"


@dataclass(frozen=True)
class NtfyArgs:
    """server: what `server` makes of the home. storage: the sizes of its volumes. The rest are handles.

    storage_class: one that keeps its data. generated: how passwords are made.
    """

    server: Workload
    storage: NtfyStorage
    namespace: pulumi.Input[str]
    storage_class: pulumi.Input[str]
    generated: random.Provider


class Ntfy(pulumi.ComponentResource):
    """Notifications.

    Creates the claim for messages and accounts, the owner's password and the token with which the home itself sends,
    and the server with its Service.
    """

    url: pulumi.Output[str]
    """Where other apps reach it inside the cluster."""
    token: pulumi.Output[str]
    """With which the home sends to the topic; a secret."""
    password: pulumi.Output[str]
    """The owner's; a secret."""

    def __init__(self, name: str, args: NtfyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register claim and accounts, then the server that uses them."""
        super().__init__("homebrain:notifications:Ntfy", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # Phones know the password.
        made = pulumi.ResourceOptions(parent=self, provider=args.generated, protect=True)

        claim = kubernetes.core.v1.PersistentVolumeClaim(
            CLAIM,
            **arguments(local_claim(CLAIM, args.storage.messages, args.storage_class), args.namespace),
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        owner = random.RandomPassword("ntfy-owner", length=24, special=False, opts=made)
        # Nobody logs in with it: the token is what the home uses. ntfy wants each user to have one.
        sender = random.RandomPassword("ntfy-sender", length=32, special=False, opts=made)
        # Twenty-nine characters after `tk_`, in small letters: binwiederhier/ntfy, user/manager.go.
        token = random.RandomPassword("ntfy-token", length=29, special=False, upper=False, opts=made)
        # `format` and not `concat`: with `--target` the engine leaves out what isn't meant, whose values are then None.
        self.token = pulumi.Output.format("tk_{0}", token.result)
        self.password = owner.result
        accounts = kubernetes.core.v1.Secret(
            ACCOUNTS,
            metadata={"name": ACCOUNTS, "namespace": args.namespace, "labels": names.labels(NAME)},
            string_data={
                "users": pulumi.Output.format(
                    "{0}:{1}:admin,{2}:{3}:user", OWNER, owner.bcrypt_hash, SENDER, sender.bcrypt_hash
                ),
                "tokens": pulumi.Output.format("{0}:{1}:alerts", SENDER, self.token),
            },
            opts=child,
        )
        server = DeployedWorkload(
            args.server, args.namespace, opts=pulumi.ResourceOptions(parent=self, depends_on=[claim, accounts])
        )
        self.url = pulumi.Output.format("http://{0}.{1}.svc:{2}", server.name, args.namespace, FRONT.number)
        self.register_outputs({"url": self.url})


def server(home: Home, images: Mapping[str, Image]) -> Workload:
    """The server. Raises `ValueError` for a home without it."""
    app = home.apps.ntfy
    if app is None:
        raise ValueError("this home has no ntfy")
    return Workload(
        name=NAME,
        namespace=names.NOTIFICATIONS,
        nodes=(app.node,) if app.node else (),
        priority=names.PRIORITY_INTERACTIVE,
        user=User(65534, 65534, fs_group=65534),
        containers=(
            Container(
                name=NAME,
                image=images["ntfy"].reference,
                resources=Resources(cpu="10m", memory="48Mi", memory_limit="128Mi"),
                args=("serve", "--config", "/etc/ntfy/server.yml"),
                env={
                    "TZ": home.timezone,
                    "NTFY_AUTH_USERS": SecretKey(ACCOUNTS, "users"),
                    "NTFY_AUTH_TOKENS": SecretKey(ACCOUNTS, "tokens"),
                },
                ports={FRONT.port: FRONT.number, "metrics": 9090},
                mounts=(
                    Mount(_FOLDER, Claim(CLAIM)),
                    Mount("/etc/ntfy", Files("config", {"server.yml": config(home)})),
                    Mount(_TEMPLATES, Files("templates", {f"{TEMPLATE}.yml": template()})),
                    Mount("/tmp", Scratch("tmp", "64Mi")),
                ),
                readiness=Probe(Http(FRONT.health), period=10, failures=3, timeout=5),
                liveness=Probe(Http(FRONT.health), period=20, failures=5, timeout=5),
            ),
        ),
        talks_to=(
            ToInternet("wakes iPhones, by way of ntfy.sh, which is told that there is a message and not what it says"),
        ),
        metrics=(Metrics("metrics"),),
    )


def config(home: Home) -> str:
    """ntfy's config file: closed to everybody who isn't named. binwiederhier/ntfy, server/server.yml."""
    app = home.apps.ntfy
    audience = doors.audience(home, FRONT.app, app) if app and app.doors else None
    name = audience and (audience.tailnet or audience.public)
    return yaml.safe_dump(
        {
            "base-url": f"https://{name}" if name else FRONT.address,
            "listen-http": f":{FRONT.number}",
            "behind-proxy": True,
            "cache-file": f"{_FOLDER}/cache.db",
            # As long as a phone may be away and still be told.
            "cache-duration": "72h",
            "auth-file": f"{_FOLDER}/auth.db",
            "auth-default-access": "deny-all",
            "auth-access": [f"{SENDER}:{TOPIC}:write-only"],
            "enable-login": True,
            "enable-signup": False,
            "template-dir": _TEMPLATES,
            "upstream-base-url": "https://ntfy.sh",
            "metrics-listen-http": ":9090",
            "log-format": "json",
        },
        sort_keys=False,
    )


def template() -> str:
    """A line for each alert, what is urgent louder than the rest, and what is over quieter.

    ntfy's own template for Alertmanager prints the whole query of each: of five alerts at once its message is too long.
    The words are those of Go's text/template; binwiederhier/ntfy, server/server_template.go. What it is made of:
    prometheus/alertmanager, docs/configuration.md (webhook_config).
    """
    return yaml.safe_dump(
        {
            "title": '{{ if eq .status "resolved" }}Over: {{ end }}{{ .groupLabels.alertname }}'
            "{{ with .groupLabels.node }} ({{ . }}){{ end }}",
            "message": "{{ range .alerts }}"
            '{{ if and (eq .status "resolved") (eq $.status "firing") }}Over: {{ end }}'
            f'{{{{ with .annotations.summary }}}}{{{{ printf "%.{LONGEST_LINE}s" . }}}}'
            "{{ else }}{{ .labels.alertname }}{{ end }}\n"
            "{{ end }}"
            "{{ if .truncatedAlerts }}… and {{ .truncatedAlerts }} more\n{{ end }}"
            "{{ with .commonAnnotations.runbook }}{{ . }}{{ end }}",
            "priority": '{{ if eq .status "resolved" }}2'
            '{{ else if eq (printf "%v" .commonLabels.severity) "urgent" }}5{{ else }}3{{ end }}',
        },
        sort_keys=False,
        allow_unicode=True,
        width=1000,
    )
