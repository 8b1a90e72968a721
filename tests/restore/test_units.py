# SPDX-License-Identifier: GPL-3.0-or-later
"""`restore run` and `restore revert` on a host whose Pulp systemd runs: its services stop before the
databases change names and start afterwards, also where the names could not change. systemd, PostgreSQL
and Redis are real.
"""

import contextlib

import psycopg2
import pytest

from harness import fernet, pulpdata, schema
from harness.need import need
from harness.units import ALL, OUTER, PULP, Inside, machine_of_a_host

pytestmark = pytest.mark.slow
LEVEL = "0050"
NAME = f"pulp_{LEVEL}"
RESTS = "pulpcore-worker@2.service"  # what the operator has stopped stays so
RAN = set(ALL) - {RESTS}
COUNT = "SELECT count(*) FROM container_manifest"
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
        site = pulpdata.Site(conn, host.outer / "media", LEVEL)
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
