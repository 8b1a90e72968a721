# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every write of a restore, of its way back and of its end: at any moment one whole
database has Pulp's name and that of before is there, and the same command again ends as if nothing
had been.

With PLMAINT_CRASH_ALL=1 (`make crash`) every write has its turn, and a disk and connections that
fail have theirs; else a share.
"""

import contextlib
import os
import shutil
import signal
import time

import pytest

from crash import faults
from harness import backups, process

ALL = os.environ.get("PLMAINT_CRASH_ALL") == "1"
SHARE = 1 if ALL else 19 if not os.environ.get("VARIANT") else 60
# Which of the calls each meets.
KINDS = {"kill": "all", "ENOSPC": "disk", "ECONNRESET": "net"} if ALL else {"kill": "all"}
BEFORE, FRESH = "_before_20261121T213133Z", "_restore_20261121T213133Z"
STARTED = ("core_apiappstatus", "core_contentappstatus", "core_worker")  # begin anew with each start


class Stage:
    """One site and its backup for all rounds: `old` is what the site has, `new` what a restore brings,
    and each database is one of them, or half of one.
    """

    def __init__(self, restored):
        self.restored, self.name = restored, restored.db.name
        self.log = restored.directory / "fault.log"
        self.media = restored.site.media_root
        restored.site.bulk_images(2, repos=1)
        (self.media / "logo.svg").write_bytes(b"<svg/>")
        restored.back_up()
        restored.let_go()
        self.new = self.content("")
        restored.change("UPDATE core_repository SET name = name || '.later'")
        self.old = self.content("")
        self.lost = [self.media / "logo.svg", *list(self.media.glob("artifact/*/*"))[:2]]

    def admin(self, sql, *tails):
        self.restored.db.cluster.admin(sql.format(*(f'"{self.name}{tail}"' for tail in tails)))

    def rename(self, tail, to):
        self.admin("ALTER DATABASE {} RENAME TO {}", tail, to)

    def content(self, tail):
        """A digest of each table."""
        server = self.restored.db.cluster
        with contextlib.closing(server.connect(self.name + tail, "postgres")) as conn:
            with conn.cursor() as cur:
                cur.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
                names = [name for (name,) in cur if name not in STARTED]
                one = "SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} t"
                cur.execute(" UNION ALL ".join(one.format(n) for n in names) or "SELECT")
                return dict(zip(names, (digest for (digest,) in cur)))

    def databases(self):
        """{tail: (old, new or other, whether it is said to be a whole one of a restore)}"""
        marked = dict(
            self.restored.ask(
                "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '')"
                " LIKE 'plmaint restored %' FROM pg_database"
            )
        )
        out = {}
        for tail in self.restored.databases():
            content = self.content(tail)
            word = "old" if content == self.old else "new" if content == self.new else "other"
            out[tail] = (word, marked[self.name + tail])
        return out

    def state(self):
        files = {
            str(p.relative_to(self.media)): backups.sha256(p)
            for p in self.media.rglob("*")
            if p.is_file()
        }
        noted = (self.restored.plmaint.state_dir / "restore").exists()
        return {"databases": self.databases(), "files": files, "noted": noted}

    def begin(self):
        shutil.rmtree(self.restored.plmaint.state_dir)
        self.restored.plmaint.state_dir.mkdir()
        self.restored.forget()

    def broken(self, words, n, kind):
        self.log.unlink(missing_ok=True)
        env = faults.Case.environment(n, kind, KINDS[kind], self.log)
        done = self.restored.run(*words, env=env)
        self.restored.wait_for_nobody()
        return done

    def sweep(self, words, steps, reset, may_be):
        """steps: those that act. reset() brings the site to where the command begins. may_be: what
        must always hold of the databases.
        """
        began, places = time.monotonic(), 0
        for kind in KINDS:
            reset()
            done = self.broken(words, 0, kind)
            acted = {e["label"] for e in done.of("step.end", result="ok")}
            assert done.code == 0 and acted >= set(steps), done
            calls, wanted = int(self.log.read_text().split()[-1]), self.state()
            assert calls > 3 and not wanted["noted"]
            for n in range(1, calls + 1, SHARE):
                reset()
                done = self.broken(words, n, kind)
                at = f"{kind} {self.log.read_text() if self.log.exists() else n}"
                now = self.databases()
                assert may_be(now), f"{at}{now}\n{done}"
                assert all(word == "new" for word, marked in now.values() if marked), f"{at}{now}"
                again = self.restored.run(*words)
                assert again.code == 0, f"{at}{done}\n--- again\n{again}"
                assert self.state() == wanted, f"{at}{done}\n--- again\n{again}"
                assert self.restored.log[-1:] in ([], ["start"]), at
                places += 1
        print(f"{words[0]}: {places} places, {time.monotonic() - began:.0f} s")


def nothing_lost(now):
    """What the site had is there once, and one that is whole has Pulp's name."""
    whole = [tail for tail, (word, _) in now.items() if word == "old"]
    return whole in ([""], [BEFORE]) and now[""][0] in ("old", "new")


