"""Ways to tamper with what a twin holds: each takes a snapshot and returns another, in which one thing is different."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tailnet
from tests.homes import changed, config
from tests.snapshots import Object
from twin.exposure.snapshot import Credential, Place, Snapshot
from twin.standins.cloudflare import ACCESS_APPLICATION, DNS_RECORD, TUNNEL_CONFIG
from twin.standins.record import Entry
from twin.standins.tailscale import ACL

Tamper = Callable[[Snapshot], Snapshot]
Change = Callable[[Any], object]

# The small home, whose photos are public as well, for those who sign in. Films are for everybody.
CONFIG = changed(
    config(),
    [
        {"path": "apps.immich.doors", "set": ["public", "tailnet"]},
        {"path": "apps.immich.hostname", "set": "photos"},
    ],
)
TUNNEL_NAME = "homebrain.cfargotunnel.com"
SERVE_FILE = "serve.json"


def every(*tampers: Tamper) -> Tamper:
    """One after the other."""

    def tamper(snapshot: Snapshot) -> Snapshot:
        for one in tampers:
            snapshot = one(snapshot)
        return snapshot

    return tamper


def an_object(kind: str, namespace: str, name: str, change: Change) -> Tamper:
    """An object is changed in place. Pods go by the name of what keeps them, and all of those are changed."""

    def is_it(one: Object) -> bool:
        metadata = one["metadata"]
        own = metadata["name"] == name or (kind == "Pod" and metadata["name"].startswith(f"{name}-"))
        return bool(one["kind"] == kind and metadata.get("namespace", "") == namespace and own)

    def tamper(snapshot: Snapshot) -> Snapshot:
        objects = copy.deepcopy(list(snapshot.objects))
        found = [one for one in objects if is_it(one)]  # type: ignore[arg-type]
        assert found, f"no {kind} {namespace}/{name}"
        for one in found:
            change(one)
        return replace(snapshot, objects=tuple(objects))

    return tamper


def without(kind: str, namespace: str, *names: str) -> Tamper:
    """Objects are gone."""

    def tamper(snapshot: Snapshot) -> Snapshot:
        gone = {(kind, namespace, name) for name in names}
        kept = [
            one
            for one in snapshot.objects
            if (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) not in gone
        ]
        assert len(kept) == len(snapshot.objects) - len(names)
        return replace(snapshot, objects=tuple(kept))

    return tamper


def with_object(kind: str, namespace: str, name: str, **more: Any) -> Tamper:
    """One more object."""
    labels = more.pop("labels", {})
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": labels}
    return lambda snapshot: replace(snapshot, objects=(*snapshot.objects, {"kind": kind, "metadata": metadata, **more}))


def with_pod(namespace: str, name: str, labels: dict[str, str] | None = None, **spec: Any) -> Tamper:
    """One more pod, kept by nobody."""
    status = {"phase": "Running", "podIP": "10.42.9.9"}
    spec = {"containers": [{"name": name}], **spec}
    return with_object("Pod", namespace, name, labels=labels or {}, spec=spec, status=status)


def network_policy(namespace: str, spec: Object, name: str = "stray") -> Tamper:
    """One more NetworkPolicy."""
    return with_object("NetworkPolicy", namespace, name, spec=spec)


def allowed(source: str, target: str, port: int) -> Tamper:
    """Policies that let pods of one `namespace/name` talk to a port of the other's, at both ends."""
    (namespace, name), (there, other) = source.split("/"), target.split("/")

    def pods(namespace: str, name: str) -> Object:
        return {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        }

    def rule(way: str, namespace: str, name: str) -> Object:
        return {way: [pods(namespace, name)], "ports": [{"protocol": "TCP", "port": port}]}

    out = {"podSelector": pods(namespace, name)["podSelector"], "policyTypes": ["Egress"]}
    into = {"podSelector": pods(there, other)["podSelector"], "policyTypes": ["Ingress"]}
    return every(
        network_policy(namespace, {**out, "egress": [rule("to", there, other)]}, "stray-out"),
        network_policy(there, {**into, "ingress": [rule("from", namespace, name)]}, "stray-in"),
    )


