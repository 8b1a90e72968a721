# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators at work on a run from another terminal, or another host: pause, resume, stop, tune."""

import contextlib
import os
import signal

import pytest

from harness import after, cli
from harness.brake import Brake
from harness.need import need
from harness.process import wait_until
from harness.slow import ROWS, Slow

FILL = "pulp-manifests-fill"
pytestmark = pytest.mark.slow


ELSEWHERE = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh")


@pytest.fixture
def slow(site, pg_db, plmaint):
    return Slow(site, pg_db, plmaint)


def events(db):
    return db.query("SELECT verb, knob, old, new FROM plmaint.event ORDER BY id")


def test_pause_and_resume(slow, plmaint):
    paused = plmaint.run("pre-migrate", "pause", code=0).one("control")
    assert paused["programs"] == 1 and paused["waiting"] == 0
    slow.holds()
    assert "paused by" in slow.running.wait_for("wait")["reason"]
    assert plmaint.run("pre-migrate", "status", code=0).one("program")["state"] == "held"
    resumed = plmaint.run("pre-migrate", "resume", code=0).one("control")
    assert resumed["waiting"] == 0
    slow.works()
    ran = slow.finish()
    assert after.pending(slow.site) == 0
    assert ran.of("progress", label=FILL)[-1]["held"] > 0
    assert not any(e["stalled"] for e in ran.of("progress")), "from the first word on"
    assert [e[0] for e in events(slow.db)] == ["pause", "resume"]


def test_every_host_is_told_the_same(slow, plmaint):
    need(root=True, programs=("unshare",))
    plmaint.run("pre-migrate", "pause", code=0)

    def told(wrap):
        events = plmaint.run("pre-migrate", "status", code=0, wrap=wrap).events
        return [{k: v for k, v in e.items() if k not in ("run", "time", "seconds")} for e in events]

    here = told(())
    assert {"program", "progress", "ledger.run", "wishes"} <= {e["event"] for e in here}
    assert told(ELSEWHERE) == here
    plmaint.run("pre-migrate", "resume", code=0)
    slow.finish()


def test_a_lost_notification_is_no_lost_wish(slow):
    """The wish stands in the ledger, and is looked for."""
    slow.site.sql("INSERT INTO plmaint.knob (name, value, actor) VALUES ('paused', 'yes', 'nobody')")
    slow.running.wait_for("wait")
    slow.holds()
    slow.site.sql("DELETE FROM plmaint.knob")
    slow.works()
    slow.finish()


def test_pause_pays_the_cache(slow, plmaint, redis_server):
    """The debt of what was changed is not left to the end of a pause that may be long, but the search
    for it, a transaction, does not begin with it either.
    """
    slow.running.terminate()
    assert slow.running.wait().code == 143
    plmaint.configure({"redis.url": redis_server.url("unix")})
    repo = slow.site.sql("SELECT name FROM core_repository")[0][0]
    path = slow.site.sql("SELECT base_path FROM core_distribution")
    if not path:
        slow.site.distribution(repo, slow.site.sql("SELECT pulp_id FROM core_repository")[0][0])
        path = slow.site.sql("SELECT base_path FROM core_distribution")
    slow.running = plmaint.start("pre-migrate", "run")
    slow.works()
    client = redis_server.client()
    client.hset(path[0][0], "/v2/:GET", "{}")
    # A search that finds this table held does not end.
    holder = slow.db.connect()
    with contextlib.closing(holder), holder.cursor() as cur:
        cur.execute("BEGIN; LOCK TABLE plmaint.debt IN ACCESS EXCLUSIVE MODE")
        plmaint.run("pre-migrate", "pause", code=0)
        slow.holds()
        assert client.exists(path[0][0])
        # It has begun when the pause has lasted, and does not hold up a resume.
        searches = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'plmaint.debt'::regclass"
        wait_until(lambda: slow.db.value(searches), 60, "the pause lasts")
        assert plmaint.run("pre-migrate", "resume", code=0).one("control")["waiting"] == 0
        slow.works()
        plmaint.run("pre-migrate", "pause", code=0)
        cur.execute("ROLLBACK")
    wait_until(lambda: not client.exists(path[0][0]), 60, "the pause lasts, and the cache is paid")
    plmaint.run("pre-migrate", "resume", code=0)
    assert "until later" not in slow.finish().err


