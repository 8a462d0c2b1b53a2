"""`python -m references`: what is wrong between the objects that a stack renders."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from references import problems

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Render a stack and print its problems, one a line; 1 when there are some."""
    parser = argparse.ArgumentParser(
        prog="python -m references",
        description="Check that rendered objects fit each other, and their apps by references/apps.yaml.",
    )
    parser.add_argument("--stack", default="homelab", help="whose config to take: Pulumi.STACK.yaml (default: homelab)")
    parser.add_argument("--file", type=Path, help="a stack config file elsewhere")
    parser.add_argument("--rendered", type=Path, help="a folder that `python -m render` filled, instead of rendering")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.rendered or Path(temporary) / "render"
        if arguments.rendered is None:
            command = [sys.executable, "-m", "render", "--stack", arguments.stack, "--out", str(folder)]
            if arguments.file:
                command += ["--file", str(arguments.file.resolve())]
            rendering = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if rendering.returncode:
                print(rendering.stderr, end="", file=sys.stderr)
                return rendering.returncode
        objects = [yaml.safe_load(path.read_text()) for path in sorted(folder.rglob("*.yaml"))]
    found = problems(objects)
    for problem in found:
        print(problem)
    print(f"{len(objects)} objects, {len(found)} problems.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
