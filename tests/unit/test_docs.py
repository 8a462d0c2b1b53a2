"""The pages under docs/ are true: what coverage names exists, and every command in a runbook says where it runs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import render
from home import secrets
from render import stack
from render.program import Evaluation
from tests.runbooks import CONTENT, HOME, RUNBOOKS, TWIN, WINDOWS, Block, blocks

ROOT = Path(__file__).parents[2]
COVERAGE = ROOT / "docs" / "coverage.md"
# As the owner's description calls them. Others come with what they are about.
NAMED_BY_THE_OWNER = (
    "01-infrastructure.md",
    "03-gpu-configuration.md",
    "04-immich-deployment.md",
    "05-jellyfin-deployment.md",
    "08-k3s-gpu-wsl2.md",
)
SECRETS = {secret.key: "correct horse battery staple" for secret in secrets.ALL}


# What the owner's description says, and where it is.


@dataclass(frozen=True)
class Row:
    """One statement: the words in backticks of its columns, and its status with the step that it may name."""

    line: int
    statement: str
    where: tuple[str, ...]
    tests: tuple[str, ...]
    status: str
    step: str


def tables(heading: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row of the tables of coverage that have this heading in their first column."""
    inside = False
    for number, line in enumerate(COVERAGE.read_text().splitlines(), 1):
        if not line.startswith("|"):
            inside = False
        elif (cells := [cell.strip() for cell in line.strip("|").split("|")])[0] == heading:
            inside = True
        elif inside and not set(cells[0]) <= {"-", ":"}:
            yield number, cells


def quoted(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def rows() -> list[Row]:
    found = []
    for number, cells in tables("Statement"):
        assert len(cells) == 4, f"line {number} has {len(cells)} columns"
        statement, where, proof, status = cells
        word, _, step = status.partition(": ")
        found.append(Row(number, statement, quoted(where), quoted(proof), word, step))
    return found


ROWS = rows()
STEPS = {cells[0] for _, cells in tables("Step")}
HOMELAB: dict[str, Any] = {
    key.removeprefix("homebrain:"): value
    for key, value in yaml.safe_load((ROOT / "Pulumi.homelab.yaml").read_text())["config"].items()
}


def is_path(word: str) -> bool:
    return "/" in word or word.endswith((".py", ".md", ".yaml", ".json"))


@cache
def classes(kind: str = "") -> dict[str, str]:
    """The classes of components/, with the file of each; only those that have this base, where one is given."""
    return {
        node.name: path.name
        for path in sorted((ROOT / "components").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and (not kind or kind in map(ast.unparse, node.bases))
    }


@cache
def functions(file: str) -> frozenset[str]:
    """The test functions that a file has, in classes or outside."""
    path = ROOT / file
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text() if path.is_file() else ""))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def in_config(key: str) -> bool:
    """Whether the owner's config has a key such as `nodes[0].gpu`."""
    value: Any = HOMELAB
    for word in re.findall(r"\w+|\[\d+\]", key):
        try:
            value = value[int(word[1:-1])] if word.startswith("[") else value[word]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def test_coverage_speaks_of_the_whole_description() -> None:
    headings = re.findall(r"^## (.+)$", COVERAGE.read_text(), re.M)
    assert headings == [
        "Steps to come",
        "Nodes and hardware",
        "What runs where",
        "Network",
        "Delivery",
        "Tech stack",
        "Current deployment",
        "Roadmap",
        "Security and privacy",
    ]
    statements = [row.statement for row in ROWS]
    assert len(set(statements)) == len(statements)
    deployed = [int(match[1]) for one in statements if (match := re.match(r"(\d+)\. ", one))]
    assert deployed == list(range(1, 13))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line {row.line}")
def test_what_a_row_names_exists(row: Row) -> None:
    for word in row.where:
        if is_path(word):
            assert (ROOT / word).is_file(), f"there is no file {word}"
        elif word[0].isupper():
            assert word in classes(), f"no class of components/ is called {word}"
        else:
            assert in_config(word), f"Pulumi.homelab.yaml has no {word}"
    for name in row.tests:
        file, separator, function = name.partition("::")
        assert separator
        assert function in functions(file), f"{file} has no test {function}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"line {row.line}")
def test_a_status_says_what_it_takes(row: Row) -> None:
    if row.status in ("done", "by hand"):
        assert row.tests, "nothing proves it"
        assert row.where, "it is nowhere"
        assert not row.step
    else:
        assert row.status in ("described", "to come")
        assert row.step in STEPS, f'"{row.step}" is no step of this page'
    if row.status == "described":
        assert any(not is_path(word) for word in row.where), "no key of the config describes it"
    if row.status == "by hand":
        assert any(word.startswith("docs/runbooks/") for word in row.where), "no runbook says how"


def test_every_step_is_somebodys() -> None:
    assert {row.step for row in ROWS if row.step} == STEPS


@pytest.mark.parametrize("app", HOMELAB["apps"])
def test_an_app_is_done_when_the_program_declares_it_and_not_before(app: str) -> None:
    about = [row for row in ROWS if f"apps.{app}" in row.where]
    assert about, f"coverage says nothing of {app}"
    attribute = re.sub(r"(?=[A-Z])", "_", app).lower()
    declared = f"here.apps.{attribute}" in (ROOT / "__main__.py").read_text()
    assert [f"line {row.line}" for row in about if (row.status == "done") != declared] == []


