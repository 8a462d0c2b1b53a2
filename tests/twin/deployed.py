"""A home on a twin of its own, for tests that deploy one."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.twin.objects import eventually
from twin import binaries
from twin.api import Api
from twin.cluster import Twin
from twin.engine import Engine, EngineError

ROOT = Path(__file__).parents[2]
HOMELAB = ROOT / "Pulumi.homelab.yaml"


class Deployed:
    """The home on a twin of its own."""

    def __init__(self, state: Path, home: Path) -> None:
        self.twin = Twin(state=state, home=home)
        self.engine = Engine(self.twin, capture=True)

    @property
    def api(self) -> Api:
        """The twin's API server."""
        return self.twin.api()

    def pods(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """The pods of a workload."""
        pods = self.api.list("Pod", namespace)
        return [pod for pod in pods if pod["metadata"]["labels"].get("app.kubernetes.io/name") == name]

    def secret(self, name: str, namespace: str) -> dict[str, str]:
        """What a Secret holds, in clear."""
        found = self.api.get("Secret", name, namespace)
        assert found, f"there is no Secret {namespace}/{name}"
        return {key: base64.b64decode(value).decode() for key, value in (found.get("data") or {}).items()}

    def assert_hidden(self, secrets: Iterable[str]) -> None:
        """None of them is in clear where others look: in what a preview prints and the stack puts out, in objects but
        Secrets, in the state. In base64, a value is as clear as without."""
        printed = self.engine.preview("--diff").output + self.engine.run("stack", "output", "--json").output
        objects = json.dumps([self.api.list(kind) for kind in ("Pod", "ConfigMap", "Deployment", "StatefulSet")])
        state = json.dumps(self.engine.export())
        for secret in secrets:
            assert len(secret) > 12, "so short a text is found anywhere"
            for text in (secret, base64.b64encode(secret.encode()).decode()):
                assert text not in printed
                assert text not in objects
                assert text not in state

    def may(
        self, account: str, verb: str, resource: str, namespace: str = "", name: str = "", *, group: str = ""
    ) -> bool:
        """Whether a ServiceAccount, `namespace/name`, may do this to a resource of an API group, as `nodes/metrics`."""
        where, _, who = account.partition("/")
        kind, _, part = resource.partition("/")
        asked = {
            "verb": verb,
            "resource": kind,
            "subresource": part,
            "namespace": namespace,
            "name": name,
            "group": group,
        }
        review = self.api.request(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": f"system:serviceaccount:{where}:{who}",
                    "groups": ["system:serviceaccounts", f"system:serviceaccounts:{where}", "system:authenticated"],
                    "resourceAttributes": {key: value for key, value in asked.items() if value},
                },
            },
        )
        return bool(review["status"]["allowed"])

    def kubectl(self, *args: str) -> None:
        """Run kubectl on the twin, to its end."""
        command = [str(binaries.find("kubectl")), "--kubeconfig", str(self.twin.kubeconfig), *args]
        subprocess.run(command, check=True, capture_output=True)

    def gpus(self, node: str) -> str:
        """What a node offers of GPUs."""
        found = self.api.get("Node", node)
        assert found is not None
        return str(found["status"]["allocatable"].get("nvidia.com/gpu", "0"))

    def killed_when(self, moment: Callable[[], bool]) -> None:
        """Begin an `up`, and kill the engine as soon as it has come so far."""
        self.engine.prepare()
        failures: list[EngineError] = []

        def doomed() -> None:
            try:
                self.engine.up()
            except EngineError as failure:
                failures.append(failure)

        up = threading.Thread(target=doomed)
        up.start()
        # As long as an `up` of the whole home may take on a busy machine.
        eventually(moment, seconds=180)
        [lock] = (self.twin.state / "pulumi").rglob("locks/**/*.json")
        os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
        up.join()
        assert failures, "the engine was done before it could be killed"

    def made_good(self) -> None:
        """Another `up` ends in the right state, one more changes nothing, and nothing is there twice."""
        self.engine.up()
        assert self.engine.up().changed == 0
        state = self.engine.export()["deployment"]
        assert not state.get("pending_operations")
        urns = [resource["urn"] for resource in state["resources"]]
        assert len(urns) == len(set(urns))


def changed_home(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The owner's home with a change to its config."""
    document = yaml.safe_load(HOMELAB.read_text())
    change(document["config"])
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
