"""The NAS as the page shows it: its shares, and who mounts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from home import Share
from tour import words
from tour.rooms import Room, shares_by_claim
from tour.survey import Survey


@dataclass(frozen=True)
class Mount:
    """An app's use of a share. declared: its room is there and mounts it."""

    app: str
    tint: int | None
    read_only: bool
    declared: bool


@dataclass(frozen=True)
class ShareView:
    """A folder of the NAS."""

    name: str
    protocol: str
    path: str
    access: str
    capacity: str
    assumed: tuple[str, ...]
    mounts: tuple[Mount, ...]


@dataclass(frozen=True)
class NasView:
    """The network storage."""

    model: str
    addresses: tuple[str, ...]
    shares: tuple[ShareView, ...]


def nas(survey: Survey, rooms: tuple[Room, ...], tints: Mapping[str, int]) -> NasView | None:
    """The home's NAS; None for a home without one."""
    device = survey.home.nas
    if device is None:
        return None
    addresses = [f"{device.addresses.lan} (LAN)"]
    if device.addresses.tailnet:
        addresses.append(f"{device.addresses.tailnet} (tailnet)")
    return NasView(
        device.model,
        tuple(addresses),
        tuple(
            ShareView(
                name=share.name,
                protocol=share.protocol.upper(),
                path=share.path,
                access=share.access,
                capacity=share.capacity,
                assumed=share.assumed,
                mounts=_mounts(survey, share, rooms, tints),
            )
            for share in device.shares
        ),
    )


def _mounts(survey: Survey, share: Share, rooms: tuple[Room, ...], tints: Mapping[str, int]) -> tuple[Mount, ...]:
    leads_to = shares_by_claim(survey)
    found = [
        Mount(room.title, room.tint, volume.read_only, declared=True)
        for room in rooms
        for volume in room.volumes
        if any(leads_to.get((namespace.name, volume.name)) == share.name for namespace in room.namespaces)
    ]
    declared = {room.app for room in rooms}
    found += [
        Mount(words.title(name), tints.get(name), read_only=share.access == "read-only", declared=False)
        for name, app in survey.home.apps.by_name.items()
        if name not in declared and share.name in app.shares.values()
    ]
    return tuple(found)
