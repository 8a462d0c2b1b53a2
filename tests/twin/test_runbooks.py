"""What the runbooks say to type is typed, on the deployed twin of the owner's home."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runbooks import ROOT, RUNBOOKS, TWIN, Step, blocks, steps
from twin import binaries
from twin.cluster import Twin
from twin.engine import Engine

PATIENCE_SECONDS = 240
PAGES = [page for page in RUNBOOKS if any(block.info == TWIN for block in blocks(page))]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout in which `make up` was run: this one, with a twin of its own where commands look for it."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        # Neither somebody's own twin, nor what commands write.
        if entry.name not in (".twin", ".git", "build"):
            (folder / entry.name).symlink_to(entry)
    twin = Twin(state=folder / ".twin", home=folder / "Pulumi.homelab.yaml")
    twin.up()
    try:
        Engine(twin, capture=True).up()
        yield folder
    finally:
        twin.reset()


def run(step: Step, checkout: Path) -> subprocess.CompletedProcess[str]:
    """Type it, in the checkout, with the twin's cluster as the one that kubectl looks at."""
    path = os.pathsep.join((str(binaries.folder()), os.environ["PATH"]))
    # A make that runs these tests would have its child speak of entering folders.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "STACK"))}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", step.command],
        cwd=checkout,
        env=ours | {"PATH": path, "KUBECONFIG": str(checkout / ".twin" / "kubeconfig")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def test_there_is_much_to_type() -> None:
    assert len(PAGES) >= 5
    assert sum(len(block.commands) for page in PAGES for block in blocks(page) if block.info == TWIN) >= 40


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_runbook_says_to_type_works_on_the_twin(page: Path, checkout: Path) -> None:
    wrong = []
    for block in blocks(page):
        for step in steps(block) if block.info == TWIN else ():
            done = run(step, checkout)
            missing = step.missing(done.stdout)
            if done.returncode or missing:
                what = f"ended with {done.returncode}" if done.returncode else f"didn't print {missing}"
                wrong.append(f"{page.name}:{step.line}: {step.command}\n{what}\n{done.stdout}")
    assert not wrong, "\n\n".join(wrong)
