"""Which secrets a home needs."""

from __future__ import annotations

from typing import Any

import pytest

from home import load, secrets
from tests.homes import changed, config

NO_SMB: list[dict[str, Any]] = [
    {"path": "nas.shares[0]", "remove": True},
    {"path": "apps.immich.libraries", "set": []},
]
NOT_PUBLIC: list[dict[str, Any]] = [{"path": "apps.jellyfin.doors", "set": ["tailnet"]}]
NO_TAILNET_DOOR: list[dict[str, Any]] = [
    {"path": "apps.jellyfin.doors", "set": ["public"]},
    {"path": "apps.jellyfin.roles", "remove": True},
    {"path": "apps.immich.doors", "remove": True},
    {"path": "apps.immich.roles", "remove": True},
]
NOT_JOINED: list[dict[str, Any]] = [{"path": "nodes[1].joinedOver", "set": "lan"}]

TO_A_WEBHOOK: list[dict[str, Any]] = [{"path": "apps.monitoring", "set": {"alerts": {"receiver": "webhook"}}}]

OAUTH = (secrets.TAILSCALE_OAUTH_CLIENT_ID, secrets.TAILSCALE_OAUTH_CLIENT_SECRET)
DOORS_AND_SMB = (secrets.NAS_PASSWORD, secrets.CLOUDFLARE_API_TOKEN, *OAUTH)


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        pytest.param([], DOORS_AND_SMB, id="a home with SMB and both doors"),
        pytest.param(
            TO_A_WEBHOOK, (*DOORS_AND_SMB, secrets.ALERT_WEBHOOK_URL), id="one that posts its alerts needs an address"
        ),
        pytest.param(NO_SMB, (secrets.CLOUDFLARE_API_TOKEN, *OAUTH), id="without SMB, no password"),
        pytest.param(NOT_PUBLIC, (secrets.NAS_PASSWORD, *OAUTH), id="without a public app, no token for Cloudflare"),
        pytest.param(NO_TAILNET_DOOR, DOORS_AND_SMB, id="a node that joined over the tailnet is in it without any app"),
        pytest.param(
            [*NO_TAILNET_DOOR, *NOT_JOINED],
            (secrets.NAS_PASSWORD, secrets.CLOUDFLARE_API_TOKEN),
            id="without app and node in the tailnet, nothing for Tailscale",
        ),
    ],
)
def test_a_home_needs_the_secrets_of_what_it_has(
    changes: list[dict[str, Any]], needed: tuple[secrets.Secret, ...]
) -> None:
    assert secrets.required(load(changed(config(), changes))) == needed


@pytest.mark.parametrize(
    ("apps", "welcome"),
    [
        (["api", "immich", "jellyfin"], (secrets.IMMICH_API_KEY, secrets.JELLYFIN_API_KEY)),
        (["api", "jellyfin"], (secrets.JELLYFIN_API_KEY,)),
        (["api"], ()),
        (["immich", "jellyfin"], ()),
    ],
)
def test_keys_of_apps_are_welcome_where_the_api_asks_them_and_needed_nowhere(
    apps: list[str], welcome: tuple[secrets.Secret, ...]
) -> None:
    document = config()
    document["apps"] = {**document["apps"], "api": {"programs": ["calendar"]}}
    document["apps"] = {name: document["apps"][name] for name in apps}
    here = load(document)
    assert secrets.welcome(here) == welcome
    assert not set(secrets.required(here)) & set(secrets.API_KEYS.values())


def test_no_secret_is_a_key_of_the_home() -> None:
    home = load(config())
    assert not {secret.key for secret in secrets.ALL} & set(home.model_dump(by_alias=True))
