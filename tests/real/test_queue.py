"""Immich's queue with the rendered arguments and probes, on Debian's packages.

The image has Valkey 9. Debian 12 has none, and Redis 7.0 takes its place: Valkey grew out of Redis 7.2. What else
differs from the cluster: docs/real-parts.md.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator

import pytest

from render import Evaluation
from tests.real.container import laid_out, until
from tests.real.queue import ErrorReply, Queue, command, given

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
MIB = 1024**2


@pytest.fixture
def queue(homelab: Evaluation) -> Iterator[Queue]:
    """An empty queue that runs."""
    with laid_out(homelab, "immich-queue") as container:
        made = Queue(container)
        try:
            made.start()
            yield made
        finally:
            made.end()


def reach(moment: float) -> None:
    """Return at this moment of the clock."""
    until(lambda: time.monotonic() >= moment, "it is time")


def as_bytes(text: str) -> str:
    """A size as the server says it, from one as its command line may have it; anything else as it is."""
    for unit, factor in (("kb", 1024), ("mb", MIB), ("gb", 1024 * MIB)):
        if text.lower().endswith(unit) and text[: -len(unit)].isdecimal():
            return str(int(text[: -len(unit)]) * factor)
    return text


def test_every_rendered_setting_is_in_force(queue: Queue) -> None:
    settings = given(queue.container.spec["args"])
    assert {"dir", "appendonly", "appendfsync", "maxmemory-policy"} <= set(settings)
    assert {name: queue.config(name) for name in settings} == {
        name: as_bytes(queue.container.local(value)) for name, value in settings.items()
    }
    assert queue.config("appendonly") == "yes"
    assert queue.config("appendfsync") == "everysec"
    assert queue.config("maxmemory-policy") == "noeviction"


def test_everything_it_writes_lies_in_the_claim(queue: Queue) -> None:
    claim = queue.container.mounts["/data"]
    with queue.connection() as ask:
        ask("RPUSH", "jobs", "one")
        ask("SAVE")
    assert {path.name for path in claim.iterdir()} == {"appendonlydir", "dump.rdb"}
    assert queue.growing_file.read_bytes().endswith(command("RPUSH", "jobs", "one"))


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_says_ready_when_it_is_up_and_not_when_it_is_gone(queue: Queue, probe: str) -> None:
    assert queue.ready(probe)
    queue.kill()
    assert not queue.ready(probe)


def test_it_is_not_ready_but_alive_while_it_reads_its_data(queue: Queue) -> None:
    with queue.connection() as ask:
        ask("EVAL", "for n = 1, 30000 do redis.call('SET', 'job:' .. n, n) end", 0)
    queue.kill()
    # 100 microseconds longer for each: three seconds.
    queue.start("--key-load-delay", "100", loaded=False)
    during = {probe: queue.ready(probe) for probe in PROBES}
    assert queue.info("persistence")["loading"] == "1"
    assert during == {"startupProbe": False, "readinessProbe": False, "livenessProbe": True}
    until(lambda: queue.info("persistence")["loading"] == "0", "everything is read")
    assert queue.ready()


def test_the_queue_outlives_kills_at_any_moment(queue: Queue) -> None:
    """Every write that was acknowledged more than a second before a kill -9 is there afterwards, in order."""
    for run, rewrites in enumerate((False, True, False)):
        name = f"jobs-{run}"
        acknowledged: list[float] = []

        def write(name: str = name, acknowledged: list[float] = acknowledged) -> None:
            with queue.connection() as ask:
                try:
                    for number in itertools.count():
                        ask("RPUSH", name, number)
                        acknowledged.append(time.monotonic())
                except OSError:
                    pass

        writer = threading.Thread(target=write, daemon=True)
        begin = time.monotonic()
        moment = begin + random.uniform(1.2, 2.2)
        writer.start()
        if rewrites:
            reach(moment - 0.02)
            with queue.connection() as ask:
                ask("BGREWRITEAOF")
        reach(moment)
        killed = time.monotonic()
        queue.kill()
        writer.join(10)
        assert not writer.is_alive()

        queue.start()
        kept = queue.entries(name)
        old = sum(at < killed - 1 for at in acknowledged)
        after = (
            f"killed {killed - begin:.3f} s after it began, of {len(acknowledged)} acknowledged {len(kept)} are left"
        )
        assert old > 100, after
        assert len(kept) >= old, after
        assert kept == [str(number) for number in range(len(kept))], after
    # What the earlier kills left outlived the later ones.
    with queue.connection() as ask:
        assert all(int(str(ask("LLEN", f"jobs-{run}"))) > 100 for run in range(3))


def test_a_write_that_was_cut_off_half_way_is_left_out_and_the_rest_is_there(queue: Queue) -> None:
    with queue.connection() as ask:
        for number in range(1000):
            ask("RPUSH", "jobs", number)
    queue.kill()
    whole = queue.growing_file.read_bytes()
    assert whole.endswith(command("RPUSH", "jobs", 999))
    with queue.growing_file.open("ab") as file:
        file.write(command("RPUSH", "jobs", 1000)[:-9])
    queue.start()
    assert queue.entries("jobs") == [str(number) for number in range(1000)]
    assert queue.growing_file.read_bytes() == whole
    assert "trunc" in queue.log.lower()
    with queue.connection() as ask:
        assert ask("RPUSH", "jobs", "one more") == 1001


def test_a_stop_as_the_kubelet_does_it_loses_nothing(queue: Queue) -> None:
    with queue.connection() as ask:
        for number in range(1000):
            ask("RPUSH", "jobs", number)
        queue.stop()
    queue.start()
    assert queue.entries("jobs") == [str(number) for number in range(1000)]


def test_when_memory_is_full_writes_are_refused_and_nothing_is_forgotten(queue: Queue) -> None:
    with queue.connection() as ask:
        for number in range(100):
            ask("RPUSH", "jobs", number)
        ask("CONFIG", "SET", "maxmemory", int(queue.info("memory")["used_memory"]) + MIB)
        written = 0

        def fill() -> None:
            nonlocal written
            for written in range(10_000):
                ask("SET", f"photo:{written}", "x" * 1000)

        with pytest.raises(ErrorReply, match="OOM command not allowed"):
            fill()
        assert written > 100
        # The photos before the one that was refused, and the jobs.
        assert ask("DBSIZE") == written + 1
        assert queue.info("stats")["evicted_keys"] == "0"
        # Jobs can still be taken, and readers are served.
        assert ask("LPOP", "jobs") == "0"
        assert ask("GET", "photo:0") == "x" * 1000


def test_it_is_full_before_its_container_is(queue: Queue) -> None:
    """Else nothing is ever refused: the kernel would kill it at the limit, and again while it reads its data."""
    most = int(queue.config("maxmemory"))
    assert most > 0
    # The rest is for a rewrite of the file, beside which what changes is kept twice.
    assert most <= queue.container.memory_limit * 3 / 4
