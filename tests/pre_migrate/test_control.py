# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators at work on a run from another terminal, or another host: pause, resume, stop."""

import contextlib
import os
import signal

import pytest

from harness import after
from harness.brake import Brake
from harness.need import need
from harness.process import wait_until
from harness.slow import ROWS, Slow

pytestmark = pytest.mark.slow

FILL = "pulp-manifests-fill"
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


def test_wait_lasts_through_a_pause(slow, plmaint):
    waits = plmaint.start("pre-migrate", "wait")
    plmaint.run("pre-migrate", "pause", code=0)
    wait_until(lambda: not slow.sessions("w%"), 30, "it holds")
    os.kill(waits.pid, 0)
    plmaint.run("pre-migrate", "resume", code=0)
    slow.finish()
    assert waits.wait().code == 0
