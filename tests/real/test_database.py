"""Immich's database with the rendered arguments, config and probes, on Debian's PostgreSQL.

Debian 12 has version 15 where the image has 14, and neither VectorChord nor pgvecto.rs. What else differs from the
cluster: docs/real-parts.md.
"""

from __future__ import annotations

import random
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from render import Evaluation
from tests.real.container import FIXED_MOUNTS, laid_out, size, until
from tests.real.database import LACKING, Database, from_another_address

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
# Where it listens is for this machine to say: given on the command line, which wins over the file.
OVERRIDDEN = {"listen_addresses"}
# What it was called in the image's version -> what Debian's calls it.
SINCE_15 = {("wal_compression", "on"): "pglz"}
# Of Immich's two processes (API and jobs), each holds up to 10 connections.
IMMICH_CONNECTIONS = 20
# MiB of memory of one connection beside its work_mem, and of the processes that serve none: catalogs, plans, buffers.
CONNECTION, BACKGROUND = 8, 64


@pytest.fixture(scope="module")
def while_it_is_made() -> dict[str, bool]:
    """What the probes say while the image's entry point creates the database, by probe."""
    return {}


@pytest.fixture(scope="module")
def database(homelab: Evaluation, while_it_is_made: dict[str, bool]) -> Iterator[Database]:
    """A database that runs."""
    with laid_out(homelab, "immich-database") as container:
        made = Database(container)
        try:
            made.make()
            made.start_as_the_entry_point_does()
            while_it_is_made |= {probe: made.ready(probe) for probe in PROBES}
            made.create()
            made.stop()
            made.start()
            yield made
        finally:
            made.end()


def number(database: Database, setting: str) -> float:
    """A setting in its unit, MiB where it is a size."""
    [(value, unit)] = database.sql(f"SELECT setting, coalesce(unit, '') FROM pg_settings WHERE name = '{setting}'")
    return float(value) * {"": 1, "kB": 1 / 1024, "8kB": 8 / 1024, "MB": 1}[unit]


def test_only_the_vector_extensions_are_left_out_and_they_are_preloaded(database: Database) -> None:
    assert tuple(database.left_out) == LACKING
    assert "vectors" not in database.conf.read_text()
    assert "vchord" not in database.conf.read_text()


def test_every_line_of_the_config_is_accepted(database: Database) -> None:
    rows = database.sql("SELECT name, sourcefile, applied, error FROM pg_file_settings ORDER BY seqno")
    assert rows
    assert {source for _, source, _, _ in rows} == {str(database.conf)}
    refused = {name: error for name, _, applied, error in rows if applied == "f" or error}
    # What the server says of a setting that the command line decides.
    assert refused == dict.fromkeys(OVERRIDDEN, "setting could not be applied")


def test_every_setting_of_the_config_is_in_force(database: Database) -> None:
    lines = re.findall(r"(?m)^(\w+) = (.+)$", database.conf.read_text())
    written = {name: re.sub(r"^'(.*)'$", r"\1", value) for name, value in lines if name not in OVERRIDDEN}
    assert len(written) == len(database.sql("SELECT 1 FROM pg_file_settings")) - len(OVERRIDDEN)
    rows = database.sql(f"SELECT name, current_setting(name) FROM pg_settings WHERE sourcefile = '{database.conf}'")
    # Each line is written as the server itself would say it.
    assert {name.lower(): value for name, value in rows} == {
        name: SINCE_15.get((name, value), value) for name, value in written.items()
    }


def test_the_data_lies_in_the_claim_with_checksums(database: Database) -> None:
    claim = database.container.mounts["/var/lib/postgresql/data"]
    [(folder,)] = database.sql("SHOW data_directory")
    assert Path(folder) == claim / "pgdata"
    assert database.sql("SHOW data_checksums") == [("on",)]
    assert database.sql("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1") == [
        ("immich",),
        ("postgres",),
    ]


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_says_ready_when_it_is_up(database: Database, probe: str) -> None:
    assert database.ready(probe)


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_says_no_while_the_image_creates_the_database(
    database: Database, while_it_is_made: dict[str, bool], probe: str
) -> None:
    """The entry point's first server is on the socket alone, and about to be stopped: nobody else can reach it."""
    assert database.ready()
    assert not while_it_is_made[probe]


def test_another_pod_gets_in_with_the_password_alone(database: Database) -> None:
    with from_another_address(database.port) as port:
        where = {"PGHOST": "127.0.0.1", "PGPORT": str(port)}
        right, wrong, none = (
            database.client("SELECT host(inet_client_addr())", {**where, **password})
            for password in ({"PGPASSWORD": database.password}, {"PGPASSWORD": database.password[:-1]}, {})
        )
    assert (right.returncode, right.stdout) == (0, "127.0.0.2\n"), right.stderr
    assert "password authentication failed" in wrong.stderr
    assert "no password supplied" in none.stderr
    # As the server keeps it.
    assert database.sql("SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolcanlogin") == [("t",)]


