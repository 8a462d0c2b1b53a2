"""What a stand-in is told about the service it plays: its resource types, its functions, and how it refuses.

Each service is a module that says this as plain data and functions (`random`, `cloudflare`, `tailscale`), each with a
constant `SERVICE`; `server.py` plays any of them. Nothing here knows of gRPC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from twin.standins.record import Entry
from twin.standins.values import Properties


class RefusedError(Exception):
    """What the real service would refuse; the message says why."""


@dataclass(frozen=True)
class Home:
    """What a service would know of its customer. Empty where the home has none."""

    domain: str = ""
    """The one zone that the home's Cloudflare account has."""
    tailnet: str = ""
    """The tailnet's DNS name, ending in .ts.net."""


@dataclass(frozen=True)
class View:
    """What a stand-in sees while it answers a call, beside the call's own inputs."""

    home: Home
    settings: Properties
    """The provider's configuration, with nothing secret-wrapped. Never to be shown."""
    entries: tuple[Entry, ...]
    """What it holds, but for the thing that the call is about."""
    source: Callable[[str], Random]
    """From an entry's serial to its source of randomness, as `make` gets it."""

    def held(self, token: str) -> list[Entry]:
        """What it holds of one type."""
        return [entry for entry in self.entries if entry.type == token]


@dataclass(frozen=True)
class Made:
    """What the service answers to a create: its id for the thing and the properties it worked out."""

    id: str
    outputs: Properties


Refusals = Callable[[Properties, View], Iterable[tuple[str, str]]]
"""Complete inputs to (property, reason) pairs."""

Function = Callable[[Properties, View], Properties]
"""From a function's arguments to its result. Raises RefusedError."""


@dataclass(frozen=True)
class Kind:
    """How a stand-in plays one resource type, beyond what the SDK says of it."""

    token: str
    make: Callable[[Properties, Random], Made]
    """From complete inputs (defaults filled in, nothing secret-wrapped or unknown) and a source of randomness."""
    defaults: Mapping[str, Any]
    """Values of inputs left out."""
    refusals: Refusals = lambda inputs, view: ()
    """What the real service would refuse whatever it holds: told in a preview already, once every input is known."""
    conflicts: Refusals = lambda inputs, view: ()
    """What the real service would refuse because of what it holds: told when the change is made."""
    replace_on: frozenset[str] | None = None
    """Inputs whose change replaces the resource; None stands for all of them."""
    lasting: frozenset[str] = frozenset()
    """Outputs that an update leaves as they are."""
    normal: Callable[[Properties], Properties] = lambda inputs: inputs
    """Complete inputs in the one form in which the real provider compares them."""
    import_form: str = ""
    """How the id reads that an import takes, such as `<account_id>/<tunnel_id>`; empty if it is the id itself."""
    one_per_id: bool = False
    """Whether creating it sets what stands under its id already, as with the settings of an account."""
    outlives: Callable[[Properties], bool] = lambda inputs: False
    """Whether it stays when the resource is deleted."""
    part_of: str = ""
    """The type of what has the same id and takes it along when it is deleted."""


@dataclass(frozen=True)
class Service:
    """One service: what a stand-in plays."""

    name: str
    """The name of its Pulumi package."""
    kinds: tuple[Kind, ...]
    functions: Mapping[str, Function] = field(default_factory=dict)
    """The functions it plays, by token."""
    credentials: tuple[frozenset[str], ...] = ()
    """The sets of provider settings of which one must be given."""
    attempts: int = 1
    """How often the real provider tries a call to which the service answers 429 or 5xx."""
