"""What a first `pulumi up` would seize: objects that are in the cluster and not in the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from adoption.engine import State
from adoption.program import Declared, Program
from render import Registration

Manifest = Mapping[str, Any]
Look = Callable[[Declared], Manifest | None]

_MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True)
class Found:
    """An object that exists, that the program declares and that the state doesn't know."""

    declared: Declared
    live: Manifest = field(repr=False)

    @property
    def managed_by(self) -> str:
        """Who made it or keeps it: its own label where there is one, and whoever has set fields in it."""
        metadata = self.live["metadata"]
        label = (metadata.get("labels") or {}).get(_MANAGED_BY)
        writers = (one.get("manager", "") for one in metadata.get("managedFields") or () if not one.get("subresource"))
        # Kubernetes' own controllers write into what others make.
        people = [one for one in writers if one and not one.startswith(("kube-", "k3s"))]
        return ", ".join(dict.fromkeys([*([label] if label else []), *people])) or "unknown"


@dataclass(frozen=True)
class Lockout:
    """A password that the program would make up, while the cluster holds data that was locked with another one."""

    urn: str
    holders: tuple[str, ...]
    """The Secrets and claims that are there already."""
    around: tuple[str, ...]
    """The URNs of the components that it lies in."""


@dataclass(frozen=True)
class Preflight:
    """What stands in the way of `pulumi up`; when nothing does, nothing would be taken over."""

    found: tuple[Found, ...]
    lockouts: tuple[Lockout, ...]
    declared: int
    """How many objects the program declares."""

    @property
    def is_clear(self) -> bool:
        """Whether `pulumi up` seizes nothing."""
        return not self.found and not self.lockouts


def look(program: Program, state: State, live: Look) -> Preflight:
    """Compare program, state and cluster. `live` gives the object that the cluster has, or None."""
    there = {one.declared.key: one for one in _existing(program, state, live)}
    lockouts = (_lockout(password, program, there) for password in program.passwords)
    return Preflight(
        found=tuple(there.values()),
        lockouts=tuple(one for one in lockouts if one and one.urn not in state.urns),
        declared=len(program.objects),
    )


def _existing(program: Program, state: State, live: Look) -> Iterator[Found]:
    for declared in program.objects:
        if declared.key in state.keys:
            continue
        if (manifest := live(declared)) is not None:
            yield Found(declared, manifest)


def _lockout(password: Registration, program: Program, there: Mapping[Any, Found]) -> Lockout | None:
    secrets = [
        one for one in program.objects if one.key.kind == "Secret" and password.urn in one.registration.depends_on
    ]
    holders = [one.key for one in secrets if one.key in there]
    for secret in secrets:
        holders += [key for key in _claims_beside(secret, program) if key in there]
    if not holders:
        return None
    around = tuple(program.urn(one) for one in program.ancestors(password))
    return Lockout(program.urn(password), tuple(str(key) for key in dict.fromkeys(holders)), around)


def _claims_beside(secret: Declared, program: Program) -> Iterator[Any]:
    """The claims of the databases that read a Secret; a Deployment that does is their client."""
    claims = {
        (one.key.namespace, one.key.name): one.key for one in program.objects if one.key.kind == "PersistentVolumeClaim"
    }
    for one in program.objects:
        is_near = one.key.kind == "StatefulSet" and one.key.namespace == secret.key.namespace
        volumes = _volumes(one.manifest) if is_near else []
        if not any((volume.get("secret") or {}).get("secretName") == secret.key.name for volume in volumes):
            continue
        for volume in volumes:
            name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if key := claims.get((secret.key.namespace, str(name))):
                yield key


def _volumes(manifest: Manifest) -> list[Manifest]:
    template = (manifest.get("spec") or {}).get("template")
    spec = (template or {}).get("spec") if isinstance(template, Mapping) else None
    return list((spec or {}).get("volumes") or ())


def text(result: Preflight, stack: str) -> str:
    """The result for a person: what would be taken over, and the way out."""
    if result.is_clear:
        return f"{result.declared} objects declared: nothing would be taken over."
    lines: list[str] = []
    if result.found:
        rows = [("OBJECT", "MANAGED BY", "WOULD BECOME")]
        rows += [(str(one.declared.key), one.managed_by, one.declared.urn) for one in result.found]
        lines += [
            f"{_count(len(result.found), 'object')} in the cluster and not in the state of {stack}. `pulumi up` would "
            "take over each without a word, and delete it should it be renamed:",
            "",
            *_table(rows),
            "",
            f"The way out: make adopt STACK={stack}",
            "It shows what would change in each, asks, and imports them; objects that you want to keep to yourself "
            "need another name first.",
        ]
    for lockout in result.lockouts:
        lines += ["", *lockout_lines(lockout, stack)]
    return "\n".join(lines).strip()


def lockout_lines(lockout: Lockout, stack: str) -> list[str]:
    """Why a new password would do harm here, and the way out."""
    targets = " ".join(f"--target '{urn}'" for urn in (*lockout.around, lockout.urn))
    return [
        f"{', '.join(lockout.holders)}: there already, with a password that the state doesn't have. The program would "
        "make up another one, and lock everybody out of the data.",
        "The way out: leave this app out of the home's config at first, and adopt the others. Then put it back, make "
        "its new password and nothing else:",
        f"  pulumi up --stack {stack} {targets}",
        "and set that in the database before adopting the app; docs/runbooks/10-taking-over-a-living-home.md says how.",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{' is' if number == 1 else 's are'}"


def _table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return [f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]
