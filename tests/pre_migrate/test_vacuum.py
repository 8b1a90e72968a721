# SPDX-License-Identifier: GPL-3.0-or-later
"""The vacuum after a migration: what it does, what it leaves to autovacuum, and that nobody waits
for it.
"""

import contextlib

import pytest

from harness.process import wait_until

LABEL = "pulp-manifests-vacuum"
TABLES = ["container_manifest", "core_contentartifact", "core_artifact"]
ROWS = 300
OURS = "current_setting('application_name') LIKE 'plmaint%'"
RESTS = (
    "current_setting('vacuum_cost_delay') = '2ms' AND current_setting('vacuum_cost_limit') = '200'"
    " AND current_setting('max_parallel_maintenance_workers') = '0'"
)
# ANALYZE computes the expression of an index for each row, and so takes as long as we want.
SLOW = f"""
CREATE FUNCTION slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(1) WHERE {OURS};
    RETURN $1;
END $$;
CREATE INDEX slow ON container_manifest (slow(digest));
"""


def seen(db, what):
    """The tables of which the server's statistics say so."""
    return [
        name
        for name in TABLES
        if db.value(f"SELECT {what} FROM pg_stat_user_tables WHERE relid = '{name}'::regclass")
    ]


@pytest.fixture
def due(site, pg_db, plmaint):
    """A site that is migrated and not yet vacuumed; every table has dead rows."""
    site.bulk_images(ROWS, repos=1, own_config=False)
    for table in TABLES:
        site.sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    plmaint.run("pre-migrate", "run", "--whitelist", LABEL, code=0)
    wait_until(lambda: seen(pg_db, "n_dead_tup > 100") == TABLES, 30, "the statistics know")
    return site


def paces(db):
    """Of the vacuums whose time is kept."""
    kept = db.query("SELECT stratum FROM plmaint.calibration WHERE job = %s ORDER BY at", (LABEL,))
    return [pace for (pace,) in kept]


def test_all_that_was_rewritten_is_vacuumed_and_analysed(due, pg_db, plmaint):
    ran = plmaint.run("procedure", "run", LABEL, code=0)
    assert ran.one("step.end")["message"] == f"{', '.join(TABLES)} vacuumed and analysed"
    assert seen(pg_db, "last_vacuum IS NOT NULL AND last_analyze IS NOT NULL") == TABLES
    assert seen(pg_db, "n_dead_tup = 0") == TABLES
    assert paces(pg_db) == [""], "nobody is online: at full speed"
    assert plmaint.run("procedure", "run", LABEL, code=0).one("step.end")["result"] == "not-needed"


def test_table_with_few_dead_rows_is_left_to_autovacuum(due, pg_db, plmaint):
    pg_db.query("VACUUM ANALYZE core_artifact")
    pg_db.query(
        "UPDATE core_artifact SET size = size WHERE pulp_id IN"
        " (SELECT pulp_id FROM core_artifact LIMIT 40)"
    )
    wait_until(lambda: seen(pg_db, "n_dead_tup BETWEEN 1 AND 40"), 30, "the statistics know")
    ran = plmaint.run("procedure", "run", LABEL, code=0)
    assert ran.one("step.end")["message"] == f"{', '.join(TABLES[:2])} vacuumed and analysed"


def test_table_that_somebody_holds_is_skipped_and_told(due, pg_db, plmaint):
    with contextlib.closing(pg_db.connect(autocommit=False)) as other, other.cursor() as cur:
        cur.execute("LOCK TABLE container_manifest, core_artifact IN SHARE UPDATE EXCLUSIVE MODE")
        end = plmaint.run("procedure", "run", LABEL, code=0).one("step.end")
    assert end["message"] == (
        "core_contentartifact vacuumed and analysed; skipped: container_manifest, core_artifact;"
        " autovacuum will do the rest"
    )
    assert all("lock not available" in e for e in end["examples"]) and len(end["examples"]) == 2
    assert seen(pg_db, "last_vacuum IS NOT NULL") == ["core_contentartifact"]


def analysing(db):
    return db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE 'VACUUM%' AND wait_event = 'PgSleep'"
    )


def test_it_gives_way_to_whom_it_keeps_waiting(due, pg_db, plmaint):
    pg_db.query(SLOW, user="postgres")
    running = plmaint.start("procedure", "run", LABEL)
    wait_until(lambda: analysing(pg_db), 60, "the vacuum works")
    with contextlib.closing(pg_db.connect(autocommit=False)) as other, other.cursor() as cur:
        cur.execute("SET lock_timeout TO '60s'")  # a fifth of what the vacuum would take
        cur.execute("LOCK TABLE container_manifest IN ACCESS EXCLUSIVE MODE")
        end = running.wait().one("step.end")
    assert "stopped early: somebody was waiting" in end["message"]
    assert not seen(pg_db, "last_analyze IS NOT NULL")


def test_a_pause_and_a_stop_cancel_it(due, pg_db, plmaint):
    """After the pause it begins again, with a table that is due no more but lacks its statistics.  While
    users could feel it, it has autovacuum's own pace, and nobody to help it, which makes it slow here.
    """
    pg_db.query(SLOW.replace(OURS, RESTS), user="postgres")
    due.heartbeat("worker", age=-3600)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: analysing(pg_db), 60, "the vacuum works")
    paused = plmaint.run("pre-migrate", "pause", code=0).one("control")
    assert (paused["programs"], paused["waiting"]) == (1, 0)
    assert not pg_db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%' AND xact_start IS NOT NULL"
    )
    plmaint.run("pre-migrate", "resume", code=0)
    wait_until(lambda: analysing(pg_db), 60, "it begins again")
    running.terminate()
    ran = running.wait(60)
    assert ran.one("wait", label=LABEL)
    assert "nothing vacuumed; stopped early: a stop was asked for" in ran.one("step.end", label=LABEL)["message"]
    assert not seen(pg_db, "last_analyze IS NOT NULL") and paces(pg_db) == []
    pg_db.query("UPDATE container_manifest SET digest = digest")
    wait_until(lambda: seen(pg_db, "n_dead_tup > 100") == TABLES, 30, "the statistics know")
    plmaint.configure({"pre-migrate.profile": "fast"})
    plmaint.run("procedure", "run", LABEL, code=0)
    assert paces(pg_db) == [""] and seen(pg_db, "last_analyze IS NOT NULL") == TABLES