def test_killed_while_paused_and_resumed_from_another_host(slow, plmaint):
    need(root=True, programs=("unshare",))
    plmaint.run("pre-migrate", "pause", code=0)
    assert slow.running.kill9().code == 137
    waits = plmaint.start("pre-migrate", "run")
    assert "paused by" in waits.wait_for("wait")["reason"], "a pause outlives the program"
    plmaint.run("pre-migrate", "resume", code=0, wrap=ELSEWHERE)
    slow.brake.let_go()
    ran = waits.wait()
    assert ran.code == 0 and ran.of("join"), str(ran)
    assert after.pending(slow.site) == 0 and after.with_nothing(slow.site) == set()
    assert slow.db.query("SELECT actor FROM plmaint.event WHERE verb = 'resume'")[0][0].endswith(
        "@elsewhere"
    )


def test_a_restarted_server_is_found_again_during_a_pause(cluster, slow, plmaint, pg_db):
    plmaint.run("pre-migrate", "pause", code=0)
    slow.site.conn.close()
    cluster.restart()
    slow.site.conn = pg_db.connect(autocommit=False)
    wait_until(lambda: slow.sessions("control"), 30, "it is connected again")
    plmaint.run("pre-migrate", "resume", code=0)
    slow.works()
    slow.finish()


def test_two_programs_pause_together(slow, plmaint):
    second = plmaint.start("pre-migrate", "run")
    second.wait_for("join")
    wait_until(lambda: len(slow.sessions("w%")) > 2, 30, "both work")
    assert plmaint.run("pre-migrate", "pause", code=0).one("control")["programs"] == 2
    assert not slow.sessions("w%") and len(slow.sessions("control")) == 2
    plmaint.run("pre-migrate", "resume", code=0)
    slow.finish()
    assert second.wait().code == 0 and after.pending(slow.site) == 0


def test_stop_ends_all_programs_with_their_state_saved(slow, plmaint):
    second = plmaint.start("pre-migrate", "run")
    second.wait_for("join")
    asked = plmaint.run("pre-migrate", "stop", code=0).one("control")
    assert asked["programs"] == 2 and asked["waiting"] == 0
    assert slow.running.wait().code == 143 and second.wait().code == 143
    assert 0 < after.pending(slow.site) < ROWS
    assert slow.again().of("join"), "a stop is meant for who was at work, not for who comes later"


def test_stop_ends_a_pause_too(slow, plmaint):
    plmaint.run("pre-migrate", "pause", code=0)
    plmaint.run("pre-migrate", "stop", code=0)
    assert slow.running.wait().code == 143
    plmaint.run("pre-migrate", "resume", code=0)
    slow.again()


def test_stop_now_rolls_the_batch_back(site, pg_db, plmaint):
    """A batch of minutes does not hold up an operator who is in a hurry."""
    site.bulk_images(ROWS, repos=1, own_config=False)
    brake = Brake(pg_db, seconds=1)
    running = plmaint.start("pre-migrate", "run")
    busy = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_until(lambda: pg_db.value(busy), 60, "a batch is at work")
    plmaint.run("pre-migrate", "stop", "--now", code=0)
    assert running.wait(30).code == 143
    assert after.pending(site) == ROWS, "what was begun is rolled back"
    brake.let_go()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0


