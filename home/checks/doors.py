"""Doors: onto something, under names of their own, for people who exist. Imports the model."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from home.apps import App
from home.checks.repeated import repeated
from home.doors import machine_name
from home.model import Home
from home.people import ROLES
from home.problems import Problem
from home.wording import listed

# What says who may come in, and how: nothing without a door.
_OF_A_DOOR = {"hostname": "hostname", "roles": "roles", "signIn": "sign_in"}


def doors_exist(home: Home) -> Iterator[Problem]:
    """A door needs what it opens onto: names under a domain, or a tailnet."""
    for name, app in home.apps.by_name.items():
        for i, door in enumerate(app.doors):
            if door == "public" and home.domain is None:
                yield Problem(
                    f"apps.{name}.doors[{i}]",
                    "the public door needs a domain; set homebrain:domain to one of yours at Cloudflare, or leave "
                    "this door out",
                    ("domain",),
                )
            if door == "tailnet" and home.tailnet is None:
                yield Problem(
                    f"apps.{name}.doors[{i}]",
                    "the tailnet door needs a tailnet; set homebrain:tailnet to the name on Tailscale's DNS page, or "
                    "leave this door out",
                    ("tailnet",),
                )


def doors_are_unique(home: Home) -> Iterator[Problem]:
    """A door given twice is most likely another one misspelt by hand."""
    for name, app in home.apps.by_name.items():
        for path, door, first in repeated((f"apps.{name}.doors[{i}]", door) for i, door in enumerate(app.doors)):
            yield Problem(path, f'"{door}" is given twice; keep one of them', (first,))


def public_apps_have_a_hostname(home: Home) -> Iterator[Problem]:
    """The tunnel tells apps apart by the name that was asked for."""
    for name, app in home.apps.by_name.items():
        if "public" in app.doors and app.hostname is None:
            example = f"{machine_name(name, app)}.{home.domain or 'example.com'}"
            yield Problem(
                f"apps.{name}.hostname",
                f"is missing, but the public door leads to a name under the domain; write its first part, such as "
                f"{machine_name(name, app)} for {example}",
                (f"apps.{name}.doors",),
            )


def hostnames_are_unique(home: Home) -> Iterator[Problem]:
    """A name leads to one app."""
    given = (
        (f"apps.{name}.hostname", app.hostname) for name, app in home.apps.by_name.items() if app.hostname is not None
    )
    for path, hostname, first in repeated(given):
        yield Problem(path, f'"{hostname}" is already the hostname of another app ({first})', (first,))


def machine_names_are_free(home: Home) -> Iterator[Problem]:
    """Tailscale puts a number behind a name that another machine has, and the app's address would be another's."""
    in_tailnet = {name: app for name, app in home.apps.by_name.items() if "tailnet" in app.doors}
    nodes = {node.name: i for i, node in enumerate(home.nodes)}
    own = {machine_name(name, app): name for name, app in in_tailnet.items() if app.hostname is None}
    for name, app in in_tailnet.items():
        machine = machine_name(name, app)
        path = f"apps.{name}.hostname"
        if machine in nodes:
            i = nodes[machine]
            yield Problem(
                path,
                f'"{machine}" is the name of a node (nodes[{i}].name), and the tailnet would have two machines of one '
                "name; choose another hostname",
                (f"nodes[{i}].name", f"apps.{name}.doors"),
            )
        elif app.hostname is not None and own.get(machine, name) != name:
            other = own[machine]
            yield Problem(
                path,
                f'"{machine}" is what {other} is called in the tailnet, since it has no hostname; choose another, or '
                f"give {other} one",
                (f"apps.{other}.hostname", f"apps.{other}.doors", f"apps.{name}.doors"),
            )


def api_servers_have_an_address(home: Home) -> Iterator[Problem]:
    """Pods may talk to nothing that isn't named: who asks an API server has to be told where one is."""
    asking = [
        *(
            (f"what opens the tailnet door (apps.{name}.doors)", f"apps.{name}.doors")
            for name, app in home.apps.by_name.items()
            if "tailnet" in app.doors
        ),
        *([("the API (apps.api)", "apps.api")] if home.apps.api else []),
        *([("monitoring (apps.monitoring)", "apps.monitoring")] if home.apps.monitoring else []),
    ]
    for i, node in enumerate(home.nodes):
        given = [address for address in (node.addresses.lan, node.addresses.tailnet) if address]
        if asking and node.role == "server" and not any(ip_address(address).version == 4 for address in given):
            yield Problem(
                f"nodes[{i}].addresses",
                f"names no IPv4 address of {node.name}, but {asking[0][0]} has to reach the API server there; write "
                "lan, tailnet or both",
                (f"nodes[{i}].role", asking[0][1]),
            )


