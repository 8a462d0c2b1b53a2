"""The list of images: what it gives, and what it says when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import home
from home import versions
from home.versions import Image

DIGEST = "sha256:" + "0f" * 32


def images(folder: Path, text: str) -> versions.Images:
    file = folder / "versions.yaml"
    file.write_text(text)
    return versions.load(file)


def test_an_image_is_referred_to_by_its_tag_and_by_its_digest_when_there_is_one() -> None:
    assert (
        Image(repository="docker.io/jellyfin/jellyfin", tag="10.11.11").reference
        == "docker.io/jellyfin/jellyfin:10.11.11"
    )
    pinned = Image(repository="ghcr.io/a/b", tag="v1", digest=DIGEST)
    assert pinned.reference == f"ghcr.io/a/b:v1@{DIGEST}"


def test_the_project_lists_its_images() -> None:
    assert versions.load()["jellyfin"].repository == "docker.io/jellyfin/jellyfin"


def test_an_image_that_is_not_listed_names_its_neighbours(tmp_path: Path) -> None:
    listed = images(tmp_path, 'images: {jellyfin: {image: docker.io/jellyfin/jellyfin, tag: "1"}}')
    with pytest.raises(KeyError, match='lists no image "jellyfinn"; did you mean "jellyfin"'):
        listed["jellyfinn"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{image: jellyfin/jellyfin, tag: '1'}", 'a.image: "jellyfin/jellyfin" is not an image\'s full name'),
        ("{image: docker.io/a/b:1, tag: '1'}", 'a.image: "docker.io/a/b:1" is not an image\'s full name'),
        ("{image: docker.io/a/b, tag: latest}", 'a.tag: "latest" is a different image every week'),
        (
            "{image: docker.io/a/b, tag: 9.1}",
            'a.tag: 9.1 is read as a number, but text is wanted; put it in quotes: "9.1"',
        ),
        ("{image: docker.io/a/b, tag: 1 2}", 'a.tag: "1 2" is not an image tag'),
        ("{image: docker.io/a/b}", "a.tag: is missing: the version, as the registry names it"),
        ("{image: docker.io/a/b, tag: '1', digest: sha256:12}", 'a.digest: "sha256:12" is not an image digest'),
        ("{image: docker.io/a/b, tag: '1', dijest: x}", 'a.dijest: is not a known key; did you mean "digest"?'),
    ],
)
def test_a_wrong_entry_says_what_is_wrong(entry: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(home.HomeError) as caught:
        images(tmp_path, f"images: {{a: {entry}}}")
    assert str(caught.value).startswith(f"versions.yaml: images.{says}")


def test_every_wrong_entry_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(home.HomeError) as caught:
        images(tmp_path, "images: {a: {image: b, tag: latest}, c: {}}")
    assert [problem.path.rpartition(" ")[2] for problem in caught.value.problems] == [
        "images.a.image",
        "images.a.tag",
        "images.c.image",
        "images.c.tag",
    ]


def test_a_file_that_lists_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(home.HomeError, match="holds no `images:`"):
        images(tmp_path, "[]")
    with pytest.raises(home.HomeError, match="images: is missing"):
        images(tmp_path, "{}")
