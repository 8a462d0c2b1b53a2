"""What the API's overview costs: beside a bare FastAPI route on the same server, and while a service hangs.

The server is a process of its own (`api_server.py`); whoever asks is this one, 200 at once, in as few words of HTTP as
will do, so that it is the server that is measured. An answer that isn't 200 ends the bench.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tests.bench.timing import ROOT

CLIENTS = 200
SECONDS = 4.0
MINUTES = float(os.environ.get("BENCH_MINUTES", "0.5"))
"""How long memory is watched. Ten tell of a leak; the half is for a look."""
DEADLINE = 1.0
"""Seconds that an overview has, as api_server.py sets it."""
TOKEN = "a-token-of-the-tests-that-is-long-enough"

OVERVIEW, BARE = "/api/v1/overview", "/bare"
FROM_CACHE = "overview from cache, requests a second"
BARE_ROUTE = "bare FastAPI route, requests a second"
FROM_CACHE_CPU = "overview from cache, requests for a second of processor"
BARE_ROUTE_CPU = "bare FastAPI route, requests for a second of processor"
P99 = f"p99 of {CLIENTS} clients, one service hung"
WORST = f"slowest of {CLIENTS} clients, one service hung, from the first request on"
ALLOWED = "deadline plus 50 ms"
AT_FIRST = "memory after the first tenth, MiB"
IN_THE_END = f"memory after {MINUTES:g} min of {CLIENTS} clients, MiB"

BESIDE = {FROM_CACHE: (BARE_ROUTE,), FROM_CACHE_CPU: (BARE_ROUTE_CPU,), P99: (ALLOWED,), WORST: (ALLOWED,)}
MEMORY_BESIDE = {IN_THE_END: (AT_FIRST,)}


@dataclass
class Asked:
    """What came of asking: seconds of each answer."""

    took: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.took) / self.seconds

    def percentile(self, hundredth: int) -> float:
        return statistics.quantiles(self.took, n=100)[hundredth - 1]


def measurements() -> Iterator[tuple[str, float]]:
    """Throughput from cache beside the bare route, then latency while a service hangs."""
    with _server("well") as (port, process):
        asyncio.run(_ask(port, OVERVIEW, 1.0))
        # By turns, so that whatever else the machine does meets both.
        rounds = [_throughput(port, path, process) for _ in range(3) for path in (OVERVIEW, BARE)]
    for name, cpu_name, taken in (
        (FROM_CACHE, FROM_CACHE_CPU, rounds[::2]),
        (BARE_ROUTE, BARE_ROUTE_CPU, rounds[1::2]),
    ):
        yield name, statistics.median(wall for wall, _ in taken)
        yield cpu_name, statistics.median(cpu for _, cpu in taken)
    with _server("hung") as (port, _):
        asked = asyncio.run(_ask(port, OVERVIEW, 2 * SECONDS))
    yield P99, asked.percentile(99)
    yield WORST, max(asked.took)
    yield ALLOWED, DEADLINE + 0.05


def memory() -> Iterator[tuple[str, float]]:
    """How large the server is after a tenth of the time, and in the end."""
    with _server("hung") as (port, process):
        asyncio.run(_ask(port, OVERVIEW, MINUTES * 6))
        yield AT_FIRST, process.memory_info().rss / 2**20
        asyncio.run(_ask(port, OVERVIEW, MINUTES * 54))
        yield IN_THE_END, process.memory_info().rss / 2**20


def _throughput(port: int, path: str, process: psutil.Process) -> tuple[float, float]:
    """Answers in a second, and in a second of the server's processor, whoever else wants it meanwhile."""
    before = process.cpu_times()
    asked = asyncio.run(_ask(port, path, SECONDS))
    after = process.cpu_times()
    return asked.per_second, len(asked.took) / (after.user - before.user + after.system - before.system)


async def _ask(port: int, path: str, seconds: float) -> Asked:
    """All clients, each asking again as soon as it is answered, for so long."""
    asked = Asked()
    began = time.perf_counter()
    await asyncio.gather(*(_client(port, path, began + seconds, asked.took) for _ in range(CLIENTS)))
    asked.seconds = time.perf_counter() - began
    return asked


async def _client(port: int, path: str, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: home\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
    while (began := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"{path} was answered {head.splitlines()[0].decode()}")
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        took.append(time.perf_counter() - began)
    writer.close()


@contextmanager
def _server(state: str) -> Iterator[tuple[int, psutil.Process]]:
    """Its port, and its process."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'services' / 'api'}"}
    command = [sys.executable, "-m", "tests.bench.api_server", state]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            if not line.strip().isdigit():
                raise SystemExit(f"the server didn't start: {line}{process.stderr.read()}")
            # Its socket takes connections a while before it answers any.
            asyncio.run(_client(int(line), "/healthz", time.perf_counter() + 0.001, []))
            yield int(line), psutil.Process(process.pid)
        finally:
            process.terminate()
