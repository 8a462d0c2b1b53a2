"""The tailnet's policy file, derived from people's roles and apps' audiences. Imports no Pulumi.

Tailscale denies everything that no grant allows, and nothing takes a grant back. What is written here is therefore all
that anybody can do. The file's own `tests` say both, what must go and what must not, and Tailscale refuses to save a
policy that fails them. Syntax: https://tailscale.com/kb/1337/policy-syntax, https://tailscale.com/kb/1324/grants.
`python -m components tailnet-policy` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from components.doors import Opening
from components.manifests import Manifest
from components.names import POD_NETWORK
from home import ROLES, Home, Person, Role

TAG_HOMEBRAIN = "tag:homebrain"
"""What the program is in the tailnet: its OAuth client has this tag, and may give out the tags that this one owns."""
TAG_NODE = "tag:node"
"""The machines of the cluster. Whoever sets one up gives it this tag."""
NAS = "nas"
"""What the NAS's address is called in the policy."""

HTTPS = 443
SSH = 22
API_SERVER = 6443
KUBELET = 10250
VXLAN = 8472
SMB = 445
NFS = 2049
NAS_PAGE = 5001
"""The NAS's own page, over HTTPS: Synology's port. Others have theirs at 443, which is let through as well."""

_HEADER = (
    "// Made by HomeBrain of the home's description. What is changed here by hand is lost at the next `pulumi up`:\n"
    "// change people, roles and doors in the stack's config.\n"
)


def app_tag(opening: Opening) -> str:
    """The tag of an app's proxy."""
    return f"tag:app-{opening.name}"


def group(role: Role) -> str:
    """The group of the people who have a role."""
    return f"group:{role}"


def text(document: Manifest) -> str:
    """The policy as the file that Tailscale takes."""
    return _HEADER + json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def policy(home: Home, openings: Iterable[Opening]) -> Manifest:
    """The whole policy. openings: the apps behind the tailnet door.

    Nodes are known by their tag, and those whose address the home gives by that as well: so that a node that nobody has
    tagged yet isn't cut off, and tests name the real machines. Such a node is a device of its owner's, though, and may
    do what the owner's devices may: what must not go is said of tags, of other people, and of no such node.
    """
    return _Policy(home, tuple(openings)).document()


