# SPDX-License-Identifier: GPL-3.0-or-later
"""The throttle on servers in trouble: a standby that lags or may not be seen, an archiver that fails,
WAL that is kept, sessions that wait, a disk that fills up; each is named, and when it has passed the
work goes on.
"""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import psycopg2
import pytest

from harness import after, pg
from harness.brake import Brake
from harness.cli import Plmaint
from harness.need import need
from harness.process import wait_until
from harness.pulpdata import Site

FILL = "pulp-manifests-fill"
KEEP = ("pre-migrate", "run", "--keep-links")
ESTIMATE = ("pre-migrate", "estimate", "--no-write", "--set", "upgrade.max_downtime=10h")
# As a user who may see neither where the server works nor into its directory.
AS_PULP = ("setpriv", "--bounding-set=-sys_ptrace,-dac_override,-dac_read_search")
BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%:w%' AND xact_start IS NOT NULL"
MONITOR = "application_name LIKE 'plmaint:%:monitor'"
WAITING = (
    "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 17))::bit(32)::int"
    " - ('x' || substr(last_archived_wal, 17))::bit(32)::int FROM pg_stat_archiver"
)
CALM = 1  # second
pytestmark = pytest.mark.slow


class Online:
    """A site with a worker online on a server, and work that does not end before its brake is let go."""

    def __init__(self, server, tmp_path, stack, rows=400, anybody=True):
        self.server, self.db = server, server.database("0043")
        self.media = tmp_path / "media"
        self.media.mkdir()
        conn = stack.enter_context(contextlib.closing(self.db.connect()))
        self.site = Site(conn, self.media, "0043")
        self.site.bulk_images(rows, repos=1, own_config=False)
        if anybody:
            self.site.heartbeat("worker", age=-3600)
        conn.commit()
        self.brake = Brake(self.db, seconds=0.3)
        self.stack, self.tmp_path, self.tools = stack, tmp_path, 0

    def tool(self):
        self.tools += 1
        tool = Plmaint(
            self.tmp_path / f"p{self.tools}",
            self.db.conninfo(),
            self.media,
            settings={"pre-migrate.batch_rows": "2", "throttle.calm": f"{CALM}s"},
        )
        self.stack.callback(tool.close)
        return tool

    def start(self, *args, wrap=()):
        return self.tool().start(*KEEP, *args, wrap=wrap)

    def estimate(self, code):
        ran = self.tool().run(*ESTIMATE, code=code, wrap=AS_PULP)
        return {**ran.one("estimate"), "warning": "".join(e["message"] for e in ran.of("notice"))}

    def ends(self, *running):
        self.brake.let_go()
        for one in running:
            ran = one.wait()
            assert ran.code == 0, str(ran)
        assert after.pending(self.site) == 0


def now(running, when, what, seconds=60):
    """Waits for a line of progress that comes from now on."""
    seen = len(running.events)

    def found():
        assert running.proc.poll() is None, f"it has ended\n{running.lines[-20:]}"
        return next(
            (e for e in running.events[seen:] if e.get("event") == "progress" and when(e)), None
        )

    return wait_until(found, seconds, lambda: f"{what}, but {running.lines[-3:]}")


def slowed(running, words, **more):
    return now(running, lambda e: words in (e.get("reason") or ""), words, **more)


def stopped(running, words):
    """What is measured may pass the soft limit on its way."""
    return now(running, lambda e: e["duty"] == 0 and words in (e.get("reason") or ""), words)


def at_full_speed(running):
    return now(running, lambda e: e["duty"] == 1.0, "full speed")


def write_wal(server, megabytes):
    server.admin(
        "SELECT count(pg_logical_emit_message(false, 'test', repeat('x', 1000000)))"
        " FROM generate_series(1, %s)",
        (megabytes,),
    )


def test_standby_that_lags_and_one_that_may_not_be_seen(tmp_path):
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(pg.Cluster())
        online = Online(primary, tmp_path, stack)
        standby = stack.enter_context(contextlib.closing(primary.standby()))
        running = online.start()
        assert slowed(running, "how far standbys are behind may not be seen (GRANT pg_monitor)")["duty"] <= 0.25
        primary.admin("GRANT pg_monitor TO pulp")
        at_full_speed(running)
        standby.admin("SELECT pg_wal_replay_pause()")
        write_wal(primary, 200)
        assert slowed(running, " behind")["duty"] < 1
        standby.admin("SELECT pg_wal_replay_resume()")
        at_full_speed(running)
        online.ends(running)


