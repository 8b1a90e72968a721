# SPDX-License-Identifier: GPL-3.0-or-later
"""The throttle on a real server: when it is on, what it sees, what it says, and that it lets go."""

import contextlib
import datetime
import re
import threading
import time

import psycopg2
import pytest

from harness import after
from harness.brake import Brake
from harness.process import wait_until
from harness.website import website

FILL = "pulp-manifests-fill"
KEEP = ("pre-migrate", "run", "--keep-links")
QUICK = {"throttle.calm": "1s"}  # it goes on soon when what has stopped it has passed


@pytest.fixture
def online(site, pg_db, plmaint):
    """A site with a worker online, and work that does not end before its brake is let go."""
    site.bulk_images(400, repos=1, own_config=False)
    site.heartbeat("worker", age=-3600)
    site.conn.commit()
    plmaint.configure({**QUICK, "pre-migrate.batch_rows": "2"})
    site.brake = Brake(pg_db)
    return site


def duties(ran):
    return [e["duty"] for e in ran.of("progress", label=FILL)]


def slowed(running, words, seconds=90):
    return running.wait_for(
        "progress", lambda e: words in (e["reason"] or ""), seconds=seconds, label=FILL
    )


def test_full_speed_where_nobody_is_online_or_the_duty_is_set(site, plmaint):
    site.bulk_images(60, repos=1, own_config=False)
    ran = plmaint.run(*KEEP, code=0)
    assert set(duties(ran)) == {1.0} and not ran.of("slowed")
    site.bulk_images(60, repos=1, own_config=False)
    site.heartbeat("worker")
    ran = plmaint.run(*KEEP, "--set", "pre-migrate.duty=1.0", code=0)
    assert set(duties(ran)) == {1.0} and not ran.of("slowed")


@contextlib.contextmanager
def vacuum_at_work(pg_db):
    """One that rests for 0.4 s after each page."""
    conn = pg_db.connect()
    conn.cursor().execute("SET vacuum_cost_delay TO 100; SET vacuum_cost_limit TO 1; SET vacuum_cost_page_hit TO 100")

    def work():
        with contextlib.suppress(psycopg2.Error):
            conn.cursor().execute("VACUUM container_manifest")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        conn.cancel()
        thread.join()
        conn.close()


def test_online_and_idle_it_is_at_full_speed_but_beside_a_vacuum(online, pg_db, plmaint):
    running = plmaint.start(*KEEP)
    running.wait_for("progress", lambda e: e["duty"] == 1.0 and e["reason"] is None, label=FILL)
    with vacuum_at_work(pg_db):
        assert slowed(running, "autovacuum works on the same table")["duty"] <= 0.5
    running.terminate()
    assert running.wait().code == 143
    online.brake.let_go()
    plmaint.run(*KEEP, code=0)
    assert after.pending(online) == 0


@pytest.mark.threads
def test_foreground_slows_it_down(online, pg_db, plmaint):
    stop, rounds = threading.Event(), [0]

    def work():
        conn = pg_db.connect()
        while not stop.is_set():
            conn.cursor().execute("SELECT count(*) FROM container_manifest")
            rounds[0] += 1
        conn.close()

    others = [threading.Thread(target=work) for _ in range(2)]
    for thread in others:
        thread.start()
    running = plmaint.start(*KEEP)
    try:
        slowed(running, "others are at work")
        running.wait_for(
            "progress", lambda e: "others are at work" in e.get("lost", ""), seconds=60, label=FILL
        )
        wait_until(lambda: rounds[0] > 50, 30, "the others are not held up")
    finally:
        stop.set()
        for thread in others:
            thread.join()
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)
    running.terminate()
    ran = running.wait()
    assert any("others are at work" in e["reason"] for e in ran.of("slowed")), ran


def test_site_that_comes_online_in_the_middle(site, pg_db, plmaint):
    site.bulk_images(400, repos=1, own_config=False)
    site.conn.commit()
    plmaint.configure({**QUICK, "pre-migrate.batch_rows": "2"})
    brake = Brake(pg_db)
    running = plmaint.start(*KEEP, "--set", "throttle.status_url=http://127.0.0.1:1/")
    told = running.wait_for("progress", lambda e: e["done"] > 2, label=FILL)
    assert told["duty"] == 1.0, "nobody to be slow for"
    site.heartbeat("worker", age=-3600)
    site.conn.commit()
    assert slowed(running, "Pulp's status has failed")["duty"] < 1
    site.sql("UPDATE core_worker SET last_heartbeat = now() - interval '1 day'")
    site.conn.commit()
    brake.let_go()
    ran = running.wait()
    assert ran.code == 0, ran


