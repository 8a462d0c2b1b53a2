"""What holds for the repository as a whole: its files can be read, its pins are exact, its pages are true to it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from home import versions
from tools.toolchain import FOLDERS, GO_BIN, TEST_FOLDERS, Folder, Pin

ROOT = Path(__file__).parents[2]
# Made by tools and ignored by git, like everything else that starts with a dot.
MADE = {"__pycache__", "build", "node_modules"}
OURS_WITH_A_DOT = {".ci", ".github"}
# Files that are wrong on purpose.
WRONG = ROOT / "tests" / "homes" / "wrong"


def kept(name: str) -> bool:
    return name not in MADE and (not name.startswith(".") or name in OURS_WITH_A_DOT)


def files() -> Iterator[Path]:
    """Every file of the repository, as git would list them, whether or not there is a git."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(filter(kept, folders))
        yield from (Path(folder, name) for name in sorted(names))


FILES = tuple(files())
JSON = tuple(path for path in FILES if path.suffix == ".json")
YAML = tuple(path for path in FILES if path.suffix in (".yaml", ".yml") and not path.is_relative_to(WRONG))
DOCUMENTS = tuple(path for path in FILES if path.suffix == ".md")
DECISIONS = tuple(sorted((ROOT / "docs" / "decisions").glob("*.md")))