def roles_are_unique(home: Home) -> Iterator[Problem]:
    """A role given twice is most likely another one misspelt by hand."""
    for name, app in home.apps.by_name.items():
        for path, role, first in repeated((f"apps.{name}.roles[{i}]", role) for i, role in enumerate(app.roles)):
            yield Problem(path, f'"{role}" is given twice; keep one of them', (first,))


def roles_are_held(home: Home) -> Iterator[Problem]:
    """A door for nobody is most likely a person who was forgotten."""
    # That nobody is the owner is a problem of its own.
    held = {"owner", *(person.role for person in home.people)}
    because = ("people", *(f"people[{i}].role" for i in range(len(home.people))))
    for name, app in home.apps.by_name.items():
        for i, role in enumerate(app.roles):
            if app.doors and role not in held:
                yield Problem(
                    f"apps.{name}.roles[{i}]",
                    f'nobody has the role "{role}"; add such a person to homebrain:people, or leave the role out',
                    (*because, f"apps.{name}.doors"),
                )


def somebody_may_come_in(home: Home) -> Iterator[Problem]:
    """A door that asks who somebody is and then lets nobody in is a mistake, not a precaution."""
    for name, app in home.apps.by_name.items():
        asking = _asking(app)
        if not app.roles and asking:
            yield Problem(
                f"apps.{name}.roles",
                f"is empty, but {asking}; write at least one of {listed(ROLES)}",
                (f"apps.{name}.doors", f"apps.{name}.signIn"),
            )


def _asking(app: App) -> str | None:
    """Who asks for a role, in words; None where nobody does."""
    if "tailnet" in app.doors:
        return "the tailnet door lets people in by their roles"
    if "public" in app.doors and app.sign_in:
        return "Cloudflare Access asks at the public door who somebody is (signIn), and would let nobody in"
    return None


def somebody_may_ask_the_api(home: Home) -> Iterator[Problem]:
    """The API has no login of its own: it believes its doors, and programs their tokens."""
    api = home.apps.api
    if api is None or api.programs:
        return
    if not api.doors:
        yield Problem(
            "apps.api.doors",
            "no door leads to the API and no program may ask it, so it would be there for nobody; give it a door, or "
            "name programs",
            ("apps.api.programs",),
        )
    elif "public" in api.doors and not api.sign_in:
        yield Problem(
            "apps.api.signIn",
            "is false, and the API has no login of its own: whoever comes by the public door would be refused; leave "
            "signIn out, take the public door away, or name programs that come with a token",
            ("apps.api.doors", "apps.api.programs"),
        )


def roles_are_asked_for(home: Home) -> Iterator[Problem]:
    """Who reads roles there would believe that others stay outside."""
    for name, app in home.apps.by_name.items():
        if "roles" in app.model_fields_set and app.roles and app.doors and _asking(app) is None:
            yield Problem(
                f"apps.{name}.roles",
                "keeps nobody out: the public door is the only one, and with signIn false anybody on the internet "
                "reaches the app's own login; leave roles out, or let Cloudflare Access ask (signIn: true)",
                (f"apps.{name}.doors", f"apps.{name}.signIn"),
            )


def audience_has_a_door(home: Home) -> Iterator[Problem]:
    """Names and roles without a door are most likely a door that was forgotten."""
    for name, app in home.apps.by_name.items():
        for key, field in _OF_A_DOOR.items():
            if not app.doors and field in app.model_fields_set:
                yield Problem(
                    f"apps.{name}.{key}",
                    f"says how people come in, but {name} has no door; add `doors`, or leave this out",
                    (f"apps.{name}.doors",),
                )


CHECKS = (
    somebody_may_ask_the_api,
    doors_exist,
    doors_are_unique,
    public_apps_have_a_hostname,
    hostnames_are_unique,
    machine_names_are_free,
    api_servers_have_an_address,
    roles_are_unique,
    roles_are_held,
    somebody_may_come_in,
    roles_are_asked_for,
    audience_has_a_door,
)