class _Policy:
    """One policy in the making: its parts all go over the same people, apps and machines."""

    def __init__(self, home: Home, openings: tuple[Opening, ...]) -> None:
        self.home = home
        self.openings = openings
        self.roles = [role for role in ROLES if home.people_of(role)]
        given = {node.name: node.addresses.tailnet for node in home.nodes if node.addresses.tailnet}
        self.hosts = {f"node-{name}": address for name, address in given.items()}
        self.nodes = [TAG_NODE, *self.hosts]
        self.nas = [NAS] if home.nas and home.nas.addresses.tailnet else []
        if home.nas and home.nas.addresses.tailnet:
            self.hosts[NAS] = home.nas.addresses.tailnet
        # Nodes on one LAN talk there, and to the NAS there.
        self.meshed = any(node.joined_over == "tailnet" for node in home.nodes)
        protocols = {share.protocol for share in home.shares} if self.meshed else set()
        self.share_ports = [port for protocol, port in (("smb", SMB), ("nfs", NFS)) if protocol in protocols]

    def document(self) -> Manifest:
        document: Manifest = {
            "groups": {group(role): [person.email for person in self.home.people_of(role)] for role in self.roles},
            "hosts": self.hosts,
            "tagOwners": {
                TAG_HOMEBRAIN: ["autogroup:admin"],
                TAG_NODE: [group("owner")],
                # Owned by the program's own tag: else its OAuth client couldn't make keys for them.
                **{app_tag(one): [TAG_HOMEBRAIN] for one in self.openings},
            },
            "grants": list(self.grants()),
            # Where Tailscale is a node's SSH server: `check` sends the owner to a browser first.
            "ssh": [
                {"action": "check", "src": [group("owner")], "dst": [TAG_NODE], "users": _SHELLS},
                {"action": "check", "src": ["autogroup:member"], "dst": ["autogroup:self"], "users": _SHELLS},
            ],
            "tests": list(self.tests()),
        }
        if self.meshed:
            # Where K3s routes pods over the tailnet itself (vpn-auth), each node offers its part of their network.
            document["autoApprovers"] = {"routes": {POD_NETWORK: [TAG_NODE]}}
        return document

    def grants(self) -> Iterator[Manifest]:
        # A person's own devices among each other, as without any policy. Machines with a tag are nobody's own.
        yield {"src": ["autogroup:member"], "dst": ["autogroup:self"], "ip": ["*"]}
        for one in self.openings:
            groups = [group(role) for role in ROLES if role in one.audience.roles]
            yield {"src": groups, "dst": [app_tag(one)], "ip": [f"tcp:{HTTPS}"]}
        if self.meshed:
            ports = [f"tcp:{API_SERVER}", f"tcp:{KUBELET}", f"udp:{VXLAN}"]
            yield {"src": self.nodes, "dst": self.nodes, "ip": ports}
            # Pods among each other, where K3s routes them: NetworkPolicies say which may talk.
            yield {"src": [*self.nodes, POD_NETWORK], "dst": [POD_NETWORK], "ip": ["*"]}
        if self.nas and self.share_ports:
            yield {"src": self.nodes, "dst": self.nas, "ip": [f"tcp:{port}" for port in self.share_ports]}
        yield {"src": [group("owner")], "dst": self.nodes, "ip": [f"tcp:{SSH}", f"tcp:{API_SERVER}"]}
        if self.nas:
            yield {"src": [group("owner")], "dst": self.nas, "ip": [f"tcp:{HTTPS}", f"tcp:{NAS_PAGE}"]}

    def tests(self) -> Iterator[Manifest]:
        for person in self.home.people:
            yield self._owner(person) if person.role == "owner" else self._other(person)
        machines = [*_at(self.nodes, SSH, API_SERVER, KUBELET), *_at(self.nas, SMB, NFS, HTTPS, NAS_PAGE)]
        for one in self.openings:
            # A proxy that was broken into is inside the tailnet, and reaches nothing there.
            others = _at([app_tag(other) for other in self.openings if other is not one], HTTPS)
            yield {"src": app_tag(one), "deny": [*others, *machines]}
        between = _at(self.nodes, API_SERVER, KUBELET)
        shares = _at(self.nas, *self.share_ports)
        never = [
            *_at([TAG_NODE], SSH, SMB, NFS),
            *_at(self.nas, NAS_PAGE, KUBELET, *(port for port in (SMB, NFS) if port not in self.share_ports)),
            *_at(map(app_tag, self.openings), HTTPS, KUBELET, SMB, NFS),
        ]
        if self.meshed:
            for node in self.nodes:
                denied = {"deny": never} if node == TAG_NODE else {}
                yield {"src": node, "accept": [*between, *shares], **denied}
                yield {"src": node, "proto": "udp", "accept": _at(self.nodes, VXLAN)}
        else:
            yield {"src": TAG_NODE, "deny": [*_at([TAG_NODE], API_SERVER, KUBELET), *never]}

    def _owner(self, person: Person) -> Manifest:
        accept, deny = self._apps(person)
        accept += [*_at(self.nodes, SSH, API_SERVER), *_at(self.nas, HTTPS, NAS_PAGE)]
        # What machines tell each other is nobody's business.
        return {"src": person.email, "accept": accept, "deny": [*deny, *_at([TAG_NODE], KUBELET, HTTPS)]}

    def _other(self, person: Person) -> Manifest:
        accept, deny = self._apps(person)
        deny += [*_at(self.nodes, SSH, API_SERVER, KUBELET), *_at(self.nas, SMB, NFS, HTTPS, NAS_PAGE)]
        return {"src": person.email, **({"accept": accept} if accept else {}), "deny": deny}

    def _apps(self, person: Person) -> tuple[list[str], list[str]]:
        """Where a person may go and where not. Of an app it is its page only, whoever asks."""
        let_in = [app_tag(one) for one in self.openings if person in one.audience.people]
        kept_out = [app_tag(one) for one in self.openings if person not in one.audience.people]
        return _at(let_in, HTTPS), [*_at(kept_out, HTTPS), *_at([*let_in, *kept_out], SSH, NAS_PAGE)]


_SHELLS = ["autogroup:nonroot", "root"]


def _at(machines: Iterable[str], *ports: int) -> list[str]:
    return [f"{machine}:{port}" for machine in machines for port in ports]
