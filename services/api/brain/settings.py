"""What the service is told: from the environment, as `BRAIN_…`, and secrets from files alone.

A secret in the environment is seen by whoever can list processes or pods; a file's rights are its own, and a mounted
Secret changes in place. So no setting here is a secret, and any of them may be shown.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from brain.access.bearer import Token
from brain.access.identity import By
from brain.adapters.adapter import Role
from brain.overview import Wanted

log = logging.getLogger(__name__)

T = TypeVar("T")
Seconds = Annotated[float, Field(gt=0)]

SHORTEST_TOKEN: Final = 24
"""Characters. Whatever is shorter could be guessed."""


PODS: Final = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
"""A namespace, and the value of a label."""


class Settings(BaseSettings):
    """All of it.

    home: the name of the home. host, port: where it listens. links: where people open a service, by its name.
    exposure_file: the map of who reaches what, as `python -m home exposure --json` writes it.

    *_url: where a service is; without one it isn't watched. *_key_file: a file with the key for it. set_key: the
    command that sets the key of a service, by its name, to be shown to people. *_ca_file: authorities to trust for it.

    tailnet_proxies: addresses whose Tailscale identity headers are believed. tailnet_proxy_pods: `namespace/app`; then
    only of those among them at which the cluster's API server says that a pod of this app runs. access_team:
    Cloudflare Access's `https://<team>.cloudflareaccess.com`, and access_audiences the applications' tags; both, or
    Access is nobody to us. tokens_file: a JSON object of bearer tokens by the name of the program that has one, of the
    shape that `tokens` reads.

    roles: by email address, or by a service token's client ID. others: the role of whoever is known to the door but not
    in `roles`; without it they are refused.

    rate_*: how often somebody may ask. max_listeners: who may listen for changes at once, and how often each of them;
    listen_for: seconds until they are let in anew.

    deadlines: of one call to a service, of a search (for one by what is to be seen, Immich may have to load a model
    first), of one look at a service with all its calls, and of an overview. fresh_for: how long a
    look is as good as a new one, and look_every how often one is had unasked.
    """

    model_config = SettingsConfigDict(env_prefix="BRAIN_", extra="ignore", frozen=True)

    home: str = "home"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    links: Mapping[str, HttpUrl] = {}
    exposure_file: Path | None = None

    immich_url: HttpUrl | None = None
    immich_key_file: Path | None = None
    jellyfin_url: HttpUrl | None = None
    jellyfin_key_file: Path | None = None
    kubernetes_url: HttpUrl | None = None
    kubernetes_key_file: Path | None = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    kubernetes_ca_file: Path | None = Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
    prometheus_url: HttpUrl | None = None
    set_key: Mapping[str, str] = {}

    tailnet_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tailnet_proxy_pods: str | None = Field(default=None, pattern=PODS)
    access_team: HttpUrl | None = None
    access_audiences: tuple[str, ...] = ()
    tokens_file: Path | None = None
    roles: Mapping[str, Role] = {}
    others: Role | None = None

    rate_per_second: Annotated[float, Field(gt=0)] = 10.0
    rate_burst: int = Field(default=60, ge=1)
    max_request_bytes: int = Field(default=64 * 1024, ge=0)
    max_listeners: int = Field(default=64, ge=1)
    max_listeners_each: int = Field(default=6, ge=1)
    listen_for: Seconds = 900.0

    call_deadline: Seconds = 3.0
    search_deadline: Seconds = 15.0
    look_deadline: Seconds = 15.0
    overview_deadline: Seconds = 1.0
    fresh_for: Seconds = 10.0
    look_every: Seconds = 10.0

    @field_validator("roles")
    @classmethod
    def _fold(cls, roles: Mapping[str, Role]) -> Mapping[str, Role]:
        """Nobody means two people by `Ann@example.org` and `ann@example.org`."""
        return {who.strip().casefold(): role for who, role in roles.items()}

    @field_validator("tailnet_proxies")
    @classmethod
    def _not_everybody(cls, networks: tuple[IPv4Network | IPv6Network, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("whoever is believed from every address could be anybody: name the proxies' own")
        return networks

    @field_validator("access_team")
    @classmethod
    def _over_tls(cls, team: HttpUrl | None) -> HttpUrl | None:
        if team is not None and team.scheme != "https":
            raise ValueError("keys that come without TLS are anybody's: an https:// address")
        return team

    @model_validator(mode="after")
    def _can_ask_for_the_proxies(self) -> Settings:
        if self.tailnet_proxy_pods is not None and (self.kubernetes_url is None or not self.tailnet_proxies):
            raise ValueError(
                "tailnet_proxy_pods asks at kubernetes_url which of tailnet_proxies to believe: give these too"
            )
        return self

    @property
    def ways(self) -> frozenset[By]:
        """By which somebody can come in."""
        there: dict[By, bool] = {
            "tailnet": bool(self.tailnet_proxies),
            "access": bool(self.access_team and self.access_audiences),
            "token": self.tokens_file is not None,
        }
        return frozenset(way for way, is_there in there.items() if is_there)

    def key(self, service: str) -> KeyFile:
        """The key of a service."""
        return KeyFile(getattr(self, f"{service}_key_file", None))

    def wanted(self, service: str) -> Wanted | None:
        """What somebody has to do before a service can be asked; None when there is a key, or it takes none."""
        command = self.set_key.get(service)
        if command is None or self.key(service)():
            return None
        return Wanted(what=f"A key for {service.capitalize()}, which it makes for an administrator.", command=command)


class _Watched:
    """The text of a file, read anew when the file has changed."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._text = ""

    def text(self) -> str:
        """The file's text; empty where there is none. The replaced link of a mounted Secret is a change too."""
        return self.changed()[0]

    def changed(self) -> tuple[str, bool]:
        """The text, and whether it was read just now."""
        if self._path is None:
            return "", False
        try:
            found = self._path.stat()
            seen = (found.st_mtime_ns, found.st_ino, found.st_size)
            if seen == self._seen:
                return self._text, False
            self._text, self._seen = self._path.read_text(encoding="utf-8"), seen
        except (OSError, UnicodeDecodeError):
            was, self._text, self._seen = self._text, "", None
            return "", bool(was)
        return self._text, True


