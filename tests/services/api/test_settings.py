"""What the service is told: by its environment, and secrets by files."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.access.bearer import Token
from brain.settings import Settings, of_file, tokens
from tests.services.api.fakes import TOKEN


def test_the_environment_says_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "HOME": "homelab",
        "PORT": "9000",
        "TAILNET_PROXIES": '["10.42.0.0/16"]',
        "ROLES": '{"Ann@Example.org": "owner", "ci.access": "program"}',
        "ACCESS_TEAM": "https://team.cloudflareaccess.com",
        "ACCESS_AUDIENCES": '["0123"]',
        "IMMICH_URL": "http://immich:2283",
        "IMMICH_KEY_FILE": "/run/secrets/immich",
        "LINKS": '{"immich": "https://photos.example.org"}',
        "SET_KEY": '{"immich": "make key"}',
    }
    for name, value in told.items():
        monkeypatch.setenv(f"BRAIN_{name}", value)
    found = Settings()
    assert (found.home, found.port, found.roles["ann@example.org"]) == ("homelab", 9000, "owner")
    assert str(found.tailnet_proxies[0]) == "10.42.0.0/16"
    assert str(found.immich_url) == "http://immich:2283/"
    assert found.jellyfin_url is None
    wanted = found.wanted("immich")
    assert wanted
    assert wanted.command == "make key"


def test_no_setting_is_a_secret() -> None:
    """Whoever adds one that is called so thinks again: a file can be read by fewer, and changes in place."""
    secret = ("key", "token", "password", "secret")
    named = [name for name in Settings.model_fields if any(word in name for word in secret)]
    assert named
    assert [name for name in named if not name.endswith("_file") and name != "set_key"] == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("roles", {"ann@example.org": "king"}),
        ("others", "king"),
        ("port", 70000),
        ("call_deadline", 0),
        ("immich_url", "x"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=setting):
        Settings(**{setting: value})


def test_a_key_is_read_anew_when_its_secret_is_mounted_anew(tmp_path: Path) -> None:
    """As Kubernetes does: the file is a link into a folder that is a link, and the latter is replaced."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(f"{name}-key")
    (tmp_path / "data").symlink_to("first")
    (tmp_path / "key").symlink_to("data/key")
    key = Settings(immich_key_file=tmp_path / "key").key("immich")
    assert key() == "first-key"
    (tmp_path / "next").symlink_to("second")
    os.replace(tmp_path / "next", tmp_path / "data")
    assert key() == "second-key"
    (tmp_path / "key").unlink()
    assert key() == ""
    assert not key


@given(st.text(max_size=40))
def test_a_key_never_breaks_a_header(text: str) -> None:
    key = Settings().key("immich")
    key._file.text = lambda: text  # type: ignore[method-assign]
    assert key() in ("", text.strip())
    assert all("!" <= one <= "~" for one in key())


@given(st.text(max_size=60))
def test_whatever_stands_in_the_file_of_tokens_is_read_or_refused_without_being_told(text: str) -> None:
    try:
        found = tokens(text)
    except ValueError as error:
        assert len(text) < 5 or text not in str(error)  # noqa: PT017 - any text may be refused or read
    else:
        assert all(isinstance(one, Token) for one in found.values())


def test_a_program_has_a_token_for_all_or_for_something_alone() -> None:
    other = f"{TOKEN}-too"
    found = tokens(json.dumps({"assistant": TOKEN, "prometheus": {"token": other, "only": ["metrics"]}}))
    assert {name: (one.token, one.paths) for name, one in found.items()} == {
        "assistant": (TOKEN, None),
        "prometheus": (other, frozenset({"/metrics"})),
    }
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    "one",
    [
        {"token": TOKEN, "only": []},
        {"token": TOKEN, "only": ["everything"]},
        {"token": TOKEN, "only": "metrics"},
        {"token": TOKEN, "onyl": ["metrics"]},
        {"token": "short", "only": ["metrics"]},
        {"only": ["metrics"]},
        [TOKEN],
        None,
    ],
)
def test_a_token_whose_limit_is_not_understood_is_good_for_nothing(one: Any) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        tokens(json.dumps({"prometheus": one}))
    assert TOKEN not in str(caught.value)


def test_two_programs_do_not_share_a_token_of_which_one_is_limited() -> None:
    with pytest.raises(ValueError, match="same token"):
        tokens(json.dumps({"assistant": TOKEN, "prometheus": {"token": TOKEN, "only": ["metrics"]}}))


@pytest.mark.parametrize(
    "given",
    [
        {"tailnet_proxy_pods": "tailnet/proxy-api"},
        {"tailnet_proxy_pods": "tailnet/proxy-api", "kubernetes_url": "https://kubernetes"},
        {"tailnet_proxy_pods": "tailnet/proxy-api", "tailnet_proxies": ["10.42.0.0/16"]},
        *(
            {"tailnet_proxy_pods": text, "kubernetes_url": "https://kubernetes", "tailnet_proxies": ["10.42.0.0/16"]}
            for text in ("", "proxy-api", "tailnet/", "/proxy-api", "tailnet/a/b", "../pods", "tailnet/a,b", "t/a=b")
        ),
    ],
)
def test_proxies_that_can_not_be_asked_for_are_refused_at_the_start(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="tailnet_proxy_pods"):
        Settings.model_validate(given)


def test_a_file_that_makes_no_sense_is_named_and_taken_for_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tokens.json"
    known = of_file(file, tokens, {})
    assert known() == {}
    file.write_text(f'{{"prometheus": "{TOKEN}"}}')
    assert known() == {"prometheus": Token(token=TOKEN)}
    caplog.set_level(logging.ERROR)
    file.write_text(f'{{"prometheus": "{TOKEN}"')
    assert known() == known() == {}
    [line] = caplog.messages
    assert "tokens.json" in line
    assert TOKEN not in line
