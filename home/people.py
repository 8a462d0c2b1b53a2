"""The people of the home, and who of them may do what. Imports the values and nothing else of ours."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from home.record import Record
from home.values import Email, Text

Role = Literal["owner", "family", "guest"]
ROLES: tuple[Role, ...] = get_args(Role)


class Person(Record):
    """Somebody who may come in through a door."""

    name: Text = Field(examples=["Ada"])
    """What the person is called."""
    email: Email
    """The address with which the person signs in to Tailscale, and to which Cloudflare Access sends its code."""
    role: Role
    """`owner` runs the home: machines, NAS and all. `family` and `guest` reach the apps that name them in `roles`, and
    nothing else."""
    assumed: tuple[str, ...] = ()
    """The keys of this person whose values nobody has confirmed yet; output marks them."""
