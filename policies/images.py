"""Images: what a workload runs is named exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.fault import Fault, must
from policies.pod import Pod
from policies.rule import Rule, Severity

PINNED: Final = Rule(
    "image-pinned",
    "Images carry a tag other than `latest`, or a digest",
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


def pinned(pod: Pod) -> Iterator[Fault]:
    """Containers and image volumes whose content may change while the program stays the same."""
    places = [container.get("image") for container in pod.containers()]
    places += [volume.get("image", "reference") for volume in pod.volumes() if not volume.get("image").absent]
    for place in places:
        yield from must(
            place,
            lambda value: unpinned(value) is None,
            allowed="a fixed tag or a digest",
            fix="take the image's reference from versions.yaml",
            found=unpinned(place.value),
        )
