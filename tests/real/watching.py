"""The home's monitoring as processes of this machine: what each is told is rendered; what it finds is here.

What differs from the cluster is all here or handed over by name: addresses and ports are this machine's, pods are found
by being named instead of by asking an API server, and everything is asked each second.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from render import Evaluation
from tests.real.container import Server, free_port, until
from tests.real.monitoring_tools import program

NODE = "k3s-master"


def files(home: Evaluation, name: str) -> dict[str, str]:
    """What a rendered ConfigMap holds."""
    found: dict[str, str] = home.named("kubernetes:core/v1:ConfigMap", name).inputs["data"]
    return found


def arguments(home: Evaluation, kind: str, name: str, here: Mapping[str, str | Path]) -> list[str]:
    """The rendered arguments of a workload's first container, with each path of `here` put in place of its key."""
    spec = home.named(f"kubernetes:apps/v1:{kind}", name).inputs["spec"]["template"]["spec"]
    words: list[str] = spec["containers"][0]["args"]
    for inside, outside in sorted(here.items(), key=lambda one: -len(one[0])):
        words = [re.sub(rf"(?<==){re.escape(inside)}(?=$|/)", str(outside), word) for word in words]
    return words


@contextmanager
def running(folder: Path, name: str, words: Sequence[str | Path], ready: str = "/-/ready") -> Iterator[str]:
    """The server of that name on a port of its own, once it says that it is ready; its address."""
    address = f"127.0.0.1:{free_port()}"
    place = folder / f"{name}-runs"
    place.mkdir()
    command = [str(program(name)), f"--web.listen-address={address}", *map(str, words)]
    server = Server(command, place, pwd.getpwuid(os.geteuid()), {}, stopped_by=signal.SIGTERM)
    try:
        until(lambda: not server.runs or answers(f"http://{address}{ready}"), f"{name} is ready")
        assert server.runs, server.log.read_text()[-3000:]
        yield address
    finally:
        server.end()


def answers(url: str) -> bool:
    """Whether something well is served there."""
    try:
        with urllib.request.urlopen(url, timeout=10):
            return True
    except OSError:
        return False


def read(url: str) -> Any:
    """The JSON that is served there."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def query(prometheus: str, expression: str) -> list[dict[str, Any]]:
    """The series that a PromQL expression gives now: `metric`, its labels, and `value`, a time and a text."""
    url = f"http://{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    found: list[dict[str, Any]] = read(url)["data"]["result"]
    return found


def on_this_machine(
    config: str,
    *,
    pods: Mapping[str, tuple[str, str]],
    knocked: Mapping[str, str],
    blackbox: str,
    alertmanager: str,
    rules: Path,
) -> dict[str, Any]:
    """Prometheus' rendered config, asking what runs here.

    pods: by job, the address of what stands for the workload's one pod, and the name of its port. knocked: by target,
    where what stands for it answers. Jobs and targets that are in neither are left out.
    """
    document: dict[str, Any] = yaml.safe_load(config)
    document["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s", "scrape_timeout": "1s"}
    document["rule_files"] = [str(rules / "*.yaml")]
    document["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    kept = []
    for job in document["scrape_configs"]:
        name = job["job_name"]
        if name == "probe":
            job["static_configs"] = [
                one | {"targets": [knocked[one["labels"]["target"]]]}
                for one in job["static_configs"]
                if one["labels"]["target"] in knocked and one["labels"]["door"] == "cluster"
            ]
            job["relabel_configs"][-1]["replacement"] = blackbox
            kept.append(job)
        elif name in pods:
            address, port = pods[name]
            [found] = job.pop("kubernetes_sd_configs")
            labels = {
                "__meta_kubernetes_namespace": found["namespaces"]["names"][0],
                "__meta_kubernetes_pod_name": f"{name}-1",
                "__meta_kubernetes_pod_node_name": NODE,
                "__meta_kubernetes_pod_phase": "Running",
                "__meta_kubernetes_pod_container_port_name": port,
            }
            job["static_configs"] = [{"targets": [address], "labels": labels}]
            kept.append(job)
    document["scrape_configs"] = kept
    return document


class Web:
    """Something that answers on loopback: an app's page, and a receiver of what is posted to it.

    `received`: each body that was posted, as data, with its Authorization.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str, Any]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.received.append((self.headers.get("Authorization", ""), json.loads(body)))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def end(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
