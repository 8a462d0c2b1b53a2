"""What the API's overview costs: beside a bare FastAPI route on the same server, and while a service hangs.

The server is a process of its own (`api_server.py`), and so are the services that it asks (`api_standins.py`); whoever
asks it is this one, 200 at once, in as few words of HTTP as will do, so that it is the server that is measured. An
answer that isn't 200 ends the bench.
"""

from __future__ import annotations

import asyncio
import json
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
"""Seconds that an overview has."""
FRESH_FOR, LOOK_EVERY = 1.0, 1.0
"""Seconds, while a service hangs: as short as makes many looks, with all their parsing, of a short measurement."""
TOKEN = "a-token-of-the-tests-that-is-long-enough"

OVERVIEW, BARE = "/api/v1/overview", "/bare"
FROM_CACHE = "overview from cache, requests a second"
BARE_ROUTE = "bare FastAPI route, requests a second"
FROM_CACHE_CPU = "overview from cache, requests for a second of processor"
BARE_ROUTE_CPU = "bare FastAPI route, requests for a second of processor"
P99 = f"p99 of {CLIENTS} clients, one service hung"
WORST = f"slowest of {CLIENTS} clients, one service hung, from the first request on"
ALLOWED = "deadline plus 50 ms"
OLDEST = "age of the other services' data in an overview, at most, one service hung"
ALLOWED_AGE = "how long a look is fresh, plus how often one is had"
AT_FIRST = "memory after the first tenth, MiB"
IN_THE_END = f"memory after {MINUTES:g} min of {CLIENTS} clients, MiB"

BESIDE = {
    FROM_CACHE: (BARE_ROUTE,),
    FROM_CACHE_CPU: (BARE_ROUTE_CPU,),
    P99: (ALLOWED,),
    WORST: (ALLOWED,),
    OLDEST: (ALLOWED_AGE,),
}
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
        asked, oldest = asyncio.run(_ask_and_look(port, 2 * SECONDS))
    yield P99, asked.percentile(99)
    yield WORST, max(asked.took)
    yield ALLOWED, DEADLINE + 0.05
    yield OLDEST, oldest
    yield ALLOWED_AGE, FRESH_FOR + LOOK_EVERY


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


async def _ask_and_look(port: int, seconds: float) -> tuple[Asked, float]:
    """The same for overviews, and how old what they say of the others than the hung service is, at most."""
    asked, oldest = await asyncio.gather(_ask(port, OVERVIEW, seconds), _oldest(port, seconds))
    return asked, oldest


async def _oldest(port: int, seconds: float) -> float:
    """Seconds. What nothing was said of yet is as old as the wait for it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    oldest = 0.0
    seen: set[str] = set()
    while (passed := time.perf_counter() - began) < seconds:
        told = json.loads(await _answer(reader, writer, OVERVIEW))
        for one in told["services"]:
            if one["service"] == "immich":
                continue
            if one["verdict"] != "unknown":
                seen.add(one["service"])
            oldest = max(oldest, one["age"] if one["service"] in seen else passed)
        await asyncio.sleep(0.05)
    writer.close()
    if seen != {"jellyfin", "kubernetes", "prometheus"}:
        raise SystemExit(f"nothing was ever said of others than {', '.join(sorted(seen))}")
    return oldest


async def _client(port: int, path: str, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < until:
        await _answer(reader, writer, path)
        took.append(time.perf_counter() - began)
    writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
    """The body of one. Anything but 200 ends the bench."""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: home\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"{path} was answered {head.splitlines()[0].decode()}")
    length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.split(b":")[1]))


@contextmanager
def _server(state: str) -> Iterator[tuple[int, psutil.Process]]:
    """Its port, and its process."""
    with (
        _process("tests.bench.api_standins") as (_, addresses),
        _process("tests.bench.api_server", state, addresses) as (process, port),
    ):
        # Its socket takes connections a while before it answers any.
        asyncio.run(_client(int(port), "/healthz", time.perf_counter() + 0.001, []))
        yield int(port), psutil.Process(process.pid)


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A program of the bench, and the line in which it says where it listens."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'services' / 'api'}"}
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr
            line = process.stderr.readline().strip()
            try:
                json.loads(line)
            except ValueError:
                raise SystemExit(f"{module} didn't start: {line}\n{process.stderr.read()}") from None
            yield process, line
        finally:
            process.terminate()