@pytest.fixture
def stage(restored):
    return Stage(restored)


def test_killed_and_run_again(stage):
    def reset():
        there = stage.restored.databases()
        if BEFORE in there:
            stage.admin("DROP DATABASE {}", "")
            stage.rename(BEFORE, "")
        if FRESH in there:
            stage.admin("DROP DATABASE {}", FRESH)
        for path in stage.lost:
            path.unlink(missing_ok=True)
        stage.begin()

    steps = ["restore-load", "restore-media", "restore-begin", "pulp-upgrade-stop", "restore-swap",
             "restore-start", "restore-verify", "restore-end"]
    stage.sweep(("run", stage.restored.repository.dir), steps, reset, nothing_lost)


def test_killed_while_the_server_makes_the_database(restored):
    """It makes it all the same, when the next run has looked already."""
    restored.site.bulk_images(1, repos=1)
    restored.back_up()
    restored.let_go()
    making = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'postgres'"
        f" AND query LIKE 'CREATE DATABASE \"{restored.fresh}\"%' ORDER BY query_start"
    )

    def wait_for(n):
        process.wait_until(lambda: len(restored.ask(making)) == n, 30, f"{n} runs make it")
        return restored.ask(making)[-1][0]

    with contextlib.closing(restored.db.cluster.connect("postgres", "postgres", autocommit=False)) as holder:
        holder.cursor().execute("COMMENT ON DATABASE template0 IS 'held'")
        first = restored.plmaint.start("restore", "run", restored.repository.dir)
        wait_for(1)
        first.kill9()
        second = restored.plmaint.start("restore", "run", restored.repository.dir)
        later = wait_for(2)
        os.kill(later, signal.SIGSTOP)
        holder.rollback()
        process.wait_until(lambda: FRESH in restored.databases(), 30, "the first one is made")
        os.kill(later, signal.SIGCONT)
    assert second.wait().code == 0
    assert restored.databases() == ["", BEFORE]


def test_killed_on_its_way_back(stage):
    stage.restored.restore(code=0)

    def reset():
        if FRESH in stage.restored.databases():
            stage.rename("", BEFORE)
            stage.rename(FRESH, "")
        stage.begin()

    steps = ["restore-begin", "restore-revert", "restore-start", "restore-end"]
    stage.sweep(("revert",), steps, reset, nothing_lost)


def test_killed_at_its_end(stage):
    """There is no way back only when that was asked for, by name."""
    stage.restored.restore(code=0)
    mark = "plmaint restored " + stage.restored.repository.id

    def reset():
        stage.admin("DROP DATABASE IF EXISTS {}", BEFORE)
        stage.admin("CREATE DATABASE {}", BEFORE)
        stage.admin(f"COMMENT ON DATABASE {{}} IS '{mark}'", "")
        stage.begin()

    def as_asked(now):
        return now[""][0] == "new" and set(now) <= {"", BEFORE}

    words = ("finish", "--yes-destroy", stage.name + BEFORE)
    stage.sweep(words, ["restore-finish"], reset, as_asked)