def test_archiver_that_fails_stops_the_work(tmp_path):
    """Also where the share of time was set, and is kept to whatever users feel of it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pg.Cluster(settings={"archive_mode": "on"}))
        online = Online(server, tmp_path, stack)

        def archive(command):
            server.admin(f"ALTER SYSTEM SET archive_command = '{command}'")
            server.admin("SELECT pg_reload_conf()")
            server.admin("SELECT pg_logical_emit_message(false, 'test', 'x')")
            server.admin("SELECT pg_switch_wal()")

        archive("true")
        running = online.start("--set", "pre-migrate.duty=1.0")
        at_full_speed(running)
        archive("false")
        assert slowed(running, "the WAL archiver fails")["duty"] == 0
        wait_until(lambda: not online.db.value(BUSY), 30, "what was at work is done")
        left = after.pending(online.site)
        now(running, lambda e: e["duty"] == 0, "still stopped")
        assert after.pending(online.site) == left > 0
        archive("true")
        at_full_speed(running)
        online.ends(running)


def test_slot_and_archiver_that_keep_wal(tmp_path):
    """A standby that is gone, and an archiver that hangs: neither fails, and the disk fills up."""
    settings = {"archive_mode": "on", "max_slot_wal_keep_size": "320MB"}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pg.Cluster(settings=settings))
        online = Online(server, tmp_path, stack, anybody=False)

        def archive(command):
            server.admin(f"ALTER SYSTEM SET archive_command = '{command}'")
            server.admin("SELECT pg_reload_conf()")

        server.admin("SELECT pg_create_physical_replication_slot('gone', true)")
        running = online.start()
        at_full_speed(running)
        write_wal(server, 240)
        assert slowed(running, "a replication slot holds ")["duty"] == 0, "with nobody online, too"
        server.admin("SELECT pg_drop_replication_slot('gone')")
        at_full_speed(running)
        online.site.heartbeat("worker", age=-3600)
        assert slowed(running, "no WAL segment has been archived yet")["duty"] <= 0.25
        archive("true")
        at_full_speed(running)
        archive("while ! test -e go; do sleep 0.1; done")

        def heaps_up():
            server.admin("SELECT pg_logical_emit_message(false, 'test', 'x')")
            server.admin("SELECT pg_switch_wal()")
            return server.admin(WAITING)[0][0] >= 10

        wait_until(heaps_up, 30, "segments wait")
        assert slowed(running, " WAL segments wait to be archived")["duty"] < 1
        server.admin("COPY (SELECT 1) TO PROGRAM 'cat > go'")
        at_full_speed(running)
        online.ends(running)


def test_sessions_of_others_that_wait_or_are_many(tmp_path):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pg.Cluster())
        online = Online(server, tmp_path, stack)
        running = online.start()
        at_full_speed(running)
        with contextlib.ExitStack() as idle:
            taken = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            while server.admin(taken)[0][0] < 55:
                idle.enter_context(contextlib.closing(online.db.connect()))
            assert slowed(running, "of the server's connections are taken")["duty"] < 1
        at_full_speed(running)
        online.db.query("CREATE TABLE held ()")
        with contextlib.closing(online.db.connect(autocommit=False)) as holder, contextlib.ExitStack() as others:
            holder.cursor().execute("LOCK TABLE held")
            for _ in range(13):
                one = subprocess.Popen(
                    [pg.bindir() / "psql", "-X", "-d", online.db.conninfo(), "-c", "BEGIN; LOCK TABLE held"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
                others.callback(one.wait)
            others.callback(holder.rollback)
            stopped(running, " sessions wait for locks")
        at_full_speed(running)
        online.ends(running)


def deadlock(db):
    """Two sessions wait for each other until the server ends one of them."""
    with contextlib.ExitStack() as stack:
        one, two = (
            stack.enter_context(contextlib.closing(db.connect(user="postgres", autocommit=False))) for _ in range(2)
        )
        for session, key in ((one, 1), (two, 2)):
            session.cursor().execute("SET deadlock_timeout TO '10ms'; SELECT pg_advisory_xact_lock(%s)", (key,))
        ended = []

        def cross(session, key):
            try:
                session.cursor().execute("SELECT pg_advisory_xact_lock(%s)", (key,))
            except psycopg2.errors.DeadlockDetected:
                ended.append(session)
            session.rollback()

        other = threading.Thread(target=cross, args=(one, 2))
        other.start()
        cross(two, 1)
        other.join()
        assert ended


def test_deadlocks(tmp_path):
    """Also of sessions that have nothing to do with us: whose fault it is cannot be told."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pg.Cluster())
        online = Online(server, tmp_path, stack)
        deadlock(online.db)  # one from before is none of ours
        running = online.start()
        at_full_speed(running)
        deadlock(online.db)
        assert slowed(running, "deadlocks in this database within a minute: 1")["duty"] == pytest.approx(0.5)
        deadlock(online.db)
        assert slowed(running, "deadlocks in this database within a minute: 2")["duty"] == pytest.approx(0.25)
        server.admin("ALTER SYSTEM SET track_counts TO off")
        server.admin("SELECT pg_reload_conf()")
        at_full_speed(running)  # who counts nothing is not believed to have had none, nor held against it
        online.ends(running)