def test_parallel_queries_share_memory_where_the_pod_has_it(database: Database) -> None:
    assert "/dev/shm" in FIXED_MOUNTS
    assert "/dev/shm" in database.container.mounts
    ours = [
        one.name for one in Path("/dev/shm").glob("PostgreSQL.*") if one.stat().st_uid == database.container.owner[2]
    ]
    assert ours
    explained = database.sql("""
        CREATE TABLE photos AS SELECT n AS id, md5(n::text) AS checksum FROM generate_series(1, 200000) AS n;
        ANALYZE photos;
        SET min_parallel_table_scan_size = 0;
        SET parallel_setup_cost = 0;
        SET parallel_tuple_cost = 0;
        EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM photos AS a JOIN photos AS b USING (checksum);
    """)
    plan = "\n".join(line for (line,) in explained)
    assert "Parallel Hash Join" in plan
    assert "Workers Launched: 2" in plan


def shared_memory(database: Database) -> float:
    """MiB that the pod's /dev/shm holds."""
    names = {mount["mountPath"]: mount["name"] for mount in database.container.spec["volumeMounts"]}
    [folder] = [one["emptyDir"] for one in database.container.pod["volumes"] if one["name"] == names["/dev/shm"]]
    assert folder["medium"] == "Memory"
    return size(folder["sizeLimit"]) / 1024**2


def test_whatever_shares_memory_fits_there(database: Database) -> None:
    """A parallel join has one hash table for all its workers; a parallel VACUUM one list of dead rows."""
    hash_table = number(database, "work_mem") * number(database, "hash_mem_multiplier")
    join = hash_table * (1 + number(database, "max_parallel_workers_per_gather"))
    vacuum = number(database, "maintenance_work_mem")
    # A little more for what they say to each other.
    assert max(join, vacuum) * 1.1 < shared_memory(database)


def test_memory_fits_the_limit_of_the_container(database: Database) -> None:
    """An estimate of the worst.

    All of Immich's connections sort at once while every autovacuum worker is full, an index is built, and /dev/shm,
    which counts as the container's, is full too.
    """
    maintenance = number(database, "maintenance_work_mem")
    autovacuum = number(database, "autovacuum_work_mem")
    needed = {
        "shared": number(database, "shared_memory_size"),
        "/dev/shm": shared_memory(database),
        "connections": IMMICH_CONNECTIONS * (number(database, "work_mem") + CONNECTION),
        "autovacuum": number(database, "autovacuum_max_workers") * (maintenance if autovacuum < 0 else autovacuum),
        "one index being built": maintenance,
        "the rest": BACKGROUND,
    }
    limit = database.container.memory_limit / 1024**2
    assert sum(needed.values()) < limit, f"MiB: {needed} of {limit}"


def test_acknowledged_rows_outlive_a_kill_and_probes_say_so(database: Database) -> None:
    """kill -9 of the postmaster in the middle of a stream of commits. The machine goes on: no power cut is tried."""
    database.sql("CREATE TABLE uploads (id int PRIMARY KEY)")
    server = database.server
    assert server
    acknowledged: list[int] = []
    enough = random.randint(200, 600)
    writer = subprocess.Popen(
        database.psql(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**database.surroundings, "PGUSER": database.user, "PGDATABASE": database.name},
    )

    def write() -> None:
        assert writer.stdin
        try:
            for row in range(1_000_000):
                writer.stdin.write(f"INSERT INTO uploads VALUES ({row}) RETURNING id;\n")
        except BrokenPipeError:
            pass

    def read() -> None:
        assert writer.stdout
        acknowledged.extend(int(line) for line in writer.stdout if line.strip())

    threads = [threading.Thread(target=one, daemon=True) for one in (write, read)]
    try:
        for thread in threads:
            thread.start()
        until(lambda: len(acknowledged) >= enough, "rows are acknowledged")
        server.kill()
        writer.wait(10)
        assert [database.ready(probe) for probe in PROBES] == [False, False, False]
    finally:
        writer.kill()
        for thread in threads:
            thread.join(10)

    database.start()
    assert "database system was not properly shut down; automatic recovery in progress" in database.log
    rows = [int(row) for (row,) in database.sql("SELECT id FROM uploads ORDER BY id")]
    assert rows[: len(acknowledged)] == acknowledged
    assert len(acknowledged) >= enough
    # One more may have been committed that nobody was told of.
    assert len(rows) <= len(acknowledged) + 1
    assert database.sql("SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database") == [("0",)]
    assert database.ready()
