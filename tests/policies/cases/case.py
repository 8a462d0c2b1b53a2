"""What a case is, and the pieces that programs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from policies.exceptions import RuleException
from tests.policies.pods import changed, hardened

Json = dict[str, Any]


@dataclass(frozen=True)
class Declared:
    """A resource as a program declares it."""

    token: str
    name: str
    props: Json
    protect: bool = False


@dataclass(frozen=True)
class Case:
    """A program. broken: what the messages of its rule say, in part, each once; none for a program that keeps it.

    undecided: `broken` waits for a value. granted: exceptions, so that nothing but the rule itself is broken.
    """

    rule: str
    what: str
    program: tuple[Declared, ...]
    broken: tuple[str, ...] = ()
    undecided: bool = False
    granted: tuple[RuleException, ...] = ()


def room(level: str = "restricted", name: str = "room") -> tuple[Declared, ...]:
    """A namespace as the rules want it."""
    labels = {"pod-security.kubernetes.io/enforce": level}
    return (
        core("Namespace", name, {"metadata": {"name": name, "labels": labels}}, protect=True),
        Declared(
            "kubernetes:networking.k8s.io/v1:NetworkPolicy",
            f"{name}-default-deny",
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "default-deny", "namespace": name},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
            },
        ),
    )


def core(kind: str, name: str, rest: Json, protect: bool = False, namespace: str = "") -> Declared:
    """A resource of the core group."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    head = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    return Declared(f"kubernetes:core/v1:{kind}", name, head | rest, protect)


def running(pod: Json, name: str = "app", kind: str = "Deployment", namespace: Any = "room", **spec: Any) -> Declared:
    """What keeps a pod running, or has it do a piece of work."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels} | pod.get("metadata", {}), "spec": pod["spec"]}
    version = "batch/v1" if kind in ("Job", "CronJob") else "apps/v1"
    body: Json = {"template": template} | spec
    if kind == "CronJob":
        body = {"schedule": "0 3 * * *", "jobTemplate": {"spec": body}}
    elif kind != "Job":
        body["selector"] = {"matchLabels": labels}
    head = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    return Declared(f"kubernetes:{version}:{kind}", name, head | {"spec": body})


def with_pod(path: str, value: Any, level: str = "restricted", kind: str = "Deployment") -> tuple[Declared, ...]:
    """A program that runs the hardened pod with another value in one place."""
    return (*room(level), running(changed(path, value), kind=kind))


def edited(*edits: tuple[str, Any]) -> Json:
    """The hardened pod with other values in several places."""
    from tests.policies.pods import put

    pod = hardened()
    for path, value in edits:
        put(pod, path, value)
    return pod