@contextlib.contextmanager
def server_on_small_disk(megabytes):
    """A server on a file system of its own, and the file system."""
    need(root=True, programs=("mount", "setpriv"))
    with contextlib.ExitStack() as stack:
        # Not below pytest's directory, which is closed to the server's user.
        disk = pathlib.Path(tempfile.mkdtemp(prefix="plpg"))
        disk.chmod(0o755)
        stack.callback(disk.rmdir)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", disk], capture_output=True
        )
        need(when=done.returncode == 0, why="needs to mount a file system")
        stack.callback(subprocess.run, ["umount", "-l", disk], check=True)
        base = disk / "pg"
        base.mkdir()
        yield stack.enter_context(pg.Cluster(base=base, settings={"max_wal_size": "64MB"})), disk


def fill_up(disk, leave):
    """All but so many bytes; returns the file that does it."""
    ballast = disk / "ballast"
    with open(ballast, "wb") as f:
        f.write(bytes(shutil.disk_usage(disk).free - leave))
    return ballast


def test_disk_that_is_nearly_full_stops_the_work(tmp_path):
    with contextlib.ExitStack() as stack:
        server, disk = stack.enter_context(server_on_small_disk(600))
        online = Online(server, tmp_path, stack)
        running = online.start()
        at_full_speed(running)
        ballast = fill_up(disk, shutil.disk_usage(disk).total * 6 // 100)
        stopped(running, "the database's disk is 9")
        ballast.unlink()
        at_full_speed(running)
        online.ends(running)


def test_disk_without_room_for_what_is_to_come_stops_the_work(tmp_path):
    """It is not nearly full yet; it would be when the work is done. First with nobody online."""
    rows = 20000
    with contextlib.ExitStack() as stack:
        server, disk = stack.enter_context(server_on_small_disk(320))
        online = Online(server, tmp_path, stack, rows=rows, anybody=False)
        server.admin("CHECKPOINT")
        assert online.estimate(code=0)["free_bytes"] == pytest.approx(shutil.disk_usage(disk).free, rel=0.1)
        running = online.start(wrap=AS_PULP)
        at_full_speed(running)
        for calm in (4, 3):
            online.tool().run("pre-migrate", "tune", f"calm={calm}s", code=0)
            # None comes later, which would take away log and make room on its own.
            server.admin("CHECKPOINT")
            # A row that is left takes about 1.5 KB: clearly less than twice of that, also when some more are done.
            leave = online.db.value("SELECT count(*) FROM container_manifest WHERE data IS NULL") * 2200
            assert leave > shutil.disk_usage(disk).total * 0.11, "else it is nearly full"
            ballast = fill_up(disk, leave)
            stopped(running, "the database will still grow by ")
            wait_until(lambda: not online.db.value(BUSY), 30, "what was at work is done")
            assert "half of what its disk has free" in online.estimate(code=78)["warning"]
            began = time.monotonic()
            ballast.unlink()
            online.site.heartbeat("worker", age=-3600)  # the calm is waited for, also when users come in it
            at_full_speed(running)
            # The disk is looked at once a second: what was seen last may be of a second before.
            assert time.monotonic() - began > calm / 2, "so long nothing may be near the limit"
        running.terminate()
        assert running.wait().code == 143


def test_disk_that_cannot_be_looked_at_is_no_disk_with_room(tmp_path):
    """Where the session goes by which it is found, nobody knows how much is left of it."""
    rows = 15000
    with contextlib.ExitStack() as stack:
        server, disk = stack.enter_context(server_on_small_disk(320))
        online = Online(server, tmp_path, stack, rows=rows)
        server.admin("CHECKPOINT")
        running = online.start()
        at_full_speed(running)
        fill_up(disk, rows * 2700)
        stopped(running, "the database will still grow by ")
        seen = len(running.events)
        until = time.monotonic() + 4 * CALM
        while time.monotonic() < until:
            server.admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {MONITOR}")
            time.sleep(0.02)
        told = [e["duty"] for e in running.events[seen:] if e.get("event") == "progress"]
        assert told and set(told) == {0}
        running.terminate()
        assert running.wait().code == 143


def test_two_throttles_on_one_database(tmp_path):
    """They take neither each other's sessions for users nor more than their share for nobody."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(pg.Cluster())
        online = Online(server, tmp_path, stack)
        both = [online.start("--throttle-query", "SELECT count(*) > 0 FROM pg_class WHERE relname = 'halt'") for _ in range(2)]
        for one in both:
            at_full_speed(one)
        online.db.query("CREATE TABLE halt ()")
        for one in both:
            assert slowed(one, "throttle.query says stop")["duty"] == 0
        online.db.query("DROP TABLE halt")
        for one in both:
            at_full_speed(one)
        online.ends(*both)