def test_pause_does_not_wait_for_a_batch_of_minutes(site, pg_db, plmaint):
    """It is cancelled, which is no failure of its rows, and done again after the pause."""
    site.bulk_images(ROWS, repos=1, own_config=False)
    brake = Brake(pg_db, seconds=0.5)
    running = plmaint.start("pre-migrate", "run")
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    wait_until(lambda: pg_db.value(asleep), 60, "a batch is at work")
    paused = plmaint.run("pre-migrate", "pause", code=0).one("control")
    assert paused["waiting"] == 0 and running.proc.poll() is None
    assert not pg_db.value(asleep) and after.pending(site) == ROWS
    brake.let_go()
    plmaint.run("pre-migrate", "resume", code=0)
    ran = running.wait()
    assert ran.code == 0 and not ran.of("row"), str(ran)
    assert after.pending(site) == 0 and after.with_nothing(site) == set()
    assert ran.one("step.end", label=FILL)["result"] == "ok"


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


def test_pauses_do_not_use_up_the_rows_of_a_limited_run(site, pg_db, plmaint):
    """What was taken and cancelled is taken again."""
    site.bulk_images(ROWS, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": 20})
    brake = Brake(pg_db, seconds=0.02)
    running = plmaint.start("pre-migrate", "run", "--keep-links", "--max-rows", "200")
    for _ in range(3):
        left = after.pending(site)
        wait_until(lambda left=left: after.pending(site) < left, 60, "it works")
        plmaint.run("pre-migrate", "pause", code=0)
        plmaint.run("pre-migrate", "resume", code=0)
    brake.let_go()
    assert running.wait().code == 75
    assert after.pending(site) == ROWS - 200


def test_tune_reaches_the_run(slow, plmaint):
    assert slow.running.wait_for("progress")["duty"] == 1
    knob = plmaint.run("pre-migrate", "tune", "duty=0.5", "ttl=1h", code=0).one("knob")
    assert (knob["name"], knob["value"]) == ("duty", "0.5") and knob["until"] > knob["source"][-20:-19]
    slow.running.wait_for("progress", duty=0.5)
    assert "tuned by" in plmaint.run("pre-migrate", "tune", code=0).one("knob", name="duty")["source"]
    plmaint.run("pre-migrate", "tune", "duty=", "batch_rows=3", code=0)
    slow.running.wait_for("progress", when=lambda e: e["duty"] == 1 and e["held"] == 0, seconds=30)
    assert events(slow.db) == [
        ("tune", "duty", "", "0.5"),
        ("tune", "duty", "0.5", ""),
        ("tune", "batch_rows", "", "3"),
    ]
    slow.finish()


def test_operators_who_come_at_once_are_told_apart(slow, plmaint):
    """Each change is an event that knows the one before it, and the last one holds."""
    wanted = {"0.5", "0.6", "0.7", "0.8"}
    for running in [plmaint.start("pre-migrate", "tune", f"duty={value}") for value in wanted]:
        assert running.wait().code == 0
    changes = [(old, new) for _, _, old, new in events(slow.db)]
    assert {new for _, new in changes} == wanted
    assert [old for old, _ in changes] == ["", *(new for _, new in changes[:-1])]
    assert slow.db.value("SELECT value FROM plmaint.knob WHERE name = 'duty'") == changes[-1][1]
    slow.finish()


def test_a_knob_goes_back_by_itself(slow, plmaint):
    plmaint.run("pre-migrate", "tune", "duty=0.5", "ttl=1500ms", code=0)
    slow.running.wait_for("progress", duty=0.5)
    seen = len(slow.running.events)
    wait_until(
        lambda: any(
            e["event"] == "progress" and e["duty"] == 1 for e in slow.running.events[seen:]
        ),
        30,
        "as configured again",
    )
    slow.finish()


def test_what_the_ledger_says_is_range_checked(slow, plmaint):
    """Pulp's role can write it, so it is data."""
    slow.site.sql(
        "INSERT INTO plmaint.knob (name, value, actor) VALUES ('duty', '7', E'x\\x1b[2J'), ('rm -rf', '1', 'x'),"
        " ('batch_rows', '1e9', 'x')"
    )
    slow.site.sql("NOTIFY plmaint, 'anything'")
    wait_until(lambda: "ignored" in slow.running.stderr(), 30, "it says so")
    assert all(e["duty"] == 1 for e in slow.running.events if e["event"] == "progress")
    told = plmaint.run("pre-migrate", "tune", code=0, json=False)
    assert "outside" in told.out or "not a number" in told.out
    assert "\x1b" not in told.out
    slow.finish()


def test_tune_lists_without_a_ledger(plmaint):
    knobs = plmaint.run("pre-migrate", "tune", code=0).of("knob")
    assert [k["name"] for k in knobs] == [
        *("duty", "batch_rows", "detach_rows", "profile", "calm", "max_lag", "query_every", "max_wal", "critical")
    ]
    assert all(k["meaning"] and k["source"] for k in knobs)
    table = (cli.ROOT / "README.md").read_text().partition("| knob |")[2].partition("\n\n")[0]
    assert all(f"`{k['name']}`" in table for k in knobs)
    refused = plmaint.run("pre-migrate", "tune", "duty=0.5", code=1)
    assert "ledger" in refused.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("dutty=0.5",), "Did you mean duty?"),
        (("duty=2",), "from 0.01 to 1"),
        (("duty=fast",), "from 0.01 to 1"),
        (("batch_rows=1.5",), "whole number from 1 to 100000"),
        (("duty=0.5", "ttl=soon"), "not a duration"),
        (("duty=0.5", "ttl=0"), "366 days at most"),
        (("duty=0.5", "ttl=99999999999999999999w"), "366 days at most"),
        (("ttl=1h",), "none is set"),
        (("duty=0.5", "duty=0.6"), "twice"),
    ],
)
def test_wrong_words_to_tune(plmaint, words, text):
    assert text in plmaint.run("pre-migrate", "tune", *words, code=2).err


