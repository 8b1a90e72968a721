# SPDX-License-Identifier: GPL-3.0-or-later
"""`restore run` and `restore revert` on a host whose Pulp systemd runs: its services stop before the
databases change names and start afterwards, also where the names could not change, and whenever it is
killed meanwhile. systemd, PostgreSQL and Redis are real.
"""

import contextlib

import psycopg2
import pytest

from harness import fernet, pulpdata, schema
from harness.need import need
from harness.process import wait_until
from harness.units import ALL, OUTER, PULP, Inside, machine_of_a_host

pytestmark = pytest.mark.slow
LEVEL = "0050"
NAME = f"pulp_{LEVEL}"
RESTS = "pulpcore-worker@2.service"  # what the operator has stopped stays so
RAN = set(ALL) - {RESTS}
COUNT = "SELECT count(*) FROM container_manifest"
WAITS = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'BEGIN;%ALTER DATABASE%'"
# Each unit tells which names of databases it saw when it had stopped, and when it was to start.
LOOK = f"""#!/bin/sh
names=$(psql -qAtX -h {OUTER}/s -U {schema.OWNER} -d postgres -c "SELECT string_agg(datname, ' ' ORDER BY datname)
 FROM pg_database WHERE datname LIKE '{NAME}%'")
echo "$1 $2 $names" >>{OUTER}/seen
"""


@pytest.fixture(scope="module")
def host():
    need(programs=("psql",))
    with machine_of_a_host("plrestore") as made:
        yield made


@pytest.fixture
def tool(host, tmp_path):
    """All services up but one, each of Pulp's telling what it sees."""
    host.use(LEVEL)
    host.systemctl("stop", RESTS)
    look = host.outer / "look"
    look.write_text(LOOK)
    look.chmod(0o755)
    media = host.outer / "media"
    media.mkdir(exist_ok=True)
    key = host.outer / "key"
    key.write_text(fernet.new_key() + "\n")
    made = Inside(
        host,
        tmp_path.name,
        {
            "services.timeout": "60s",
            "pulp.media_root": media,
            "pulp.encryption_key": key,
            "restore.conninfo": f"host={OUTER}/s port=5432 dbname=postgres user=postgres",
        },
    )
    tells = f"ExecStartPre={OUTER}/look %n start\nExecStopPost={OUTER}/look %n stop"
    with contextlib.ExitStack() as stack:
        for unit in PULP:
            stack.enter_context(host.drop_in(unit, tells))
        yield made
    made.close()


def seen(host):
    """What the units have told since they were last asked."""
    path = host.outer / "seen"
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return sorted(lines)


def told(stopped, started):
    return sorted(f"{u} {word} {names}" for u in set(PULP) & RAN for word, names in (("stop", stopped), ("start", started)))


def back_up(host, tool):
    """A backup of some images, which are not in the database any more. Its id, and how many there were."""
    conn = psycopg2.connect(host=str(host.outer / "s"), port=5432, dbname=NAME, user=schema.OWNER)
    with contextlib.closing(conn):
        site = pulpdata.Site(conn, host.outer / "media", LEVEL, seed=tool.directory.name)
        site.count = 1000 * site.sql("SELECT count(*) FROM core_repository")[0][0]  # other names than those before
        site.bulk_images(3)
        conn.commit()
        made = tool.run("backup", "online", OUTER / "backups", "--features", "pulp", code=0).one("backup", state="whole")
        ((n,),) = site.sql(COUNT)
        site.sql("DELETE FROM container_tag; DELETE FROM container_blobmanifest; DELETE FROM container_manifest")
        conn.commit()
    return made["id"], n


def results(done):
    return {e["label"]: e["result"] for e in done.of("step.end") if e["result"] != "skipped"}


def open_as_before(host, tool):
    return host.active() == RAN and tool.remembered() == set() and not (tool.state_dir / "restore").exists()


MOMENTS = {"stop": "services-stop", "swap": "restore-swap", "no swap": "restore-swap", "start": "services-start"}


@contextlib.contextmanager
def names_held(host):
    """They cannot change. What is given: as Host.held() does."""
    with contextlib.closing(psycopg2.connect(host=str(host.outer / "s"), port=5432, dbname="postgres", user="postgres")) as conn:
        conn.cursor().execute(f"COMMENT ON DATABASE {NAME} IS 'held'")
        waits = lambda: host.query("postgres", f"SELECT 1 {WAITS}", user="postgres")  # noqa: E731
        yield lambda: wait_until(waits, 60, "names are to change"), conn.rollback


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_and_run_again(host, tool, moment):
    """In the midst of a stop, of the change of names, which the server makes all the same when it can
    or which comes to nothing, and of a start.
    """
    backup, n = back_up(host, tool)
    words = ("restore", "run", OUTER / "backups", "--as-of", backup)
    with names_held(host) if "swap" in moment else host.held("pulpcore-api.service", moment) as (arrives, let_go):
        running = tool.start(*words)
        running.wait_for("step.start", seconds=60, label=MOMENTS[moment])
        arrives()
        tool.killed(running)
        assert host.active() < RAN and tool.remembered() | {RESTS} >= set(PULP)
        if moment == "no swap":
            host.query("postgres", f"SELECT pg_terminate_backend(pid) {WAITS}", user="postgres")
        let_go()
        tool.run(*words, code=0)
    assert open_as_before(host, tool) and host.query(NAME, COUNT) == [(n,)]
    of_it = f"SELECT datname FROM pg_database WHERE datname LIKE '%{backup}'"
    before = f"{NAME}_before_{backup}"
    assert host.query("postgres", of_it) == [(before,)] and host.query(before, COUNT) == [(0,)]
    tool.run("restore", "finish", "--yes-destroy", before, code=0)


def test_there_and_back(host, tool):
    backup, n = back_up(host, tool)
    before, restored = f"{NAME} {NAME}_before_{backup}", f"{NAME} {NAME}_restore_{backup}"
    seen(host)
    done = tool.run("restore", "run", OUTER / "backups", "--as-of", backup, code=0)
    assert results(done)["services-stop"] == results(done)["services-start"] == "ok"
    assert seen(host) == told(stopped=restored, started=before)
    assert open_as_before(host, tool) and host.query(NAME, COUNT) == [(n,)]
    done = tool.run("restore", "revert", code=0)
    assert results(done)["services-stop"] == results(done)["services-start"] == "ok"
    assert seen(host) == told(stopped=before, started=restored)
    assert open_as_before(host, tool) and host.query(NAME, COUNT) == [(0,)]
    # Whoever has a session keeps the name from changing: the site comes back as it was.
    with contextlib.closing(psycopg2.connect(host=str(host.outer / "s"), port=5432, dbname=NAME, user=schema.OWNER)):
        refused = tool.run("restore", "run", OUTER / "backups", "--as-of", backup, code=75)
    assert f"the database {NAME} is in use by" in refused.one("step.end", label="restore-swap")["message"]
    assert seen(host) == told(stopped=restored, started=restored)
    assert open_as_before(host, tool) and host.query(NAME, COUNT) == [(0,)]