def test_every_component_is_in_a_row() -> None:
    components = classes("pulumi.ComponentResource")
    assert {"Cluster", "Immich", "Storage"} <= set(components)
    named = {word for row in ROWS for word in row.where}
    assert [name for name, file in components.items() if not {name, f"components/{file}"} & named] == []
    assert [name for name in components if name not in named] == []


# Statements that no other test looks at.


@pytest.fixture(scope="module")
def homelab() -> Evaluation:
    config = stack.read(ROOT / "Pulumi.homelab.yaml")
    return render.evaluate(config.values, SECRETS, stack="homelab")


def test_smb_shares_are_mounted_as_the_description_says(homelab: Evaluation) -> None:
    volumes = [one for one in homelab.objects if one["kind"] == "PersistentVolume"]
    assert {one["spec"]["csi"]["driver"] for one in volumes} == {"smb.csi.k8s.io"}
    for volume in volumes:
        options = volume["spec"]["mountOptions"]
        assert {"ro", "vers=3.1.1", "noserverino", f"rsize={128 * 1024}", f"wsize={128 * 1024}"} <= set(options)
        assert volume["spec"]["csi"]["readOnly"] is True


def test_immich_talks_to_its_own_parts_and_no_others(homelab: Evaluation) -> None:
    [policy] = [
        one for one in homelab.objects if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == "immich-server"
    ]
    reached = {
        next(iter(peer["podSelector"]["matchLabels"].values()))
        for rule in policy["spec"]["egress"]
        for peer in rule["to"]
    }
    assert reached == {"kube-dns", "immich-database", "immich-queue", "immich-machine-learning"}


def test_apps_that_reach_the_internet_and_the_doors_say_why(homelab: Evaluation) -> None:
    policies = [one for one in homelab.objects if one["kind"] == "NetworkPolicy"]
    reaching = {
        one["metadata"]["name"]: one["metadata"].get("annotations", {}).get("homebrain.io/egress")
        for one in policies
        if any("ipBlock" in peer for rule in one["spec"].get("egress", ()) for peer in rule["to"])
    }
    doors = {"cloudflared", *(f"proxy-{app}" for app in ("api", "immich", "jellyfin", "monitoring", "ntfy"))}
    watching = {"blackbox-exporter", "kube-state-metrics", "prometheus", "ntfy"}
    assert set(reaching) == {"api", "immich-machine-learning", "jellyfin"} | doors | watching
    assert all(reaching.values())


# Runbooks.


BLOCKS = [block for page in RUNBOOKS for block in blocks(page)]


def test_the_runbooks_that_the_owner_links_are_there() -> None:
    assert set(NAMED_BY_THE_OWNER) <= {page.name for page in RUNBOOKS}
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text()
    assert [page.name for page in RUNBOOKS if page.name != "README.md" and f"]({page.name})" not in index] == []


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)
def test_a_runbook_begins_with_its_number(page: Path) -> None:
    if page.name != "README.md":
        assert page.read_text().startswith(f"# RB-{int(page.name[:2]):03}: ")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page.name}:{block.line}")
def test_every_block_of_commands_says_where_it_runs(block: Block) -> None:
    if block.info in CONTENT:
        assert not block.commands, "commands belong into a block that says where they run"
        return
    assert block.info in {TWIN, HOME, WINDOWS}
    if block.info != WINDOWS:
        assert block.lines, "the block is empty"
        assert block.lines[0].startswith("$ "), "the block begins with what a command prints"


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.info == TWIN],
    ids=lambda block: f"{block.page.name}:{block.line}",
)
def test_commands_for_the_twin_need_nothing_that_it_has_not(block: Block) -> None:
    ours = ("components", "home", "render", "twin")
    may = ("kubectl ", "make ", *(f".venv/bin/python -m {part} " for part in ours))
    assert [one for one in block.commands if not one.startswith(may)] == []
    # Nothing there runs a container; and what a test types must not reach another cluster.
    cannot = re.compile(r"kubectl\b.* (?:exec|logs|port-forward|cp|attach)\b|--(?:kubeconfig|context)\b|STACK=")
    assert [one for one in block.commands if cannot.search(one)] == []


@pytest.mark.parametrize("page", [*RUNBOOKS, COVERAGE], ids=lambda page: page.name)
def test_links_to_sections_lead_to_one(page: Path) -> None:
    for target, section in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert section in anchors(page.parent / target if target else page), f"{target}#{section}"


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_names_of_nodes_and_workloads_in_runbooks_are_the_homes(homelab: Evaluation) -> None:
    """What `kubectl` is told to look at exists under that name, in that namespace."""
    there = {(one["metadata"].get("namespace"), one["metadata"]["name"]) for one in homelab.objects}
    kinds = r"(?:deploy|deployment|daemonset|service|statefulset|secret|configmap|pvc)"
    named = [
        (match[1], match[2])
        for block in BLOCKS
        for command in block.commands
        for match in re.finditer(rf"kubectl -n (\S+) .*?\b{kinds}[/ ]([a-z][a-z0-9-]+)", command)
        if match[1] != "kube-system"
    ]
    assert len(named) > 10
    assert [one for one in named if one not in there] == []