@pytest.mark.parametrize("verb", ["pause", "stop"])
def test_there_is_no_run(site, plmaint, verb):
    assert f"no run to {verb}" in plmaint.run("pre-migrate", verb, code=1).err
    site.image()
    plmaint.run("pre-migrate", "run", code=0)
    refused = plmaint.run("pre-migrate", verb, code=1)
    assert f"no run to {verb}" in refused.err and "pre-migrate status" in refused.err


def test_nothing_to_resume(site, plmaint):
    site.image()
    plmaint.run("pre-migrate", "run", code=0)
    assert "nothing is paused" in plmaint.run("pre-migrate", "resume", code=0, json=False).out


def test_signals_pause_this_program(slow):
    slow.running.signal(signal.SIGUSR1)
    assert "SIGUSR1" in slow.running.wait_for("wait")["reason"]
    slow.holds()
    slow.running.signal(signal.SIGUSR2)
    slow.works()
    slow.finish()
    told = slow.db.query("SELECT verb, actor FROM plmaint.event ORDER BY id")
    assert [(verb, actor.split("@")[0]) for verb, actor in told] == [
        ("pause", "SIGUSR1"),
        ("resume", "SIGUSR1"),
    ]


def test_flag_file_is_a_brake(site, pg_db, plmaint, tmp_path):
    """For a machine without access to the database."""
    flag = tmp_path / "brake"
    plmaint.configure({"pre-migrate.brake_file": flag})
    slow = Slow(site, pg_db, plmaint)
    flag.touch()
    assert str(flag) in slow.running.wait_for("wait")["reason"]
    slow.holds()
    flag.unlink()
    slow.works()
    slow.finish()


