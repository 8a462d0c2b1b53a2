"""The home as a whole. Imports the parts (people, nodes, networks, NAS, apps) and nothing else of ours."""

from __future__ import annotations

from typing import NoReturn

from pydantic import Field

from home.apps import App, Apps
from home.nas import Nas, Share
from home.networks import Network
from home.nodes import Node
from home.people import Person, Role
from home.record import Record
from home.values import DnsName, Kubeconfig, TailnetName, Text, TimeZone


class Home(Record):
    """A home. Made by `home.load`, which alone checks that the parts agree with each other."""

    kubeconfig: Kubeconfig = Field(examples=["~/.kube/config"])
    """The path of the cluster's kubeconfig file (not its content, which is a credential)."""
    context: Text | None = None
    """The kubeconfig's context to use; its current one when left out."""
    timezone: TimeZone = Field(examples=["UTC"])
    """Where the home is, as Area/City: apps show times and run nightly jobs by it."""
    domain: DnsName | None = None
    """The domain of the public door; leave out for a home without one."""
    tailnet: TailnetName | None = None
    """The tailnet's DNS name, ending in .ts.net; leave out for a home without Tailscale."""
    people: tuple[Person, ...] = ()
    """Who may come in through the doors. A home with a door names at least its owner."""
    networks: tuple[Network, ...] = ()
    """The networks between the home and the internet."""
    nodes: tuple[Node, ...] = Field(min_length=1)
    """The machines of the cluster."""
    nas: Nas | None = None
    """The network storage; leave out for a home without one."""
    apps: Apps = Apps()
    """The apps; those left out are absent."""

    @property
    def gpu_nodes(self) -> tuple[Node, ...]:
        """The nodes with a GPU, in service or not."""
        return tuple(node for node in self.nodes if node.gpu)

    @property
    def nodes_in_service(self) -> tuple[Node, ...]:
        """The nodes that answer: those whose state is `ready`."""
        return tuple(node for node in self.nodes if node.state == "ready")

    @property
    def shares(self) -> tuple[Share, ...]:
        """The NAS's shares; none without a NAS."""
        return self.nas.shares if self.nas else ()

    @property
    def app_names(self) -> tuple[str, ...]:
        """The names of the apps that the home has, as in the config."""
        return tuple(self.apps.by_name)

    def people_of(self, *roles: Role) -> tuple[Person, ...]:
        """The people who have one of the roles, in the config's order."""
        return tuple(person for person in self.people if person.role in roles)

    def node(self, name: str) -> Node:
        """The node of that name. Raises KeyError when the home has none; a loaded home's apps only name real ones."""
        return next((node for node in self.nodes if node.name == name), None) or _missing("node", name)

    def share(self, name: str) -> Share:
        """The NAS share of that name. Raises KeyError when there is none; a loaded home's apps only name real ones."""
        return next((share for share in self.shares if share.name == name), None) or _missing("share", name)

    def apps_on(self, name: str) -> dict[str, App]:
        """The apps that name the node as theirs, by app name."""
        return {app_name: app for app_name, app in self.apps.by_name.items() if app.node == name}


def _missing(kind: str, name: str) -> NoReturn:
    raise KeyError(f'the home has no {kind} "{name}"')
