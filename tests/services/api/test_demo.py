"""The demo as whoever types `make api` meets it: a process, its page's data, and an end without remains."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo import immich, jellyfin
from demo.__main__ import WHO
from tests.services.api.misbehaving import unused_port

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0


@contextmanager
def running(
    folder: Path, *arguments: str, kubeconfig: Path | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo and its address, once it says that it is there; ended by force if the test hasn't."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services" / "api"), "TMPDIR": str(folder)}
    command = [
        sys.executable,
        "-m",
        "demo",
        "--port",
        "0",
        "--kubeconfig",
        str(kubeconfig or folder / "none"),
        *arguments,
    ]
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "ctrl-c" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            assert found, said
            yield process, found[0]
        finally:
            process.kill()


def overview(address: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the API says, once it has looked at all services."""
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(trust_env=False, headers=dict(headers or {})) as client:
        while True:
            answer = client.get(f"{address}/api/v1/overview")
            assert answer.status_code == 200, answer.text
            told: dict[str, Any] = answer.json()
            if all(one["verdict"] != "unknown" for one in told["services"]):
                return told
            assert time.monotonic() < deadline, told["services"]


@pytest.mark.parametrize(("photos", "films"), [*zip(immich.VERSIONS, jellyfin.VERSIONS, strict=True)])
def test_it_shows_a_home_with_life_in_it_and_ends_cleanly(photos: str, films: str, tmp_path: Path) -> None:
    with running(tmp_path, "--immich", photos, "--jellyfin", films) as (process, address):
        told = overview(address)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
    verdicts = {one["service"]: one["verdict"] for one in told["services"]}
    assert verdicts == {"immich": "healthy", "jellyfin": "healthy", "prometheus": "degraded"}
    assert {one["name"] for one in told["storage"]["items"]} >= {"Photos", "Films"}
    assert len(told["playing"]["items"]) == 2
    assert len(told["alerts"]["items"]) == 3
    assert rest.strip() == "Ended."
    assert list(tmp_path.iterdir()) == [], "keys and other files are gone"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one that runs."""
    with running(tmp_path_factory.mktemp("demo")) as (_, address):
        yield address


def test_whoever_comes_is_the_owner_whatever_they_say(demo: str) -> None:
    told = overview(demo, {"Tailscale-User-Login": "somebody@example.org", "Tailscale-User-Name": "Somebody"})
    assert told["alerts"] is not None, "what guests don't see"
    assert "somebody" not in json.dumps(told)
    assert WHO.endswith(".invalid"), "nobody's real address"


def test_a_port_that_is_taken_is_said_so(demo: str, tmp_path: Path) -> None:
    port = demo.rpartition(":")[2]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "services" / "api")}
    command = [sys.executable, "-m", "demo", "--port", port, "--kubeconfig", str(tmp_path / "none")]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert f"Port {port} can't be had" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_twin_that_doesn_t_answer_is_no_cluster(tmp_path: Path) -> None:
    from demo.twin import find

    config = {
        "clusters": [{"cluster": {"server": f"https://127.0.0.1:{unused_port()}", "certificate-authority-data": ""}}],
        "users": [{"user": {"token": "t"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    assert find(tmp_path / "kubeconfig") is None
    (tmp_path / "kubeconfig").write_text("not: [a, kubeconfig")
    assert find(tmp_path / "kubeconfig") is None
    assert find(tmp_path / "none") is None
