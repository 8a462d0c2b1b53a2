"""The secrets that a home needs: their names and what they are for, never their values. Imports the model.

A secret is a config key of its own, set with `pulumi config set --secret homebrain:KEY`; it is no part of `Home`.
"""

from __future__ import annotations

from dataclasses import dataclass

from home.model import Home


@dataclass(frozen=True)
class Secret:
    """One secret config key: `key` without the `homebrain:` prefix, `what` it holds, and `when` a home needs it."""

    key: str
    what: str
    when: str


NAS_PASSWORD = Secret(
    key="nasPassword",
    what="the password of the NAS account that mounts SMB shares (nas.username)",
    when="a share speaks SMB",
)

ALL = (NAS_PASSWORD,)


def required(home: Home) -> tuple[Secret, ...]:
    """The secrets without which this home cannot be deployed."""
    return (NAS_PASSWORD,) if any(share.protocol == "smb" for share in home.shares) else ()
