"""What the doors open onto: each room's front, put together with the audience that the home says. Imports no Pulumi."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.flows import ToWorkload
from home import Home
from home.doors import Audience, audiences


@dataclass(frozen=True)
class Front:
    """What people reach of an app: one port of one workload, said once by its room.

    app: its name in the config. port: its name, `number`: its number; HTTP is spoken there. health: the path that
    answers 200, without an account, when the app is well.
    """

    app: str
    namespace: str
    workload: str
    port: str
    number: int
    health: str = "/"

    @property
    def address(self) -> str:
        """Where it answers inside the cluster, as in `http://immich-server.photos.svc:2283`."""
        return f"http://{self.workload}.{self.namespace}.svc:{self.number}"

    @property
    def flow(self) -> ToWorkload:
        """The connection that a door makes to it."""
        return ToWorkload(self.namespace, self.workload, self.port)


@dataclass(frozen=True)
class Opening:
    """An app's front, and who may come in to it."""

    front: Front
    audience: Audience

    @property
    def name(self) -> str:
        """The app's name as names of resources have it: `file-browser`."""
        return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in self.front.app)


def openings(home: Home, fronts: Iterable[Front]) -> tuple[Opening, ...]:
    """The openings of this home. An app that has a door but no front yet, because no room declares it, has none."""
    by_app = {front.app: front for front in fronts}
    return tuple(Opening(by_app[one.app], one) for one in audiences(home) if one.app in by_app)


def public(found: Iterable[Opening]) -> tuple[Opening, ...]:
    """Those behind the public door."""
    return tuple(one for one in found if one.audience.public is not None)


def in_tailnet(found: Iterable[Opening]) -> tuple[Opening, ...]:
    """Those behind the tailnet door."""
    return tuple(one for one in found if one.audience.tailnet is not None)
