"""Who comes in from the internet: names in DNS, the tunnel they lead to, and what it lets in.

An app is reached by anybody when a proxied record of its name leads to the tunnel, a rule of the tunnel's configuration
takes that name to something that answers, the connector's pods may talk to that, and no Access application stands
before the name. Rules: cloudflare/cloudflared, `ingress/ingress.go`; the first that matches decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from exposure import shape
from twin.exposure.access import Access, Verdict
from twin.exposure.cluster import Cluster, Running, Unresolved
from twin.exposure.found import Found, Machines, ending
from twin.exposure.snapshot import Credential, Snapshot
from twin.standins.cloudflare import DNS_RECORD, TUNNEL, TUNNEL_CONFIG
from twin.standins.record import Entry

NAMES: Final = "names/domain"
ANY_OTHER_NAME: Final = "any other name"

_LEADING = ("A", "AAAA", "CNAME")
_CATCH_ALL = (None, "", "*")
_NOTHING_BEHIND = ("http_status:", "hello_world", "hello-world", "unix:", "unix+tls:")
_ANYTHING_BEHIND = ("bastion", "socks-proxy")

Rule = Mapping[str, Any]


def read(snapshot: Snapshot, cluster: Cluster, machines: Machines, people: Mapping[str, str], found: Found) -> None:
    """Find every way in by Cloudflare. people: names of the home's people by their address."""
    held = snapshot.cloudflare
    access = Access(held, people)
    records = [entry.inputs for entry in held if entry.type == DNS_RECORD and entry.inputs["type"] in _LEADING]
    for record in records:
        found.add(NAMES, shape.INTERNET, shape.a_name(record["name"].lower(), _target(record, held)))
    for tunnel in held:
        if tunnel.type == TUNNEL:
            names = [record["name"].lower() for record in records if _leads_to(record, tunnel)]
            _Tunnel(tunnel, held, cluster, machines, found).read(names, access)


def _leads_to(record: Mapping[str, Any], tunnel: Entry) -> bool:
    """Whether a DNS record takes visitors to a tunnel. Its name means something to Cloudflare's proxy only."""
    return bool(
        record["type"] == "CNAME"
        and record.get("proxied")
        and (record.get("content") or "").lower().rstrip(".") == f"{tunnel.id}.cfargotunnel.com".lower()
    )


def _target(record: Mapping[str, Any], held: Iterable[Entry]) -> str:
    if any(_leads_to(record, entry) for entry in held if entry.type == TUNNEL):
        return "tunnel"
    return f"{record.get('content')}, past the tunnel"