def test_checkpoints_of_a_pause_are_not_ours(online, pg_db, plmaint, tmp_path):
    """Whoever forces them while nobody of ours works, it is no reason to be slow afterwards."""
    trace = tmp_path / "trace"
    running = plmaint.start(*KEEP, "--set", f"throttle.trace={trace}")
    running.wait_for("progress", lambda e: e["done"] > 2, label=FILL)
    plmaint.run("pre-migrate", "pause", code=0)
    for _ in range(5):
        pg_db.query("CHECKPOINT", user="postgres")
    plmaint.run("pre-migrate", "resume", code=0)
    so_far = len(trace.read_text().splitlines())
    wait_until(lambda: len(trace.read_text().splitlines()) > so_far + 8, 60, "it has looked again")
    online.brake.let_go()
    assert running.wait().code == 0
    forced = re.findall(r" checkpoint=(\d+)", "".join(trace.read_text().splitlines(keepends=True)[so_far:]))
    assert forced and max(map(int, forced)) < 5


def test_profile_is_tuned_while_it_works(online, pg_db, plmaint):
    running = plmaint.start(*KEEP, "--throttle-cmd", "/bin/sleep 1000")
    slowed(running, "throttle.command does not end in time")
    assert plmaint.run("pre-migrate", "tune", "profile=finalize", code=0).one("knob")["value"] == "finalize"
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)
    assert "profile is finalize" in plmaint.run("pre-migrate", "status", json=False).out
    plmaint.run("pre-migrate", "tune", "profile=", code=0)
    last = len(running.events)
    wait_until(
        lambda: any("does not end" in (e.get("reason") or "") for e in running.events[last:]),
        30,
        "it is as configured again",
    )
    refused = plmaint.run("pre-migrate", "tune", "profile=furious", code=2)
    assert "none of gentle, default, fast, finalize" in str(refused)
    running.terminate()
    running.wait()


def test_query_that_says_stop_stops_it_and_lets_go(online, pg_db, plmaint):
    conn = pg_db.connect()
    conn.cursor().execute('CREATE TABLE stop AS SELECT true AS "on"')
    running = plmaint.start(*KEEP, "--set", "throttle.query=SELECT \"on\" FROM stop")
    told = slowed(running, "throttle.query says stop")
    assert told["duty"] == 0
    left = after.pending(online)
    online.conn.commit()
    conn.cursor().execute("SELECT pg_sleep(1)")
    assert after.pending(online) == left, "not a row while it says stop"
    seen = running.wait_for(
        "progress", lambda e: "throttle.query says stop" in e.get("lost", ""), seconds=60, label=FILL
    )
    assert seen["duty"] == 0
    wait_until(
        lambda: "(throttle.query says stop)" in plmaint.run("pre-migrate", "status", json=False).out,
        30,
        "another terminal sees what it has cost",
    )
    conn.cursor().execute('UPDATE stop SET "on" = false')
    online.brake.let_go()
    ran = running.wait()
    conn.close()
    assert ran.code == 0, ran
    assert after.pending(online) == 0
    assert ran.one("slowed", reason="throttle.query says stop")["seconds"] > 1.5


def test_command_that_hangs_is_not_waited_for(online, plmaint):
    running = plmaint.start(*KEEP, "--set", "throttle.command=/bin/sleep 1000")
    assert slowed(running, "throttle.command does not end in time")["duty"] <= 0.25
    running.terminate()
    assert running.wait().code == 143


def test_commands_status_decides(online, tmp_path, plmaint):
    go = tmp_path / "go"
    running = plmaint.start(*KEEP, "--set", f"throttle.command=/usr/bin/test -e {go}")
    assert slowed(running, "throttle.command says stop")["duty"] == 0
    go.touch()
    online.brake.let_go()
    ran = running.wait()
    assert ran.code == 0, ran


def test_access_log_tells_how_users_fare(online, tmp_path, plmaint):
    log = tmp_path / "access.log"
    running = plmaint.start(*KEEP, "--set", f"throttle.access_log={log}")
    assert slowed(running, "throttle.access_log cannot be read")["duty"] <= 0.25
    log.write_text("")
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)

    def refuse():
        with log.open("a") as out:
            out.write('"GET /v2/ HTTP/1.1" 502 0 0.001\n' * 20)
        return any("throttle.access_log fail" in (e.get("reason") or "") for e in running.events)

    wait_until(refuse, 30, "their requests fail")
    running.terminate()
    assert running.wait().code == 143


