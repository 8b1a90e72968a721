# SPDX-License-Identifier: GPL-3.0-or-later
"""What lasts long without a batch hears operators, too: counts, plans, samples, a dry run."""

import contextlib

import pytest

from harness import after
from harness.brake import Brake
from harness.process import wait_until
from harness.slow import ROWS

pytestmark = pytest.mark.slow

BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%' AND xact_start IS NOT NULL"
)
PAUSE = "INSERT INTO plmaint.knob (name, value, actor) VALUES ('paused', 'yes', 'nobody'); NOTIFY plmaint"
RESUME = "DELETE FROM plmaint.knob; NOTIFY plmaint"


def is_left_alone(db, work):
    """No transaction lasts (to look whether the pause is over takes a moment), and no work is seen."""
    wait_until(lambda: not db.value(BUSY), 30, "no transaction is open")
    for _ in range(10):
        assert not db.value(work)


def listens(db):
    """A session beside the one that is busy: who only looks has nothing to do with a pause from before."""
    return db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%:listener'"
        " AND query LIKE '%.knob%' AND state = 'idle'"
    )


def has_very_many(db):
    """Of their manifests an estimate may take its time to count them."""
    db.query("UPDATE pg_class SET reltuples = 1e9 WHERE relname = 'container_manifest'", user="postgres")


def test_what_lasts_is_cancelled_and_asked_again(site, pg_db, plmaint):
    """A count, a plan, a search for distributions may take minutes: none of them holds up an operator,
    and a pause costs them nothing but their time. A lock makes them last.
    """
    repo = site.repository()
    site.image("oci", repo), site.image("oci", repo)

    def is_held(words, table, session, end):
        """While `table` is locked `words` wait for it in `session`."""
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            f" AND application_name LIKE 'plmaint:%:{session}'"
        )
        with contextlib.closing(pg_db.connect()) as holder, holder.cursor() as cur:
            cur.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            running = plmaint.start("pre-migrate", *words)
            wait_until(lambda: pg_db.value(waits) and listens(pg_db), 30, f"{words}: waits for the lock")
            site.sql(PAUSE)
            is_left_alone(pg_db, waits)
            assert "paused by nobody" in running.wait_for("wait")["reason"]
            assert running.proc.poll() is None
            site.sql(RESUME)
            wait_until(lambda: pg_db.value(waits), 30, f"{words}: asked again")
            end(running)
            ran = running.wait(30)
            assert ran.code == 143, str(ran)
            assert not [e for e in ran.of("step.end") if e["result"] in ("failed", "unknown")], str(ran)
            wait_until(lambda: not pg_db.value(BUSY), 30, "it has left nothing behind")

    def stop(_):
        assert plmaint.run("pre-migrate", "stop", code=0).one("control")["programs"] == 1

    def terminate(running):
        running.terminate()

    plmaint.run("pre-migrate", "run", "--max-rows", "1", code=75)
    is_held(("run",), "container_manifest", "look", stop)  # a count
    is_held(("verify",), "container_manifest", "look", terminate)
    has_very_many(pg_db)
    is_held(("estimate",), "container_manifest", "estimate", terminate)
    plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    site.image("oci", repo)
    is_held(("run", "--keep-links"), "plmaint.range", "control", stop)  # a plan
    is_held(("detach",), "plmaint.debt", "control", stop)  # the search
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


def test_who_only_looks_or_counts_is_found_too(site, pg_db, plmaint):
    """No run is open then, and none has said that it is at work: they are seen to listen."""
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    site.image("oci", site.repository())
    has_very_many(pg_db)
    for words in (("run",), ("estimate",)):
        with contextlib.closing(pg_db.connect()) as holder, holder.cursor() as cur:
            cur.execute("BEGIN; LOCK TABLE container_manifest IN ACCESS EXCLUSIVE MODE")
            running = plmaint.start("pre-migrate", *words)
            wait_until(lambda: listens(pg_db), 30, f"{words}: it counts")
            told = plmaint.run("pre-migrate", "pause", code=0).one("control")
            assert (told["programs"], told["waiting"]) == (1, 0), (words, told)
            assert "paused by" in running.wait_for("wait")["reason"]
            assert plmaint.run("pre-migrate", "wait", code=0).one("done"), "there is no run to wait for"
            plmaint.run("pre-migrate", "resume", code=0)
            wait_until(lambda: listens(pg_db), 30, "it counts again")
            told = plmaint.run("pre-migrate", "stop", code=0).one("control")
            assert (told["programs"], told["waiting"]) == (1, 0), (words, told)
            assert running.wait(30).code == 143
    assert after.pending(site) == 1