class KeyFile:
    """A key that stands in a file; call it for the key. Empty while there is no file, or nothing in it."""

    def __init__(self, path: Path | None) -> None:
        self._file = _Watched(path)

    def __call__(self) -> str:
        """The key, in one line of visible ASCII; anything else couldn't be sent in a header."""
        key = self._file.text().strip()
        return key if re.fullmatch(r"[!-~]*", key) else ""

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self())


def of_file(path: Path | None, read: Callable[[str], T], otherwise: T) -> Callable[[], T]:
    """A function that gives what `read` makes of a file, and `otherwise` where there is none or it makes no sense."""
    file = _Watched(path)
    kept = otherwise

    def value() -> T:
        nonlocal kept
        text, changed = file.changed()
        if changed:
            try:
                kept = read(text) if text.strip() else otherwise
            except ValueError as error:
                # What it says could be a piece of the file.
                log.error("%s makes no sense (%s), and is taken for none", path, type(error).__name__)
                kept = otherwise
        return kept

    return value


_TOKENS: Final = TypeAdapter(dict[str, str | Token])


def tokens(text: str) -> Mapping[str, Token]:
    """The bearer tokens of a file's text, by program. Raises ValueError, without a word of the text.

    A program has a token that is good for all that programs may, or one that is good for something alone:
    `{"assistant": "…", "prometheus": {"token": "…", "only": ["metrics"]}}`.
    """
    try:
        told = _TOKENS.validate_json(text)
    except ValidationError:
        raise ValueError("the tokens aren't strings, or tokens with what they are for, by name") from None
    found = {name: Token(token=one) if isinstance(one, str) else one for name, one in told.items()}
    if any(len(one.token) < SHORTEST_TOKEN for one in found.values()):
        raise ValueError(f"a token is shorter than {SHORTEST_TOKEN} characters")
    if len({one.token for one in found.values()}) < len(found):
        raise ValueError("two programs have the same token")
    return found
