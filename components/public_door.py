"""The public door: a Cloudflare tunnel to names under the home's domain.

Importing `pulumi_cloudflare` takes seconds: `__main__` imports this module where a home has a public app, and nothing
else does. What needs no Cloudflare stands in `components.tunnel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_cloudflare as cloudflare
import pulumi_kubernetes as kubernetes

from components import names, tunnel
from components.deployed import DeployedWorkload
from components.doors import Opening
from components.manifests import arguments
from components.workload import Workload

_TEAM_DOMAIN = ".cloudflareaccess.com"


@dataclass(frozen=True)
class PublicDoorArgs:
    """domain: at Cloudflare, in an account that the provider's token is for. openings: the public apps.

    connector: what `components.tunnel.connector` makes of them. namespace: the handle of the room's namespace.
    """

    domain: str
    openings: tuple[Opening, ...]
    connector: Workload
    namespace: pulumi.Input[str]


class PublicDoor(pulumi.ComponentResource):
    """A Cloudflare tunnel to the public apps.

    Creates the tunnel, its one configuration and a proxied DNS record for each app; for each app that asks for an
    identity an Access application, its policies for people and for programs, and a service token; the connector with
    the Secret that holds the tunnel's token. Looks up the domain's zone, its account and its Zero Trust organization.
    """

    urls: Mapping[str, str]
    """Where each app is reached, by app."""
    sign_in: Mapping[str, tunnel.SignIn]
    """By what each app that asks for an identity knows who was let in, by app."""
    service_tokens: Mapping[str, pulumi.Output[Mapping[str, str]]]
    """What a program shows to be let in to an app that asks for an identity, by app: `clientId` and `clientSecret`."""

    def __init__(self, name: str, args: PublicDoorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register Access first, since the tunnel's configuration names its tags; then the way to it, then DNS."""
        super().__init__("homebrain:doors:PublicDoor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        asking = pulumi.InvokeOutputOptions(parent=self)

        zone = cloudflare.get_zone_output(filter={"name": args.domain, "match": "all"}, opts=asking)
        account = zone.apply(lambda found: str(found.account.id))
        zone_id = zone.apply(lambda found: found.zone_id)

        self.sign_in = {}
        self.service_tokens = {}
        team = None
        for opening in args.openings:
            if opening.audience.asks:
                team = team or cloudflare.get_zero_trust_organization_output(account_id=account, opts=asking).apply(
                    lambda found: found.auth_domain.removesuffix(_TEAM_DOMAIN)
                )
                self.sign_in = {**self.sign_in, opening.front.app: self._access(opening, account, team)}

        line = cloudflare.ZeroTrustTunnelCloudflared(
            tunnel.NAME, account_id=account, name=tunnel.NAME, config_src="cloudflare", opts=child
        )
        tags = {app: one.audience for app, one in self.sign_in.items()}
        configuration = cloudflare.ZeroTrustTunnelCloudflaredConfig(
            tunnel.NAME,
            account_id=account,
            tunnel_id=line.id,
            **arguments({"config": tunnel.configuration(args.openings, team, tags)}),
            opts=child,
        )
        # Cloudflare's provider doesn't mark it as secret.
        token: pulumi.Output[str] = pulumi.Output.secret(
            cloudflare.get_zero_trust_tunnel_cloudflared_token_output(
                account_id=account, tunnel_id=line.id, opts=asking
            ).apply(lambda found: found.token)
        )
        secret = kubernetes.core.v1.Secret(
            tunnel.TOKEN,
            metadata={"name": tunnel.TOKEN, "namespace": args.namespace, "labels": names.labels(tunnel.CONNECTOR)},
            string_data={tunnel.TOKEN_KEY: token},
            opts=child,
        )
        DeployedWorkload(
            args.connector,
            args.namespace,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[secret, configuration]),
        )
        # Last: a name should lead nowhere rather than to a tunnel that doesn't know it yet.
        named = pulumi.ResourceOptions(parent=self, depends_on=[configuration])
        for opening in args.openings:
            cloudflare.DnsRecord(
                opening.name,
                zone_id=zone_id,
                **arguments(tunnel.record(opening, pulumi.Output.concat(line.id, ".cfargotunnel.com"))),
                opts=named,
            )

        self.urls = {one.front.app: f"https://{one.audience.public}" for one in args.openings}
        self.register_outputs({"urls": self.urls, "tunnelId": line.id, "serviceTokens": self.service_tokens})

    def _access(self, opening: Opening, account: pulumi.Output[str], team: pulumi.Output[str]) -> tunnel.SignIn:
        """Cloudflare Access in front of one app."""
        child = pulumi.ResourceOptions(parent=self)
        token = cloudflare.ZeroTrustAccessServiceToken(
            opening.name,
            account_id=account,
            name=f"{tunnel.NAME}-{opening.name}",
            duration=tunnel.PROGRAM_TOKEN_LIFE,
            opts=child,
        )
        self.service_tokens = {
            **self.service_tokens,
            opening.front.app: pulumi.Output.secret(
                pulumi.Output.all(clientId=token.client_id, clientSecret=token.client_secret)
            ),
        }
        policies = [
            cloudflare.ZeroTrustAccessPolicy(
                f"{opening.name}-{kind}", account_id=account, **arguments(document), opts=child
            )
            for kind, document in (
                ("people", tunnel.people_policy(opening)),
                ("programs", tunnel.programs_policy(opening, token.id)),
            )
        ]
        application = cloudflare.ZeroTrustAccessApplication(
            opening.name,
            account_id=account,
            **arguments(tunnel.application(opening, [policy.id for policy in policies])),
            opts=child,
        )
        return tunnel.SignIn(
            team=pulumi.Output.format("https://{0}{1}", team, _TEAM_DOMAIN),
            audience=application.aud,
            program=token.client_id,
        )
