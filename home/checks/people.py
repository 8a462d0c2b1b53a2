"""People: told apart, and an owner among them where a door is. Imports the model."""

from __future__ import annotations

from collections.abc import Iterator

from home.checks.repeated import repeated
from home.doors import is_in_a_tailnet
from home.model import Home
from home.problems import Problem


def names_are_unique(home: Home) -> Iterator[Problem]:
    """Somebody who is there twice has two roles, and the wider one counts."""
    named = ((f"people[{i}].name", person.name) for i, person in enumerate(home.people))
    for path, name, first in repeated(named):
        yield Problem(path, f'"{name}" is already somebody\'s name ({first}); name each person once', (first,))


def emails_are_unique(home: Home) -> Iterator[Problem]:
    """By their address people are known to both doors."""
    known = ((f"people[{i}].email", person.email) for i, person in enumerate(home.people))
    for path, email, first in repeated(known):
        somebody = first.removesuffix(".email")
        yield Problem(path, f'"{email}" is already the address of somebody else ({somebody})', (first,))


def doors_have_an_owner(home: Home) -> Iterator[Problem]:
    """A tailnet without an owner locks out whoever runs it."""
    doors = [f"apps.{name}.doors" for name, app in home.apps.by_name.items() if app.doors]
    joined = [f"nodes[{i}].joinedOver" for i, node in enumerate(home.nodes) if node.joined_over == "tailnet"]
    if (doors or is_in_a_tailnet(home)) and not home.people_of("owner"):
        why = [*doors, *joined][0]
        found = "names nobody with the role owner" if home.people else "is missing"
        yield Problem(
            "people",
            f"{found}, but there is a way in ({why}), and the owner must have it; add yourself as "
            "{name: …, email: …, role: owner}",
            (why, *(f"people[{i}].role" for i in range(len(home.people)))),
        )


CHECKS = (names_are_unique, emails_are_unique, doors_have_an_owner)