def an_entry(type_: str, name: str, change: Change) -> Tamper:
    """The inputs of something at Cloudflare or Tailscale are changed in place."""

    def tamper(snapshot: Snapshot) -> Snapshot:
        changes = 0

        def changed_entry(entry: Entry) -> Entry:
            nonlocal changes
            if (entry.type, entry.id) != (type_, name):
                return entry
            changes += 1
            inputs = copy.deepcopy(entry.inputs)
            change(inputs)
            return replace(entry, inputs=inputs)

        result = replace(
            snapshot,
            cloudflare=tuple(map(changed_entry, snapshot.cloudflare)),
            tailscale=tuple(map(changed_entry, snapshot.tailscale)),
        )
        assert changes == 1, f"{changes} of {type_} {name}"
        return result

    return tamper


def without_entry(type_: str, name: str) -> Tamper:
    """Something at Cloudflare or Tailscale is gone."""

    def tamper(snapshot: Snapshot) -> Snapshot:
        def kept(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
            return tuple(one for one in entries if (one.type, one.id) != (type_, name))

        result = replace(snapshot, cloudflare=kept(snapshot.cloudflare), tailscale=kept(snapshot.tailscale))
        assert result != snapshot
        return result

    return tamper


def with_record(name: str, content: str = TUNNEL_NAME, kind: str = "CNAME", proxied: bool = True) -> Tamper:
    """One more DNS record."""
    inputs = {"name": name, "type": kind, "content": content, "proxied": proxied}
    stray = Entry(f"stray-{name}", DNS_RECORD, "", inputs, {})
    return lambda snapshot: replace(snapshot, cloudflare=(*snapshot.cloudflare, stray))


def with_application(domain: str, *policies: Object) -> Tamper:
    """One more Access application."""
    stray = Entry("stray", ACCESS_APPLICATION, "", {"domain": domain, "policies": list(policies)}, {"aud": "stray"})
    return lambda snapshot: replace(snapshot, cloudflare=(*snapshot.cloudflare, stray))


def with_rule(rule: Object) -> Tamper:
    """One more rule of the tunnel, before all others."""
    return an_entry(TUNNEL_CONFIG, "homebrain", lambda inputs: inputs["config"]["ingresses"].insert(0, rule))


def the_policy(change: Change) -> Tamper:
    """The tailnet's policy is changed, as a person with the right to would."""

    def rewritten(inputs: Any) -> None:
        document = json.loads(json.dumps(tailnet.read(inputs["acl"])))
        change(document)
        inputs["acl"] = json.dumps(document)

    return an_entry(ACL, "policy", rewritten)


def grant(source: str, target: str, *ports: str) -> Tamper:
    """The tailnet's policy lets somebody do something more."""
    return the_policy(lambda one: one["grants"].append({"src": [source], "dst": [target], "ip": list(ports)}))


def served_by(app: str, change: Change) -> Tamper:
    """The serve config of an app's proxy is changed."""

    def tamper(snapshot: Snapshot) -> Snapshot:
        [name] = [
            one["metadata"]["name"]
            for one in snapshot.of_kind("ConfigMap")
            if SERVE_FILE in one["data"] and f"proxy-{app}" in one["metadata"]["name"]
        ]

        def rewritten(one: Any) -> None:
            document = json.loads(one["data"][SERVE_FILE])
            change(document)
            one["data"][SERVE_FILE] = json.dumps(document)

        return an_object("ConfigMap", "tailnet", name, rewritten)(snapshot)

    return tamper


def given_the_tunnels_token(namespace: str, name: str) -> Tamper:
    """A pod in another namespace gets a copy of the tunnel's token, and so becomes a connector."""
    source = {"secretKeyRef": {"name": "copy", "key": "token"}}
    container = {"name": name, "env": [{"name": "TUNNEL_TOKEN", "valueFrom": source}]}
    credential = {Place(namespace, "copy", "token"): Credential("tunnel", "homebrain")}
    return every(
        with_pod(namespace, name, containers=[container]),
        lambda snapshot: replace(snapshot, credentials={**snapshot.credentials, **credential}),
    )
