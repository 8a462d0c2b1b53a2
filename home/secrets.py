"""The secrets that a home needs: their names and what they are for, never their values. Imports the model.

A secret is a config key of its own, set with `pulumi config set --secret homebrain:KEY`; it is no part of `Home`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from home.doors import is_in_a_tailnet, is_public
from home.model import Home


@dataclass(frozen=True)
class Secret:
    """One secret config key: `key` without the `homebrain:` prefix, `what` it holds, and `when` a home needs it."""

    key: str
    what: str
    when: str


NAS_PASSWORD = Secret(
    key="nasPassword",
    what="the password of the NAS account that mounts SMB shares (nas.username)",
    when="a share speaks SMB",
)
CLOUDFLARE_API_TOKEN = Secret(
    key="cloudflareApiToken",
    what="an API token of the Cloudflare account that has the domain: it may edit Cloudflare Tunnel, Access: Apps and "
    "Policies, and Access: Service Tokens, read Access: Organizations, Identity Providers, and Groups, and in the "
    "domain's zone read Zone and edit DNS",
    when="an app has the public door",
)
TAILSCALE_OAUTH_CLIENT_ID = Secret(
    key="tailscaleOauthClientId",
    what="the id of a Tailscale OAuth client with the tag tag:homebrain, which may write Policy File, DNS, Feature "
    "Settings, Networking Settings and Auth Keys",
    when="an app has the tailnet door, or a node joined over the tailnet",
)
TAILSCALE_OAUTH_CLIENT_SECRET = Secret(
    key="tailscaleOauthClientSecret",
    what="the secret of that OAuth client",
    when="an app has the tailnet door, or a node joined over the tailnet",
)
ALERT_WEBHOOK_URL = Secret(
    key="alertWebhookUrl",
    what="the address to which alerts are posted; such addresses let whoever knows them post",
    when="the receiver of alerts is a webhook",
)

IMMICH_API_KEY = Secret(
    key="immichApiKey",
    what="a key of Immich with which the API asks about photos; an administrator makes it, once Immich runs",
    when="later, if at all: the API and Immich are there",
)
JELLYFIN_API_KEY = Secret(
    key="jellyfinApiKey",
    what="a key of Jellyfin with which the API asks about films; an administrator makes it, once Jellyfin runs",
    when="later, if at all: the API and Jellyfin are there",
)

ALL = (
    NAS_PASSWORD,
    CLOUDFLARE_API_TOKEN,
    TAILSCALE_OAUTH_CLIENT_ID,
    TAILSCALE_OAUTH_CLIENT_SECRET,
    ALERT_WEBHOOK_URL,
    IMMICH_API_KEY,
    JELLYFIN_API_KEY,
)

API_KEYS: Mapping[str, Secret] = {"immich": IMMICH_API_KEY, "jellyfin": JELLYFIN_API_KEY}
"""The keys with which the API asks an app, by the app's name. They can't be had before the app runs."""


def _mounts_smb(home: Home) -> bool:
    return any(share.protocol == "smb" for share in home.shares)


def _posts_alerts(home: Home) -> bool:
    return home.apps.monitoring is not None and home.apps.monitoring.alerts.receiver == "webhook"


_NEEDED: dict[Secret, Callable[[Home], bool]] = {
    NAS_PASSWORD: _mounts_smb,
    CLOUDFLARE_API_TOKEN: is_public,
    TAILSCALE_OAUTH_CLIENT_ID: is_in_a_tailnet,
    TAILSCALE_OAUTH_CLIENT_SECRET: is_in_a_tailnet,
    ALERT_WEBHOOK_URL: _posts_alerts,
}


def required(home: Home) -> tuple[Secret, ...]:
    """The secrets without which this home cannot be deployed."""
    return tuple(secret for secret, is_needed in _NEEDED.items() if is_needed(home))


def welcome(home: Home) -> tuple[Secret, ...]:
    """The secrets without which this home can be deployed, and with which it does more."""
    if home.apps.api is None:
        return ()
    return tuple(secret for app, secret in API_KEYS.items() if app in home.app_names)
