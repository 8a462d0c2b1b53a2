"""The tailnet door: Tailscale's policy for the home, and a machine of the tailnet for each app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_tailscale as tailscale

from components import names, tailnet_policy, tailnet_proxies
from components.deployed import DeployedWorkload
from components.doors import Opening
from components.manifests import Manifest, arguments
from components.workload import Workload

KEY_SECONDS = 7 * 24 * 3600
"""How long a proxy has to log in for the first time. Afterwards its key is of no use to anybody."""


@dataclass(frozen=True)
class TailnetDoorArgs:
    """policy: what `components.tailnet_policy.policy` makes of the home. openings: the apps behind this door. proxies:
    one for each of them, in the same order. namespace: the handle of the room's namespace; None where no app is behind
    this door."""

    policy: Manifest
    openings: tuple[Opening, ...] = ()
    proxies: tuple[Workload, ...] = ()
    namespace: pulumi.Input[str] | None = None


class TailnetDoor(pulumi.ComponentResource):
    """Who may do what in the tailnet, and the apps in it.

    Creates the tailnet's policy, switches on its names and their certificates and, for each app, a key that works once,
    the Secret for its machine's state with a role for just that Secret, and the machine itself: a proxy.

    The policy is never overwritten unasked: over one that somebody else wrote, creating it fails, and it is imported
    instead (RB-011).
    """

    urls: Mapping[str, str]
    """Where each app is reached, by app."""

    def __init__(self, name: str, args: TailnetDoorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the policy first: it owns the tags that the keys have."""
        super().__init__("homebrain:doors:TailnetDoor", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        policy = tailscale.Acl("policy", acl=tailnet_policy.text(args.policy), opts=child)
        named = tailscale.DnsPreferences("dns", magic_dns=True, opts=child)
        # Certificates are for names, so the names come first.
        certified = tailscale.TailnetSettings(
            "settings", https_enabled=True, opts=pulumi.ResourceOptions(parent=self, depends_on=[named])
        )
        for opening, proxy in zip(args.openings, args.proxies, strict=True):
            self._proxy(opening, proxy, args.namespace, [policy, certified])

        self.urls = {one.front.app: f"https://{one.audience.tailnet}" for one in args.openings}
        self.register_outputs({"urls": self.urls, "policy": policy.id})

    def _proxy(
        self,
        opening: Opening,
        proxy: Workload,
        namespace: pulumi.Input[str] | None,
        after: list[pulumi.Resource],
    ) -> None:
        child = pulumi.ResourceOptions(parent=self)
        key = tailscale.TailnetKey(
            opening.name,
            # Works once, and what comes in by it stays: an app that is down for a day is the same machine afterwards.
            reusable=False,
            ephemeral=False,
            preauthorized=True,
            expiry=KEY_SECONDS,
            # A key that was used is invalid, as it should be: that is no reason for another.
            recreate_if_invalid="never",
            tags=[tailnet_policy.app_tag(opening)],
            description=f"HomeBrain {opening.name}",
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        holder = kubernetes.core.v1.Secret(
            tailnet_proxies.key_name(opening),
            metadata={
                "name": tailnet_proxies.key_name(opening),
                "namespace": namespace,
                "labels": names.labels(proxy.name),
            },
            string_data={tailnet_proxies.KEY: key.key},
            opts=child,
        )
        state = kubernetes.core.v1.Secret(
            tailnet_proxies.state_name(opening),
            **arguments(tailnet_proxies.state_secret(opening), namespace),
            # What is in it is the proxy's.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["data", "stringData"]),
        )
        role = kubernetes.rbac.v1.Role(
            proxy.name, **arguments(tailnet_proxies.state_role(opening), namespace), opts=child
        )
        binding = kubernetes.rbac.v1.RoleBinding(
            proxy.name,
            **arguments(tailnet_proxies.state_role_binding(opening), namespace),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        DeployedWorkload(
            proxy, namespace or "", opts=pulumi.ResourceOptions(parent=self, depends_on=[holder, state, binding])
        )
