"""What the program declares: each object of the Kubernetes API, and the address that the engine would know it by."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from render import Evaluation, Registration
from render.program import PROJECT, Secret, api_object

PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 a type


class Key(NamedTuple):
    """Which object of a cluster: the same for all versions of its API. `namespace` is "" for what has none."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name}"

    @property
    def id(self) -> str:
        """How the Kubernetes provider calls it: `namespace/name`, or `name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def key_of(token: str, identity: str) -> Key | None:
    """The object behind a resource of the state: its type and id. None when it is none, or a patch of one."""
    package, _, rest = token.partition(":")
    version, _, kind = rest.partition(":")
    if package != "kubernetes" or not kind or kind.endswith("Patch"):
        return None
    group = "" if version.startswith("core/") else version.rpartition("/")[0]
    namespace, _, name = identity.rpartition("/")
    return Key(group, kind, namespace, name)


@dataclass(frozen=True)
class Declared:
    """One object that the program declares. `manifest` is as the API takes it; a secret in it is a `render` Secret."""

    registration: Registration
    urn: str
    key: Key
    manifest: Mapping[str, Any] = field(repr=False)


class Program:
    """What one evaluation of the program registers, by the engine's own URNs.

    The evaluation's URNs tell resources apart but are not the engine's: they name the next parent only.
    """

    def __init__(self, evaluation: Evaluation, stack: str) -> None:
        """`stack` is part of every URN."""
        self._stack = stack
        self._registrations = {one.urn: one for one in evaluation.registrations}

    @cached_property
    def objects(self) -> tuple[Declared, ...]:
        """Every object that the program creates, in the order of registration; not what it only reads or patches."""
        return tuple(self._objects())

    def _objects(self) -> Iterator[Declared]:
        for one in self._registrations.values():
            name = (one.inputs.get("metadata") or {}).get("name")
            # Without a name the provider makes up one that nothing has.
            if one.read or not one.custom or not isinstance(name, str):
                continue
            namespace = one.inputs["metadata"].get("namespace") or ""
            if key := key_of(one.type, f"{namespace}/{name}" if namespace else name):
                yield Declared(one, self.urn(one), key, api_object(one))

    @property
    def passwords(self) -> tuple[Registration, ...]:
        """The passwords that the program has made up once and keeps in its state."""
        return tuple(one for one in self._registrations.values() if one.type == PASSWORD)

    def urn(self, registration: Registration) -> str:
        """The URN by which the engine knows a resource."""
        return f"urn:pulumi:{self._stack}::{PROJECT}::{self._path(registration)}::{registration.name}"

    def ancestors(self, registration: Registration) -> tuple[Registration, ...]:
        """The components that it lies in, the outermost first."""
        parent = self._registrations.get(registration.parent)
        return () if parent is None else (*self.ancestors(parent), parent)

    def provider(self, registration: Registration) -> Registration:
        """The provider that makes it. Raises `LookupError` when the program names none."""
        try:
            return self._registrations[registration.provider.rpartition("::")[0]]
        except KeyError:
            raise LookupError(f"{self.urn(registration)} names no provider") from None

    @property
    def base(self) -> tuple[Registration, ...]:
        """What has to be in the state before anything can be imported, and touches no cluster: the providers, and the
        components around what is only read, which a run of the engine reads whatever it is aimed at."""
        providers = [one for one in self._registrations.values() if one.type.startswith("pulumi:providers:")]
        around = {
            parent.urn: parent for one in self._registrations.values() if one.read for parent in self.ancestors(one)
        }
        return (*providers, *around.values())

    def _path(self, registration: Registration) -> str:
        parent = self._registrations.get(registration.parent)
        return registration.type if parent is None else f"{self._path(parent)}${registration.type}"


def plain(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest as the provider sends it, its secrets in clear: for the API server, never for a person or a file."""
    sent: dict[str, Any] = revealed(manifest)
    if written := sent.pop("stringData", None):
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in written.items()}
        sent["data"] = {**(sent.get("data") or {}), **encoded}
    return sent


def revealed(value: Any) -> Any:
    """Plain data with its secrets in clear."""
    if isinstance(value, Secret):
        return revealed(value.value)
    if isinstance(value, Mapping):
        return {key: revealed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(one) for one in value]
    return value
