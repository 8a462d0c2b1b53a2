"""`python -m render`: write the stack as YAML."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pulumi import RunError

import home
from render import evaluate, files, stack


def main() -> int:
    """Render one stack into a folder; 1 when its description is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m render", description="Write the stack's Kubernetes objects as YAML."
    )
    parser.add_argument("--stack", default="homelab", help="whose config to take: Pulumi.STACK.yaml (default: homelab)")
    parser.add_argument("--file", type=Path, help="a stack config file elsewhere")
    parser.add_argument("--out", type=Path, default=Path("build/render"), help="folder to fill (default: build/render)")
    arguments = parser.parse_args()
    source = arguments.file or Path(f"Pulumi.{arguments.stack}.yaml")
    try:
        config = stack.read(source)
        rendered = evaluate(config.values, config.secrets, stack=arguments.stack)
        written = files.write(rendered.objects, arguments.out)
    except (home.HomeError, RunError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(path)
    print(f"{len(written)} objects of {source} in {arguments.out}/. Secrets are not shown.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
