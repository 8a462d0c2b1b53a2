"""Which secrets a home needs."""

from __future__ import annotations

from typing import Any

from home import load, secrets
from tests.homes import changed, config


def test_a_home_with_an_smb_share_needs_the_password_of_its_nas() -> None:
    assert secrets.required(load(config())) == (secrets.NAS_PASSWORD,)


def test_a_home_without_smb_needs_no_password() -> None:
    only_nfs: list[dict[str, Any]] = [
        {"path": "nas.shares[0]", "remove": True},
        {"path": "apps.immich.libraries", "set": []},
    ]
    assert secrets.required(load(changed(config(), only_nfs))) == ()


def test_no_secret_is_a_key_of_the_home() -> None:
    home = load(config())
    assert not {secret.key for secret in secrets.ALL} & set(home.model_dump(by_alias=True))
