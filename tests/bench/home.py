"""What the program costs beside doing the same without it.

Each way gets a fresh twin. "bare" is a program that registers the very objects that the home's program registers, one
by one, without components and without policies; "kubectl" applies them as files.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from render import evaluate, files, stack
from tests.bench.timing import ROOT, quietly, seconds
from twin import binaries
from twin.cluster import Twin
from twin.engine import Engine

HOMELAB = ROOT / "Pulumi.homelab.yaml"

BARE_PROGRAM = '''\
"""The home's objects, registered one by one."""

import importlib
import pathlib
import re

import pulumi
import pulumi_kubernetes as kubernetes
import yaml

provider = kubernetes.Provider(
    "cluster", kubeconfig=pulumi.Config("homebrain").require("kubeconfig"), cluster_identifier=pulumi.get_stack()
)
namespaces = []
objects = [yaml.safe_load(path.read_text()) for path in sorted(pathlib.Path("objects").rglob("*.yaml"))]
for one in sorted(objects, key=lambda one: one["kind"] != "Namespace"):
    group, _, version = one.pop("apiVersion").rpartition("/")
    module = importlib.import_module(f"pulumi_kubernetes.{group.partition('.')[0] or 'core'}.{version}")
    kind = one.pop("kind")
    # Kubernetes makes this account itself.
    made_already = kind == "ServiceAccount" and one["metadata"]["name"] == "default"
    resource = getattr(module, kind + ("Patch" if made_already else ""))(
        "-".join(filter(None, [kind, one["metadata"].get("namespace"), one["metadata"]["name"]])),
        **{re.sub(r"(?<!^)(?=[A-Z])", "_", key).lower(): value for key, value in one.items()},
        opts=pulumi.ResourceOptions(provider=provider, depends_on=list(namespaces)),
    )
    if kind == "Namespace":
        namespaces.append(resource)
'''


BESIDE = {
    "home: preview": ("bare: preview",),
    "home: up": ("bare: up", "kubectl: apply and wait"),
    "home: up again, nothing to do": ("bare: up again, nothing to do",),
    "bare: up": ("kubectl: apply and wait",),
}
"""What each figure is set beside."""


def measurements() -> Iterator[tuple[str, float]]:
    """Seconds of each way."""
    objects = _objects()
    with tempfile.TemporaryDirectory(prefix="homebrain-bench-") as folder:
        work = Path(folder)
        files.write(objects, work / "objects")

        with _twin(work / "home") as (twin, start):
            yield "twin: start", start
            engine = Engine(twin, capture=True)
            engine.prepare()
            yield "home: preview", seconds(engine.preview)
            yield "home: up", seconds(engine.up)
            yield "home: up again, nothing to do", seconds(engine.up)
        with _twin(work / "bare") as (twin, _):
            engine = Engine(twin, program=_bare_program(work), config=HOMELAB, policy_packs=[], capture=True)
            engine.prepare()
            yield "bare: preview", seconds(engine.preview)
            yield "bare: up", seconds(engine.up)
            yield "bare: up again, nothing to do", seconds(engine.up)
        with _twin(work / "kubectl") as (twin, _):
            yield "kubectl: apply and wait", seconds(lambda: _kubectl(twin, work / "objects"))


def _objects() -> list[dict[str, object]]:
    config = stack.read(HOMELAB)
    return evaluate(config.values, config.secrets).objects


def _bare_program(work: Path) -> Path:
    program = work / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text("name: bare\nruntime: python\n")
    (program / "__main__.py").write_text(BARE_PROGRAM)
    (program / "objects").symlink_to(work / "objects")
    return program


def _kubectl(twin: Twin, objects: Path) -> None:
    """Apply, namespaces first, and wait as the engine does: until every workload is there."""
    kubectl = [str(binaries.find("kubectl")), "--kubeconfig", str(twin.kubeconfig)]
    namespaces = [str(path) for path in objects.rglob("namespace-*.yaml")]
    quietly([*kubectl, "apply", "--server-side", *(word for path in namespaces for word in ("-f", path))])
    quietly([*kubectl, "apply", "--server-side", "--force-conflicts", "--recursive", "-f", str(objects)])
    for kind in ("deployment", "daemonset", "statefulset"):
        found = subprocess.run([*kubectl, "get", kind, "-A", "-o", "name"], capture_output=True, text=True, check=True)
        if not found.stdout:
            continue
        listed = subprocess.run(
            [*kubectl, "get", kind, "-A", "--no-headers"], capture_output=True, text=True, check=True
        )
        for line in listed.stdout.splitlines():
            namespace, name = line.split()[:2]
            if namespace != "kube-system":
                quietly([*kubectl, "-n", namespace, "rollout", "status", f"{kind}/{name}", "--timeout=60s"])


@contextmanager
def _twin(state: Path) -> Iterator[tuple[Twin, float]]:
    twin = Twin(state=state, home=HOMELAB)
    started = time.monotonic()
    twin.up()
    try:
        yield twin, time.monotonic() - started
    finally:
        twin.down()