def named(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


# Files.


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    # In pieces, or this file would be the first to be found.
    someones = re.compile("|".join((r"\.\./" + "shared", r"(?<![\w.~/}-])/(?:ro" + r"ot|wo" + r"rk|Us" + r"ers)/\w")))
    found = [path for path in FILES if someones.search(path.read_text(errors="replace"))]
    assert named(found) == []


def test_no_file_names_a_package_registry() -> None:
    """Which one is asked is the machine's to say: a company's mirror, an index of one's own, a proxy."""
    hosts = ("proxy." + "golang.org", "sum." + "golang.org", "py" + "pi.org", "files." + "pythonhosted.org")
    hosts += ("registry." + "npmjs.org", "deb." + "debian.org")
    found = [path for path in FILES if any(host in path.read_text(errors="replace") for host in hosts)]
    assert named(found) == []


@pytest.mark.parametrize("path", JSON, ids=lambda path: str(path.relative_to(ROOT)))
def test_json_files_can_be_read(path: Path) -> None:
    json.loads(path.read_text())


@pytest.mark.parametrize("path", YAML, ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_files_can_be_read(path: Path) -> None:
    assert list(yaml.safe_load_all(path.read_text()))


# Pages.


def test_the_architecture_names_every_folder() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    folders = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and kept(path.name))
    assert {"components", "home", "policies", "tools", "twin"} <= set(folders)
    assert [name for name in folders if f"`{name}/`" not in page] == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_decisions_are_numbered_without_gaps() -> None:
    assert [path.name[:5] for path in DECISIONS] == [f"{number:04}-" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_why_and_what_follows(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith(f"# {int(path.name[:4])}. ")
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]


def test_licence_and_reporting_are_in_place() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert "## Reporting" in (ROOT / "SECURITY.md").read_text()


# Pins.


def pins(name: str) -> dict[str, str]:
    """Version by package of a requirements file; fails on a line that pins nothing."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    found = {}
    for line in lines:
        if line and not line.startswith(("-r ", "-c ")):
            pin = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([\w.!+]+)", line)
            assert pin, f"{name}: {line}"
            found[re.sub(r"[-_.]+", "-", pin[1]).lower()] = pin[2]
    return found


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "services/api/requirements.txt"])
def test_requirements_are_pinned_as_the_constraints_are(name: str) -> None:
    wanted, locked = pins(name), pins("constraints.txt")
    assert wanted
    assert {package: locked.get(package) for package in wanted} == wanted


def test_the_sdks_are_of_the_engine_and_the_provider_that_are_built() -> None:
    built = {
        tool.name: pin.version(tool)
        for pin in (Pin(folder, ROOT, Path("unused")) for folder in FOLDERS)
        for tool in pin.folder.tools
    }
    packages = pins("requirements.txt")
    assert packages["pulumi"] == built["pulumi"]
    assert packages["pulumi-kubernetes"] == built["pulumi-resource-kubernetes"]


# Images whose programs no test can start, and why. Each pin folder for tests has the name of the image that it judges.
NOT_BUILT = {
    "loki": "its Go module is under the AGPL, which this project neither builds nor hands on",
    "alloy": "its Go module takes in Loki's",
}


@pytest.mark.parametrize("folder", TEST_FOLDERS, ids=lambda folder: folder.name)
def test_what_judges_the_monitoring_is_of_the_release_that_the_home_runs(folder: Folder) -> None:
    pin = Pin(folder, ROOT, Path("unused"))
    releases = {pin.version(tool) for tool in folder.tools}
    assert len(releases) == 1
    image = versions.load().get(folder.name)
    # A home that doesn't run it yet leaves the release open. After a `-` comes what the image is made of.
    assert image is None or {image.tag.removeprefix("v").partition("-")[0]} == releases


def test_the_page_on_real_parts_names_what_is_not_built_for_tests() -> None:
    assert not NOT_BUILT.keys() & {folder.name for folder in TEST_FOLDERS}
    page = (ROOT / "docs" / "real-parts.md").read_text()
    assert [name for name in NOT_BUILT if f"`{name}`" not in page] == []


# What Renovate sees.

RENOVATE = json.loads((ROOT / "renovate.json").read_text())
IMAGES_MANAGER, GO_MANAGER = RENOVATE["customManagers"]


def expression(text: str) -> re.Pattern[str]:
    """A JavaScript expression of renovate.json in Python's spelling: groups are all that differs."""
    return re.compile(re.sub(r"\(\?<(?=[a-zA-Z])", "(?P<", text))


def watches(manager: dict[str, Any], file: str) -> bool:
    """Whether the manager looks at the file of this name."""
    patterns = [pattern.strip("/") for pattern in manager["managerFilePatterns"]]
    return any(re.search(pattern, file) for pattern in patterns)


def replaced(match: re.Match[str], **new: str) -> str:
    """What Renovate writes in place of a match: the manager's template, filled in."""
    values = {name: value for name, value in (match.groupdict() | new).items() if value}
    template: str = IMAGES_MANAGER["autoReplaceStringTemplate"]
    template = re.sub(
        r"\{\{#if (\w+)\}\}(.*?)\{\{/if\}\}", lambda one: one[2] if one[1] in values else "", template, flags=re.S
    )
    return re.sub(r"\{\{\{(\w+)\}\}\}", lambda one: values[one[1]], template)


def found_images(text: str) -> list[re.Match[str]]:
    """What Renovate finds in the text of versions.yaml, from top to bottom."""
    [pattern] = map(expression, IMAGES_MANAGER["matchStrings"])
    return list(pattern.finditer(text))


def test_renovate_watches_every_image_under_its_own_name() -> None:
    assert watches(IMAGES_MANAGER, versions.FILE.name)
    images = versions.load()
    found = found_images(versions.FILE.read_text())
    assert images
    assert [(match["depName"], match["currentValue"], match["currentDigest"]) for match in found] == [
        (image.repository, image.tag, image.digest) for image in images.values()
    ]
    assert {match["datasource"] for match in found} == {"docker"}


def test_no_image_is_listed_twice() -> None:
    references = [image.reference for image in versions.load().values()]
    assert len(set(references)) == len(references)


def test_what_renovate_writes_is_a_versions_file_again(tmp_path: Path) -> None:
    text, digest = versions.FILE.read_text(), "sha256:" + "0123456789abcdef" * 4
    for tag in ("1.2.3", "1.2.4"):
        # The second round finds a digest where the first one put it.
        for match in reversed(found_images(text)):
            text = text[: match.start()] + replaced(match, newValue=tag, newDigest=digest) + text[match.end() :]
        (tmp_path / "versions.yaml").write_text(text)
        images = versions.load(tmp_path / "versions.yaml")
        assert list(images) == list(versions.load())
        assert {image.reference.partition(":")[2] for image in images.values()} == {f"{tag}@{digest}"}


def test_renovate_watches_every_requirements_file_and_the_go_that_builds() -> None:
    # The manager's own pattern covers requirements*.txt.
    assert watches(RENOVATE["pip_requirements"], "constraints.txt")
    assert watches(GO_MANAGER, "tools/toolchain.py")
    [pattern] = map(expression, GO_MANAGER["matchStrings"])
    [found] = pattern.finditer((ROOT / "tools" / "toolchain.py").read_text())
    assert found["currentValue"] == GO_BIN


def test_one_way_upgrades_wait_for_approval() -> None:
    waiting = [rule for rule in RENOVATE["packageRules"] if rule.get("dependencyDashboardApproval")]
    packages = {
        package for rule in waiting if "major" in rule["matchUpdateTypes"] for package in rule["matchPackageNames"]
    }
    assert {"docker.io/jellyfin/jellyfin", "ghcr.io/immich-app/**"} <= packages
    assert [rule for rule in RENOVATE["packageRules"] if not rule.get("description")] == []