@contextlib.contextmanager
def status_of_pulp(pg_db):
    """Answers as Pulp does, with work in two new sessions; when it was asked."""
    asked = []

    def answer(path):
        with contextlib.closing(pg_db.connect()) as one, contextlib.closing(pg_db.connect()) as two:
            for conn in (one, two):
                conn.cursor().execute("BEGIN; SELECT 1")
            two.cursor().execute("SELECT pg_sleep(0.6)")
        asked.append(time.monotonic())
        return 200, b""

    with website(answer) as url:
        yield f"{url}/", asked


def test_what_pulp_does_for_our_own_requests_is_nobodys(online, pg_db, plmaint):
    pg_db.query("UPDATE brake.rate SET seconds = 0.5", user="postgres")
    with status_of_pulp(pg_db) as (url, asked):
        running = plmaint.start(*KEEP, "--set", f"throttle.status_url={url}")
        running.wait_for("progress", lambda e: e["duty"] == 1.0, seconds=20, label=FILL)
        seen, before = len(running.events), len(asked)
        wait_until(lambda: len(asked) >= before + 3, 30, "it is asked again and again")
        later = [e for e in running.events[seen:] if e["event"] == "progress"]
        assert later and all(e["duty"] == 1.0 for e in later)
        apart = [b - a for a, b in zip(asked[before:], asked[before + 1:])]
        assert min(apart) > 4, "an answer that takes so long is costly"
        running.terminate()
        running.wait()


@pytest.mark.threads
def test_redis_that_does_not_answer_is_no_good_news(online, redis_server, plmaint):
    plmaint.configure({"redis.url": redis_server.url()})
    running = plmaint.start(*KEEP)
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)
    redis_server.stop()
    assert slowed(running, "Redis does not answer")["duty"] <= 0.25
    redis_server.start()
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)
    running.terminate()
    running.wait()


def test_session_that_waits_for_a_lock_of_ours_stops_it(online, pg_db, plmaint):
    ours, other = pg_db.connect(), pg_db.connect()
    ours.cursor().execute("SET application_name = 'plmaint:test:w0'; CREATE TABLE held (n int)")
    ours.cursor().execute("BEGIN; LOCK TABLE held")
    waiter = threading.Thread(target=lambda: other.cursor().execute("BEGIN; LOCK TABLE held"))
    waiter.start()
    try:
        running = plmaint.start(*KEEP)
        slowed(running, "for a lock of ours")
        running.wait_for("progress", lambda e: e["duty"] == 0, label=FILL)
    finally:
        ours.close()
        waiter.join()
        other.close()
        online.brake.let_go()
    ran = running.wait()
    assert ran.code == 0, ran


def test_wal_has_a_budget_until_it_is_tuned_away(site, pg_db, plmaint):
    """With nobody online, too: it is for what lies behind a thin line."""
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": "2"})
    brake = Brake(pg_db)
    running = plmaint.start(*KEEP, "--set", "throttle.max_wal=0.005")
    assert slowed(running, "of throttle.max_wal")["duty"] < 0.5
    assert plmaint.run("pre-migrate", "tune", "max_wal=0", code=0).one("knob")["value"] == "0"
    seen = len(running.events)
    wait_until(
        lambda: any(e.get("duty") == 1.0 for e in running.events[seen:]), 30, "no budget holds it"
    )
    brake.let_go()
    ran = running.wait()
    assert ran.code == 0 and after.pending(site) == 0, ran


@pytest.mark.slow
def test_limits_that_stop_it_again_and_again_end_it_where_that_is_wanted(online, pg_db, tmp_path, plmaint):
    """As configured it asks once a minute, stands still after the first stop, and ends after four."""
    turns, trace = "SELECT extract(epoch FROM clock_timestamp())::int % 2", tmp_path / "trace"
    plmaint.configure(
        {
            "throttle.calm": "1h",
            "throttle.critical": "abort",
            "throttle.query": turns,
            "throttle.query_every": "60s",
            "throttle.trace": trace,
        }
    )
    running = plmaint.start(*KEEP)
    running.wait_for("progress", label=FILL)
    plmaint.run("pre-migrate", "tune", "calm=0s", "critical=hibernate", "query_every=1s", "max_lag=5s", code=0)
    told = running.wait_for("notice", lambda e: "again and again" in e["message"], seconds=90)
    assert "throttle.query says stop" in told["message"] and "critical=abort" in told["hint"]
    assert running.proc.poll() is None and " calm=0 max_lag=5 " in trace.read_text().splitlines()[-1]
    assert " calm=3600" in trace.read_text().splitlines()[0], "as configured, from the first look on"
    pg_db.query("CHECKPOINT", user="postgres")
    wait_until(lambda: re.search(" checkpoint=[1-9]", trace.read_text()), 30, "it is seen")
    plmaint.run("pre-migrate", "tune", "critical=", code=0)
    ran = running.wait()
    assert ran.code == 75
    hint = ran.one("step.end", label=FILL)["hint"]
    assert "limits have stopped it again and again: throttle.query says stop" in hint
    online.brake.let_go()
    plmaint.configure({"throttle.query": None})
    plmaint.run(*KEEP, code=0)
    assert after.pending(online) == 0


