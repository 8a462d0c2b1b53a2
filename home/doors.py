"""Who may come in where: what follows from the doors, names and roles of the home's apps. Imports the model.

An app's *audience* is said once, in its config. What the two doors, the network policies and the map of who reaches
what are made of is derived from it here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from home.apps import App
from home.model import Home
from home.people import Person, Role


@dataclass(frozen=True)
class Audience:
    """Who may come in to one app, and by which names.

    app: its name in the config. public: its name on the internet, None without the public door. tailnet: its name in
    the tailnet, None without that door; `machine` is the first label of it. roles: whose people may come in, none
    twice. sign_in: whether Cloudflare Access asks at the public door who somebody is.
    """

    app: str
    public: str | None
    tailnet: str | None
    machine: str | None
    roles: tuple[Role, ...]
    people: tuple[Person, ...]
    sign_in: bool

    @property
    def emails(self) -> tuple[str, ...]:
        """The addresses of the people who may come in."""
        return tuple(person.email for person in self.people)

    @property
    def asks(self) -> bool:
        """Whether the public door asks for an identity: it is there, and leaves that to nobody else."""
        return self.public is not None and self.sign_in


def audiences(home: Home) -> tuple[Audience, ...]:
    """The audience of each app that has a door, in the config's order. Raises `ValueError` for a home that
    `home.checks` would refuse: a door without its domain, tailnet or hostname."""
    return tuple(audience(home, name, app) for name, app in home.apps.by_name.items() if app.doors)


def audience(home: Home, name: str, app: App) -> Audience:
    """The audience of one app. Raises `ValueError` like `audiences`."""
    public = machine = tailnet = None
    if "public" in app.doors:
        if home.domain is None or app.hostname is None:
            raise ValueError(f"{name} is public, which takes a domain and a hostname")
        public = f"{app.hostname}.{home.domain}"
    if "tailnet" in app.doors:
        if home.tailnet is None:
            raise ValueError(f"{name} has the tailnet door, which takes a tailnet")
        machine = machine_name(name, app)
        tailnet = f"{machine}.{home.tailnet}"
    roles = tuple(dict.fromkeys(app.roles))
    return Audience(name, public, tailnet, machine, roles, home.people_of(*roles), app.sign_in)


def machine_name(name: str, app: App) -> str:
    """What the app's machine is called in the tailnet: its hostname, or else its own name in small letters."""
    return app.hostname or re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def is_in_a_tailnet(home: Home) -> bool:
    """Whether the home has a use for a tailnet: an app with that door, or a node that joined over it."""
    return home.tailnet is not None and (
        any("tailnet" in app.doors for app in home.apps.by_name.values())
        or any(node.joined_over == "tailnet" for node in home.nodes)
    )


def is_public(home: Home) -> bool:
    """Whether an app of the home has the public door."""
    return any("public" in app.doors for app in home.apps.by_name.values())
