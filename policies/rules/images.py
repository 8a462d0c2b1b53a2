"""Images: what a workload runs is named exactly, and comes from where the home trusts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from policies.check import PodCheck
from policies.fault import Fault, must
from policies.field import Field
from policies.parameters import Parameters
from policies.pod import Pod
from policies.rule import Rule, Severity
from policies.workloads import Workload

PINNED: Final = Rule(
    "image-pinned",
    "Images carry a tag other than `latest`, and the digest that versions.yaml has for it",
    Severity.HIGH,
    "https://kubernetes.io/docs/concepts/containers/images/#image-names",
)

ALLOWED_REGISTRY: Final = Rule(
    "image-registry",
    "Images come from the registries that the home allows",
    Severity.HIGH,
    "https://kubernetes.io/docs/concepts/containers/images/#image-names",
)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def unpinned(reference: object) -> str | None:
    """What an image reference lacks to be exact, as a phrase; None when it lacks nothing."""
    if not isinstance(reference, str) or not reference:
        return "missing"
    name, at, digest = reference.partition("@")
    if at:
        return None if _DIGEST.fullmatch(digest) else "an image with a digest that isn't one"
    tag = name.rpartition("/")[2].partition(":")[2]
    if not tag:
        return "an image without a tag"
    if not _TAG.fullmatch(tag):
        return "an image with a tag that isn't one"
    return "an image with the tag `latest`" if tag.lower() == "latest" else None


def digests(path: Path) -> Mapping[str, str]:
    """The digest of each `repository:tag` for which a versions file has one; none where there is no such file."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        images = document["images"].values()
        return {f"{one['image']}:{one['tag']}": one["digest"] for one in images if one.get("digest")}
    except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError):
        # What is wrong with the file, the program tells better, and before anything is deployed.
        return {}


def pinned(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Containers and image volumes whose content may change while the program stays the same."""
    for place in _references(workload.pod):
        faults = list(
            must(
                place,
                lambda value: unpinned(value) is None,
                allowed="a fixed tag or a digest",
                fix="take the image's reference from versions.yaml",
                found=unpinned(place.value),
            )
        )
        yield from faults or must(
            place,
            lambda value: _carries(value, parameters.digests),
            allowed="that of versions.yaml, which has one for this tag",
            fix="take the image's reference from versions.yaml",
            found="an image without its digest, or with another",
        )


def from_allowed_registry(workload: Workload, parameters: Parameters) -> Iterator[Fault]:
    """Images from a registry that the home doesn't trust. A name without a registry is Docker's."""
    for place in _references(workload.pod):
        yield from must(
            place,
            lambda value: _is_below(repository(value), parameters.registries),
            allowed=f"one from {', '.join(parameters.registries)}",
            fix="take it from there, or add its registry to `registries` in the policies' config",
            found="missing" if place.absent else "an image from elsewhere",
        )


def repository(reference: object) -> str:
    """The full name of an image, registry first, without tag and digest, as container runtimes read it."""
    name = str(reference).partition("@")[0]
    path, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        name = path
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


def _references(pod: Pod) -> list[Field]:
    volumes = [volume.get("image", "reference") for volume in pod.volumes() if not volume.get("image").absent]
    return [container.get("image") for container in pod.containers()] + volumes


def _carries(reference: object, digests: Mapping[str, str]) -> bool:
    tagged, _, digest = str(reference).partition("@")
    return digests.get(tagged, digest) == digest


def _is_below(name: str, registries: tuple[str, ...]) -> bool:
    return any(f"{name}/".startswith(f"{registry.rstrip('/')}/") for registry in registries)


CHECKS: Final = (PodCheck(PINNED, pinned), PodCheck(ALLOWED_REGISTRY, from_allowed_registry))