def test_a_run_without_a_ledger_of_its_own_is_held_by_signals(site, pg_db, plmaint):
    pg_db.query("REVOKE CREATE ON DATABASE " + pg_db.name + " FROM PUBLIC, pulp", user="postgres")
    owner = pg_db.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()")
    if owner == "pulp":
        pg_db.query(f"ALTER DATABASE {pg_db.name} OWNER TO postgres", user="postgres")
    slow = Slow(site, pg_db, plmaint)
    slow.running.signal(signal.SIGUSR1)
    slow.running.wait_for("wait")
    left = after.pending(site)
    for _ in range(20):
        assert not any(busy for _, busy in slow.sessions())
    assert after.pending(site) == left
    assert "SIGUSR1" in plmaint.run("pre-migrate", "pause", code=1).err
    slow.running.signal(signal.SIGUSR2)
    slow.works()
    slow.finish()


def test_history_has_who_changed_what(slow, plmaint):
    plmaint.run("pre-migrate", "tune", "duty=0.5", code=0)
    plmaint.run("pre-migrate", "stop", code=0)
    slow.running.wait()
    told = plmaint.run("history", code=0)
    changes = told.of("history.change")
    assert [(c["verb"], c.get("knob"), c.get("new")) for c in changes] == [
        ("tune", "duty", "0.5"),
        ("stop", None, None),
    ]
    assert all("@" in c["actor"] and c["at"].endswith("Z") for c in changes)


def test_a_ledger_of_the_older_format_is_brought_up(site, pg_db, plmaint):
    """In place, with the runs that it remembers and its owner."""
    site.bulk_images(40, repos=1)
    plmaint.run("pre-migrate", "run", "--max-rows", "20", code=75)
    pg_db.query("DROP TABLE plmaint.knob, plmaint.event, plmaint.program, plmaint.calibration")
    pg_db.query("ALTER TABLE plmaint.range DROP COLUMN size")
    pg_db.query("UPDATE plmaint.meta SET format = 1")
    assert plmaint.run("pre-migrate", "status", code=0).of("ledger.run")
    assert plmaint.run("pre-migrate", "tune", code=0).of("knob")
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.of("join"), "the open run is gone on with"
    assert pg_db.value("SELECT format FROM plmaint.meta") == 4
    owners = pg_db.query(
        "SELECT DISTINCT relowner FROM pg_class WHERE relnamespace = 'plmaint'::regnamespace"
    )
    assert len(owners) == 1
    assert not pg_db.query(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'plmaint'::regnamespace AND relkind = 'r'"
        " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"
    ), "every table has a primary key"


def test_a_ledger_of_a_newer_format_is_refused(site, pg_db, plmaint):
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    pg_db.query("UPDATE plmaint.meta SET format = 99")
    image = site.image("oci", site.repository())
    before = after.ledger(pg_db)
    end = plmaint.run("pre-migrate", "run", code=1).one("step.end", result="failed")
    assert "made by a newer plmaint (format 99)" in end["message"]
    assert "pre-migrate reset" in end["hint"]
    assert after.ledger(pg_db) == before
    assert after.columns(site, image)["data"] is None and after.links(site, image) == 1


def test_verdicts_of_other_rules_are_void(site, pg_db, plmaint):
    site.fill(site.image("oci", site.repository(), labels={}), detach=True)
    verdict = "SELECT run FROM plmaint.verdict WHERE effect = 'examined'"

    def refill():
        ran = plmaint.run("pre-migrate", "run", "--refill", code=0)
        result = ran.one("step.end", label="pulp-manifests-fill")["result"]
        return result, pg_db.value(verdict)

    done, first = refill()
    assert done == "ok" and refill() == ("not-needed", first)
    pg_db.query("UPDATE plmaint.meta SET classifier = 0")
    done, second = refill()
    assert done == "ok" and second > first
    assert refill() == ("not-needed", second)


def test_wait_lasts_through_a_pause(slow, plmaint):
    waits = plmaint.start("pre-migrate", "wait")
    plmaint.run("pre-migrate", "pause", code=0)
    wait_until(lambda: not slow.sessions("w%"), 30, "it holds")
    os.kill(waits.pid, 0)
    plmaint.run("pre-migrate", "resume", code=0)
    slow.finish()
    assert waits.wait().code == 0