class _Tunnel:
    """One tunnel, and what of it has been found."""

    def __init__(
        self, tunnel: Entry, held: Sequence[Entry], cluster: Cluster, machines: Machines, found: Found
    ) -> None:
        self._cluster = cluster
        self._machines = machines
        self._found = found
        documents = [
            entry.inputs.get("config") or {}
            for entry in held
            if entry.type == TUNNEL_CONFIG and entry.inputs["tunnelId"] == tunnel.id
        ]
        self._rules: list[Rule] = [rule for document in documents for rule in document.get("ingresses") or ()]
        token = Credential("tunnel", tunnel.id)
        self._connectors = [one for one in cluster.running if token in cluster.credentials(one)]

    def read(self, names: Sequence[str], access: Access) -> None:
        for name in sorted(self._asked_for(names)):
            for rule in _matching(self._rules, name):
                self._through(name, rule, access.of(name))
        # Whatever name will lead to the tunnel one day, and has no rule, is for the last one.
        for rule in self._rules[-1:]:
            if rule.get("hostname") in _CATCH_ALL:
                self._through(ANY_OTHER_NAME, rule, [Verdict("", (), (), None)])
        self._explain(names)

    def _asked_for(self, names: Sequence[str]) -> Iterator[str]:
        """The names that visitors can ask for. Below a wildcard, those for which there is a rule."""
        hostnames = {(rule.get("hostname") or "").lower() for rule in self._rules}
        for name in names:
            yield name
            if name.startswith("*."):
                yield from (one for one in hostnames if "*" not in one and one.endswith(name[1:]))

    def _through(self, name: str, rule: Rule, verdicts: Sequence[Verdict]) -> None:
        service: str = rule["service"]
        if service.startswith(_NOTHING_BEHIND):
            return
        for connector in self._connectors:
            for key, at in self._answering(name, service, connector):
                for verdict in verdicts:
                    self._let_in(key, at, name, rule, verdict)

    def _answering(self, name: str, service: str, connector: Running) -> Iterator[tuple[str, str]]:
        """What a rule's service leads to for one connector, as far as that may talk to it."""
        if service in _ANYTHING_BEHIND:
            yield connector.key, f"whatever {connector.name} may talk to"
            return
        targets = self._cluster.resolve(service, connector)
        if isinstance(targets, Unresolved):
            return
        for target in targets:
            key, at = ending(target, self._machines)
            answer = self._cluster.may(connector, target.at, target.port)
            if answer.allowed:
                yield key, at
            else:
                self._found.explain(key, shape.INTERNET, f"{name} leads here, but {answer.why}")
                self._found.explain(key, shape.SIGNED_IN, f"{name} leads here, but {answer.why}")

    def _let_in(self, key: str, at: str, name: str, rule: Rule, verdict: Verdict) -> None:
        path = _path(rule) + verdict.path
        required = _required_tags(rule)
        if verdict.anybody is not None:
            if required is None:
                open_to_all = not verdict.anybody
                way = (
                    shape.through_the_tunnel(name, at, path)
                    if open_to_all
                    else shape.through_access(name, at, verdict.anybody, path)
                )
                self._found.add(key, shape.INTERNET, way)
                if open_to_all:
                    self._found.explain(key, shape.SIGNED_IN, "Cloudflare Access doesn't ask: anybody comes in")
            else:
                why = "the connector asks for a token of Access, which nobody is given who isn't asked"
                self._found.explain(key, shape.INTERNET, why)
                self._found.explain(key, shape.SIGNED_IN, why)
        if verdict.whom and (required is None or verdict.tag in required):
            self._found.add(key, shape.SIGNED_IN, shape.through_access(name, at, verdict.whom, path))
            self._found.explain(key, shape.INTERNET, "Cloudflare Access asks who somebody is")
        elif verdict.whom:
            self._found.explain(key, shape.SIGNED_IN, "the connector asks for a token of another Access application")

    def _explain(self, names: Sequence[str]) -> None:
        """Tell of each rule that would lead somewhere why it doesn't, where DNS or the connector is the reason."""
        for rule in self._rules:
            hostname, service = (rule.get("hostname") or "").lower(), rule["service"]
            if not hostname or service.startswith((*_NOTHING_BEHIND, *_ANYTHING_BEHIND)):
                continue
            if not self._connectors:
                why = "no connector of the tunnel runs"
            elif hostname not in set(self._asked_for(names)):
                why = f"no proxied DNS record leads {hostname} to the tunnel"
            else:
                continue
            for one in self._connectors or self._cluster.running[:1]:
                targets = self._cluster.resolve(service, one)
                for target in [] if isinstance(targets, Unresolved) else targets:
                    key, _ = ending(target, self._machines)
                    self._found.explain(key, shape.INTERNET, why)
                    self._found.explain(key, shape.SIGNED_IN, why)


def _matching(rules: Iterable[Rule], name: str) -> Iterator[Rule]:
    """The rules that answer for a name: those for some paths of it, down to the first that is for all of it."""
    for rule in rules:
        hostname = (rule.get("hostname") or "").lower()
        if hostname in _CATCH_ALL or hostname == name or (hostname.startswith("*.") and name.endswith(hostname[1:])):
            yield rule
            if not rule.get("path"):
                return


def _path(rule: Rule) -> str:
    return f"/{rule['path'].lstrip('^/')}" if rule.get("path") else ""


def _required_tags(rule: Rule) -> frozenset[str] | None:
    """The audiences of which the connector takes a token of Access; None where it asks for none."""
    access = (rule.get("originRequest") or {}).get("access") or {}
    return frozenset(access.get("audTags") or ()) if access.get("required") else None
