"""The images that the home runs, from `versions.yaml` at the root of the checkout."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from home import reading, yamlfile
from home.problems import HomeError, Problem
from home.record import Record
from home.wording import did_you_mean, listed, shown

FILE = Path(__file__).resolve().parent.parent / "versions.yaml"

_REPOSITORY = r"(?P<registry>[a-z0-9.-]+\.[a-z0-9-]+(:[0-9]+)?)(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"


def _repository(text: str) -> str:
    if re.fullmatch(_REPOSITORY, text):
        return text
    raise ValueError(
        f"{shown(text)} is not an image's full name; write registry and path without tag, such as "
        "docker.io/jellyfin/jellyfin"
    )


def _tag(text: str) -> str:
    if text == "latest":
        raise ValueError('"latest" is a different image every week; write the version that the home shall run')
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", text):
        return text
    raise ValueError(f"{shown(text)} is not an image tag; write one such as 10.11.11")


def _digest(text: str) -> str:
    if re.fullmatch(r"sha256:[0-9a-f]{64}", text):
        return text
    raise ValueError(f"{shown(text)} is not an image digest; write sha256: and 64 hexadecimal digits, or leave it out")


class Image(Record):
    """One image at one version."""

    repository: Annotated[str, AfterValidator(_repository)] = Field(alias="image", examples=["docker.io/library/x"])
    """The image's full name, registry first, such as docker.io/jellyfin/jellyfin."""
    tag: Annotated[str, AfterValidator(_tag)] = Field(examples=["1"])
    """The version, as the registry names it."""
    digest: Annotated[str, AfterValidator(_digest)] | None = None
    """The exact content that the tag stood for when it was chosen."""

    @property
    def reference(self) -> str:
        """What a pod's `image` field takes: `repository:tag@digest`, or `repository:tag` without a digest."""
        return f"{self.repository}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


class _Versions(Record):
    """The file."""

    images: Mapping[str, Image]
    """Every image that the home runs, by the name that components use."""


class Images(dict[str, Image]):
    """Images by name; asking for one that isn't listed says which are."""

    def __missing__(self, name: str) -> Image:
        hint = did_you_mean(name, self, f"it lists {listed(self)}")
        raise KeyError(f'versions.yaml lists no image "{name}"{hint}')


def load(path: Path = FILE) -> Images:
    """The images by name. Raises HomeError with every mistake of the file at once."""
    data = yamlfile.load(path)
    if not isinstance(data, Mapping):
        raise HomeError([Problem(str(path), "holds no `images:`; list each image below that")])
    result = reading.read(_Versions, data)
    if result.problems or result.record is None:
        raise HomeError(Problem(f"{path.name}: {problem.path}", problem.message) for problem in result.problems)
    return Images(result.record.images)
