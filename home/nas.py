"""The network storage and its shares. Imports the values and nothing else of ours."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from home.quantities import to_bytes
from home.record import Record
from home.values import Address, Day, Name, OwnerId, Size, Text


class Owner(Record):
    """The numeric user and group that own a share's files."""

    uid: OwnerId
    """The user id."""
    gid: OwnerId
    """The group id."""


class Share(Record):
    """A folder on the NAS."""

    name: Name = Field(examples=["media"])
    """What apps call the share."""
    protocol: Literal["smb", "nfs"]
    """How the share is mounted."""
    path: Text = Field(examples=["/media"])
    """For NFS the exported folder, such as /volume1/video; for SMB the name that the NAS gives the share."""
    access: Literal["read-only", "read-write"]
    """What apps may do there. Libraries are mounted read-only in any case."""
    capacity: Size
    """How much the share can hold, such as 4Ti. Kubernetes wants a figure; the NAS enforces its own."""
    owner: Owner
    """Who owns the files: the user and group that the mount shows."""
    assumed: tuple[str, ...] = ()
    """The keys of this share whose values nobody has looked up yet; output marks them."""

    @property
    def capacity_bytes(self) -> int:
        """`capacity` in bytes."""
        return to_bytes(self.capacity)


class NasAddresses(Record):
    """Where the NAS answers."""

    lan: Address
    """The address in one of the home's networks."""
    tailnet: Address | None = None
    """The address in the tailnet, from 100.64.0.0/10."""
    tailnet_key_expires: Day | None = None
    """The day on which the NAS's key in the tailnet ends, as Tailscale's console shows it; an alert comes two weeks
    before. Leave out where it doesn't."""


class Nas(Record):
    """The network storage."""

    model: Text
    """The device, such as Synology DS923+."""
    addresses: NasAddresses
    """Where the NAS answers."""
    username: Text | None = None
    """The account that mounts SMB shares. Its password is the secret `homebrain:nasPassword`."""
    shares: tuple[Share, ...] = ()
    """The folders that apps may use."""
    assumed: tuple[str, ...] = ()
    """The keys of the NAS whose values nobody has looked up yet; output marks them."""
