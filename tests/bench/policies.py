"""What the policy pack costs: beside one with a single trivial rule, which is the floor that the framework itself sets.

A program of namespaces, each with its NetworkPolicy and some apps, is previewed by the real engine without a pack, with
the trivial one and with the home's, at two sizes. Apart from the engine, the pack's own work is timed at sizes that
grow, to see whether its cost for one resource does.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policies.evaluation import Evaluation
from policies.resource import Resource
from tests.bench.timing import ROOT, quietly, seconds
from tests.policies.pods import hardened

SIZES = (150, 1000)
GROWING = (1000, 4000)
TOOLS = ROOT / ".tools" / "bin"

BESIDE = {
    **{f"{size} resources, the home's pack": (f"{size} resources, a trivial pack",) for size in SIZES},
    **{f"{size} resources, a trivial pack": (f"{size} resources, no pack",) for size in SIZES},
    f"evaluation, ms a resource of {GROWING[1]}": (f"evaluation, ms a resource of {GROWING[0]}",),
}
"""What each figure is set beside."""

_PROGRAM = """
import json
import pathlib

import pulumi
import pulumi_kubernetes

provider = pulumi_kubernetes.Provider("rendered", render_yaml_to_directory="rendered")
for token, name, properties, protect in json.loads(pathlib.Path("resources.json").read_text()):
    pulumi.CustomResource(token, name, properties, pulumi.ResourceOptions(provider=provider, protect=protect))
"""
_TRIVIAL = """
import io
import sys

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy

sys.stdout = io.TextIOWrapper(io.FileIO(sys.stdout.fileno(), "w", closefd=False), write_through=True)


def validate(args, report):
    if args.resource_type == "none":
        report("there is no such type")


policy = ResourceValidationPolicy("trivial", "A rule that nothing breaks", validate, EnforcementLevel.MANDATORY)
PolicyPack("trivial", [policy])
"""

Declared = tuple[str, str, dict[str, Any], bool]


def home(count: int) -> list[Declared]:
    """So many resources that keep every rule, of the kinds and sizes that a home has."""
    declared: list[Declared] = []
    while len(declared) < count:
        declared += _room(f"room-{len(declared)}")
    return declared[:count]


def measurements() -> Iterator[tuple[str, float]]:
    """Seconds of each preview, and milliseconds of evaluation for one resource."""
    with tempfile.TemporaryDirectory(prefix="homebrain-bench-") as folder:
        bench = _Bench(Path(folder))
        for size in SIZES:
            (bench.program / "resources.json").write_text(json.dumps(home(size)), encoding="utf-8")
            for name, packs in (("no pack", []), ("a trivial pack", [bench.trivial]), ("the home's pack", [bench.own])):
                yield f"{size} resources, {name}", seconds(functools.partial(bench.preview, packs))
    for size in GROWING:
        judged = [Resource(f"urn:{name}", token, name, props, None, kept) for token, name, props, kept in home(size)]
        took = seconds(functools.partial(_evaluate, judged))
        yield f"evaluation, ms a resource of {size}", took * 1000 / size


def _evaluate(judged: list[Resource]) -> None:
    evaluation = Evaluation()
    for resource in judged:
        evaluation.judge(resource)
    evaluation.conclude()
    if found := evaluation.judgements():
        raise SystemExit(f"the bench's own resources break a rule: {found[0].finding.message}")


class _Bench:
    """A program, its state and a trivial pack, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.program, self.trivial, self.own = folder / "program", folder / "trivial", ROOT / "policies"
        self._environment = {
            "HOME": str(folder),
            "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": f"file://{folder}",
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "1",
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        # A pack looks for its Python in the folder above.
        (folder / ".venv").symlink_to(sys.prefix)
        self.program.mkdir()
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (self.program / "Pulumi.yaml").write_text(json.dumps({"name": "bench", "runtime": runtime}), encoding="utf-8")
        (self.program / "__main__.py").write_text(_PROGRAM, encoding="utf-8")
        self.trivial.mkdir()
        shutil.copy(self.own / "PulumiPolicy.yaml", self.trivial)
        (self.trivial / "__main__.py").write_text(_TRIVIAL, encoding="utf-8")
        self._pulumi("stack", "init", "bench")

    def preview(self, packs: list[Path]) -> None:
        self._pulumi("preview", *(word for pack in packs for word in ("--policy-pack", str(pack))))

    def _pulumi(self, *arguments: str) -> None:
        quietly([str(TOOLS / "pulumi"), *arguments, "--non-interactive"], self.program, self._environment)


def _room(name: str) -> list[Declared]:
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    denying = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    declared: list[Declared] = [
        ("kubernetes:core/v1:Namespace", name, _object("v1", "Namespace", {"name": name, "labels": level}), True),
        _declared("networking.k8s.io/v1", "NetworkPolicy", f"{name}-default-deny", name, {"spec": denying}),
    ]
    for index in range(4):
        app = f"{name}-app-{index}"
        labels = {"app": app}
        template = hardened() | {"metadata": {"labels": labels}}
        config = {"config.yaml": "\n".join(f"key-{line}: value" for line in range(20))}
        front = {"type": "ClusterIP", "selector": labels, "ports": [{"port": 80}]}
        running = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        declared += [
            _declared("v1", "ServiceAccount", app, name, {"automountServiceAccountToken": False}),
            _declared("v1", "ConfigMap", app, name, {"data": config}),
            _declared("v1", "Service", app, name, {"spec": front}),
            _declared("apps/v1", "Deployment", app, name, {"spec": running}),
        ]
    return declared


def _declared(version: str, kind: str, name: str, namespace: str, rest: dict[str, Any]) -> Declared:
    token = f"kubernetes:{version if '/' in version else f'core/{version}'}:{kind}"
    return token, name, _object(version, kind, {"name": name, "namespace": namespace}) | rest, False


def _object(version: str, kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