def test_who_is_cut_off_while_it_is_told_is_waited_for(site, pg_db, plmaint):
    """Its session that listens ends with the very pause: it comes back and hears, and until then it is
    at work, not away."""
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    site.image("oci", site.repository())
    site.sql(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " PERFORM pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name LIKE 'plmaint:%:listener'; RETURN NEW; END $$;"
        " CREATE TRIGGER cut BEFORE INSERT ON plmaint.event FOR EACH ROW WHEN (NEW.verb = 'pause')"
        " EXECUTE FUNCTION cut()"
    )
    with contextlib.closing(pg_db.connect()) as holder, holder.cursor() as cur:
        cur.execute("BEGIN; LOCK TABLE container_manifest IN ACCESS EXCLUSIVE MODE")
        running = plmaint.start("pre-migrate", "run")
        wait_until(lambda: listens(pg_db), 30, "it counts")
        told = plmaint.run("pre-migrate", "pause", code=0).one("control")
        assert (told["programs"], told["waiting"]) == (1, 0)
        assert "paused by" in running.wait_for("wait")["reason"]
        assert plmaint.run("pre-migrate", "stop", code=0).one("control")["programs"] == 1
        assert running.wait(30).code == 143


def test_a_session_of_any_name_is_in_nobodys_way(site, pg_db, plmaint):
    """Whoever may connect gives a session its name, and one like a listener of ours is taken for one."""
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    with contextlib.closing(pg_db.connect()) as other, other.cursor() as cur:
        cur.execute("""SET application_name TO 'plmaint:{"\\:listener'""")
        told = plmaint.run("pre-migrate", "pause", code=0).one("control")
        assert (told["programs"], told["waiting"]) == (1, 0)
    plmaint.run("pre-migrate", "resume", code=0)


def test_a_dry_run_hears_what_all_hear(site, pg_db, plmaint):
    """What it writes is rolled back; what it costs others is felt all the same."""
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    site.bulk_images(ROWS, repos=1, own_config=False)
    before = after.ledger(pg_db)
    plmaint.configure({"pre-migrate.batch_rows": 10})
    brake = Brake(pg_db, seconds=0.02)
    running = plmaint.start("pre-migrate", "run", "--dry-run")
    running.wait_for("progress", when=lambda e: e["done"] > 0)
    assert plmaint.run("pre-migrate", "status", code=0).one("program")["state"] == "looks"
    told = plmaint.run("pre-migrate", "pause", code=0).one("control")
    assert (told["programs"], told["waiting"]) == (1, 0)
    assert "paused by" in running.wait_for("wait")["reason"]
    is_left_alone(pg_db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    done = [e["done"] for e in running.events if e["event"] == "progress"][-1]
    plmaint.run("pre-migrate", "resume", code=0)
    running.wait_for("progress", when=lambda e: e["done"] > done)
    plmaint.run("pre-migrate", "tune", "duty=0.5", code=0)
    running.wait_for("progress", duty=0.5)
    plmaint.run("pre-migrate", "stop", code=0)
    assert running.wait(30).code == 143
    brake.let_go()
    assert after.pending(site) == ROWS
    plmaint.run("pre-migrate", "tune", "duty=", code=0)
    assert after.ledger(pg_db) == before and pg_db.value("SELECT count(*) FROM plmaint.program") == 1


def test_a_sample_of_verify_is_drawn_again_after_a_pause(site, pg_db, plmaint):
    """It has prepared its statements by then, on a session that stays."""
    repo = site.repository()
    site.image("oci", repo), site.image("oci", repo)
    plmaint.run("pre-migrate", "run", code=0)
    # Rows of the sample's window are seen slowly, and others at once.
    pg_db.query(
        "ALTER TABLE container_manifest ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        " CREATE POLICY slowly ON container_manifest USING"
        " (current_query() NOT LIKE '%octet_length(m.data)%' OR pg_sleep(1) IS NOT NULL)",
        user="postgres",
    )
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    running = plmaint.start("pre-migrate", "verify")
    wait_until(lambda: pg_db.value(asleep) and listens(pg_db), 60, "the window is read")
    site.sql(PAUSE)
    is_left_alone(pg_db, asleep)
    running.wait_for("wait")
    pg_db.query("DROP POLICY slowly ON container_manifest; ALTER TABLE container_manifest DISABLE ROW LEVEL SECURITY",
                user="postgres")
    site.sql(RESUME)
    assert running.wait(60).one("step.end", label="pulp-manifests-sample")["result"] == "ok"


def test_pause_cancels_the_sample_of_an_estimate(site, pg_db, plmaint):
    """What it writes is rolled back in any case; after the pause it begins anew."""
    site.bulk_images(40, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", "--max-rows", "1", code=75)
    brake = Brake(pg_db, seconds=1)
    running = plmaint.start("pre-migrate", "estimate")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_until(lambda: pg_db.value(asleep) and listens(pg_db), 60, "rows are written")
    site.sql(PAUSE)
    is_left_alone(pg_db, asleep)
    running.wait_for("wait")
    brake.let_go()
    site.sql(RESUME)
    ran = running.wait()
    assert ran.code in (0, 78) and ran.one("estimate")["rows"] > 0, str(ran)