def test_batch_that_blocks_somebody_is_cancelled(online, pg_db, plmaint):
    """Each row takes a minute, and the other does not wait for even one."""
    pg_db.query("UPDATE brake.rate SET seconds = 60", user="postgres")
    running = plmaint.start(*KEEP)
    wait_until(
        lambda: pg_db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%:w%' AND wait_event = 'PgSleep'"
        ),
        30,
        "a batch is in its middle",
    )
    other = pg_db.connect()
    other.cursor().execute("SET lock_timeout TO '40s'")
    other.cursor().execute("SELECT FROM container_manifest FOR UPDATE")
    other.close()
    online.brake.let_go()
    ran = running.wait()
    assert ran.code == 0 and after.pending(online) == 0, ran
    assert any("for a lock of ours" in e["reason"] for e in ran.of("slowed")), ran


def test_trace_is_written_and_the_server_is_seen_in_every_phase(site, pg_db, tmp_path, plmaint):
    """The lists, which come second, have a session that was used before and has forgotten."""
    repo, trace = site.repository(), tmp_path / "trace"
    for _ in range(5):
        site.index([site.image(repo=repo)], repo)
    site.heartbeat("worker", age=-3600)
    site.conn.commit()
    Brake(pg_db, seconds=0.2)
    plmaint.run(*KEEP, "--set", f"throttle.trace={trace}", code=0)
    lines = trace.read_text().splitlines()
    assert len(lines) > 5 and all(" busy=" in line and " -> duty=" in line for line in lines)
    unseen = [line for line in lines if "connections=" not in line or "connections=?" in line]
    assert not unseen
    assert "lock_wait=0@" in lines[-1]


def test_plain_role_sees_enough(online, pg_db, plmaint):
    """Without any right beyond those of Pulp's role nothing is an error, and nothing unknown holds
    the work up where there is no standby.
    """
    running = plmaint.start(*KEEP)
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)
    running.terminate()
    ran = running.wait()
    assert ran.code == 143 and ran.err == "", ran


@pytest.mark.slow
def test_a_deadline_takes_consideration_back_but_no_hard_limit(online, pg_db, plmaint):
    pg_db.query("UPDATE brake.rate SET seconds = 0.4", user="postgres")  # 80 s at full speed
    # Unknown: a quarter of the speed at most.
    plmaint.configure({"throttle.query": "SELECT 1 / 0", "pre-migrate.profile": "fast"})
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=60)
    running = plmaint.start(*KEEP, "--deadline", soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    slowed(running, "throttle.query has no answer")
    said = running.wait_for("notice", lambda e: "profile is finalize now" in e["message"])
    assert "after the deadline" in said["message"]
    running.wait_for("progress", lambda e: e["duty"] == 1.0, label=FILL)
    running.wait_for("notice", lambda e: "will not be met" in e["message"])
    online.brake.let_go()
    assert running.wait().code == 0


@pytest.mark.parametrize("more", [(), ("--set", "pre-migrate.duty=1.0")])
def test_a_named_brake_is_obeyed_also_where_nobody_is_online(site, plmaint, tmp_path, more):
    site.bulk_images(60, repos=1, own_config=False)
    plmaint.configure(QUICK)
    go, brake = tmp_path / "go", tmp_path / "brake"
    # It takes longer than all of this work would: nothing begins before its first answer.
    brake.write_text(f"sleep 0.3\ntest -e {go}\n")
    running = plmaint.start(*KEEP, *more, "--throttle-cmd", f"/bin/sh {brake}")
    assert slowed(running, "throttle.command says stop")["duty"] == 0
    assert after.pending(site) == 60
    go.touch()
    assert running.wait().code == 0
    assert after.pending(site) == 0
