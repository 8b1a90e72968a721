# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is stopped at its Nth write, what must hold then, and what must hold after a rerun.

One database is prepared and migrated once without a fault; each round clones the prepared one. A
row must be either as it was or as the undisturbed migration leaves it, never between, and no row
may have neither data nor link that had one of them before.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
from concurrent import futures

from harness import cli, pulpdata

HERE = pathlib.Path(__file__).resolve().parent
KILLED = 137
DONE = (0, 78)  # 78: done, with rows set aside
CLEAN = (*DONE, 1, 2, 3, 75)  # every exit that is an answer and not an accident
ALL = os.environ.get("PLMAINT_CRASH_ALL") == "1"
# Faults that the program lives through: it must also when the message only asks. A kill before a
# question leaves no state that the one before the next write does not.
ANSWERED = ("EPIPE", "ECONNRESET")
BEYOND = 3  # rounds that must live through in a row before the last write is passed: threads race
WIDTH = 2  # rounds at a time
# When it happened is not what happened.
IGNORE = ("core_artifact.timestamp_of_interest",)


@functools.cache
def _scratch():
    """Ends with the session. The tree may lie where LD_PRELOAD, which ends a name at a space or a
    colon, cannot name it.
    """
    return tempfile.TemporaryDirectory(prefix="plmaint-fault-", dir="/tmp")


@functools.cache
def shim():
    """fault.c as a library to preload."""
    target = pathlib.Path(_scratch().name) / "fault.so"
    new = target.with_suffix(f".{threading.get_ident()}")  # rounds run at the same time
    argv = ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1"]
    subprocess.run(
        [*argv, "-shared", "-fPIC", "-o", new, HERE / "fault.c", "-ldl"], check=True
    )
    return new.rename(target)


def lacking(snapshot):
    """Keys of manifests with neither data nor a link to an artifact."""
    linked = {
        str(row["content_id"])
        for row in snapshot["core_contentartifact"].values()
        if row["artifact_id"] is not None
    }
    return {
        key
        for key, row in snapshot["container_manifest"].items()
        if not row.get("data") and key not in linked
    }


@dataclasses.dataclass
class Round:
    n: int
    kind: str
    code: int  # exit status of the run that met the fault
    call: str  # what fault.c said
    problems: list


class Case:
    """words: the command that is stopped. fill(site): what is in the database. before: commands that
    run undisturbed first. single: Pulp's role may not create a schema. redis: a harness Redis.
    """

    def __init__(self, cluster, words, fill, level="0043", before=(), single=False, redis=None):
        self.cluster, self.words, self.level, self.single = cluster, words, level, single
        self.redis, self.count = redis, 0
        self.slots = queue.SimpleQueue()  # databases of Redis, one for each round at a time
        for slot in range(WIDTH):
            self.slots.put(slot)
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="plcrash"))
        self.media = self.base / "media"
        self.media.mkdir()
        self.template = cluster.database(level)
        with contextlib.closing(self.template.connect()) as conn:
            site = pulpdata.Site(conn, self.media, level)
            fill(site)
            conn.commit()
        for argv in before:
            self._tool("before", self.template).run(*argv, code=DONE)
        self.start = self._look(self.template)
        self.keys = [row[0] for row in self.template.query("SELECT base_path FROM core_distribution")]
        db = self._clone()
        self._warm(0)
        tool = self._tool("reference", db)
        self.calls = self._calls(tool)
        self.wanted, self.wanted_verdicts = self._look(db), self._verdicts(db, tool)
        self.cached = self._warm_left(0)
        stale = self.cached & self._touched(db) if self.redis else set()
        db.drop()
        assert not stale, f"left stale by an undisturbed run: {stale}"

    def close(self):
        self.template.drop()
        shutil.rmtree(self.base, ignore_errors=True)

    # -- parts of a round

    def _clone(self):
        db = self.template.clone()
        if self.single:
            self.cluster.admin(f'REVOKE CREATE ON DATABASE "{db.name}" FROM PUBLIC, {self._owner(db)}')
        return db

    @staticmethod
    def _owner(db):
        return db.value("SELECT current_user")

    def _tool(self, name, db, slot=0):
        """Small batches, so that one run has many of them."""
        url = f"unix://{self.redis.socket}?db={slot}" if self.redis else None
        settings = {"pre-migrate.batch_rows": 8, "pre-migrate.detach_rows": 16}
        return cli.Plmaint(self.base / name, db.conninfo(), self.media, url, settings)

    def _warm(self, slot):
        """An entry of the content cache for every distribution, as if each had been pulled from."""
        if self.redis:
            self.redis.client(slot).flushdb()
            for key in self.keys:
                self.redis.client(slot).hset(key, "/v2/manifest", "old")

    def _warm_left(self, slot):
        return {k for k in self.keys if self.redis.client(slot).exists(k)} if self.redis else set()

    def _touched(self, db):
        """Base paths of the distributions of repositories with a manifest that was changed."""
        links = {}
        for when in (self.start, self.wanted):
            for row in when["core_contentartifact"].values():
                links.setdefault(str(row["content_id"]), []).append(row["artifact_id"])
        rows = self.start["container_manifest"]
        changed = [
            key
            for key, row in self.wanted["container_manifest"].items()
            if row != rows[key] or len(links.get(key, ())) % 2
        ]
        found = db.query(
            "SELECT d.base_path FROM core_distribution d JOIN core_repositorycontent c"
            " ON c.repository_id = d.repository_id WHERE c.content_id = ANY(%s::uuid[])",
            (changed,),
        )
        return {row[0] for row in found}

    def _calls(self, tool):
        log = self.base / "calls"
        result = tool.run(*self.words, env=self.environment(0, "kill", "all", log))
        assert result.code in DONE, result
        return int(log.read_text().split()[-1])

    @staticmethod
    def _look(db):
        with db.session() as session:
            return pulpdata.snapshot(session.conn)

    def _verdicts(self, db, tool):
        """What is remembered of rows: in the ledger, or without one in the state directory.

        db: as query() and value() have it, a database or a session of one.
        """
        names = ("kind", "id", "effect", "reason", "missing", "digest", "fingerprint")
        if self.single:
            (path,) = tool.state_dir.glob("verdicts-*.json")
            rows = [[row[name] for name in names] for row in json.loads(path.read_text())["verdicts"]]
        elif db.value("SELECT to_regclass('plmaint.verdict') IS NOT NULL"):
            rows = db.query(f"SELECT {', '.join(names)} FROM plmaint.verdict")
        else:
            rows = []
        return sorted(tuple(map(str, row)) for row in rows)

    @staticmethod
    def environment(n, kind, klass, log):
        # A sanitizer's runtime wants to be first; being second does no harm here.
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {
            "LD_PRELOAD": str(shim()),
            "FAULT_AT": str(n),
            "FAULT_KIND": kind,
            "FAULT_CLASS": klass,
            "FAULT_READS": "1" if ALL and kind in ANSWERED else "0",
            "FAULT_LOG": str(log),
            "ASAN_OPTIONS": ":".join(filter(None, (asan, "verify_asan_link_order=0"))),
        }

    def _between(self, now):
        """What must hold at any moment."""
        out = [f"{key}: neither data nor link" for key in lacking(now) - lacking(self.start)]
        for table in ("container_manifest", "core_artifact", "core_contentartifact"):
            before, after = self.start[table], self.wanted[table]
            for key in sorted(before.keys() - now[table].keys()):
                if key in after:
                    out.append(f"{table} {key}: gone")
            for key, row in now[table].items():
                states = [t[key] for t in (before, after) if key in t]
                if not any(not pulpdata.diff(_one(table, key, row), _one(table, key, s), IGNORE) for s in states):
                    out.append(f"{table} {key}: neither as before nor as after")
        return out

    def _after(self, db, tool, slot):
        out = pulpdata.diff(pulpdata.snapshot(db.conn), self.wanted, IGNORE)
        verdicts = self._verdicts(db, tool)
        if verdicts != self.wanted_verdicts:
            out.append(f"verdicts differ: {set(verdicts) ^ set(self.wanted_verdicts)}")
        if not self.single:
            open_runs = db.query("SELECT id, job, phase FROM plmaint.run WHERE state = 'open'")
            if open_runs:
                out.append(f"runs left open: {open_runs}")
            if db.value("SELECT count(*) FROM plmaint.debt") or db.value(
                "SELECT count(*) FROM plmaint.range WHERE debt > 0"
            ):
                out.append("the cache is still owed something")
        stale = self._warm_left(slot) - self.cached
        if stale:
            out.append(f"stale cache entries: {stale}")
        return out

    def round(self, n, kind="kill", klass="all"):
        self.count += 1
        slot, name, db = self.slots.get(), f"r{self.count}-{n}", self._clone()
        try:
            self._warm(slot)
            tool, log = self._tool(name, db, slot), self.base / f"{name}.log"
            first = tool.run(*self.words, env=self.environment(n, kind, klass, log), seconds=60)
            call = log.read_text().splitlines()[0] if log.exists() else "no call"
            problems = [f"after the fault: {p}" for p in self._between(self._look(db))]
            if first.code not in (*CLEAN, KILLED):
                problems.append(f"the fault ended it with {first}")
            said = [e for e in first.of("step.end") if e["result"] != "ok" and e.get("message")]
            if first.code in (1, 3) and not said:
                problems.append(f"no word about the error\n{first}")
            again = tool.run(*self.words, seconds=60)
            if again.code not in DONE:
                problems.append(f"the rerun ended with {again}")
            with db.session() as session:
                problems += [f"after the rerun: {p}" for p in self._after(session, tool, slot)]
            shutil.rmtree(tool.directory, ignore_errors=True)
            return Round(n, kind, first.code, call, problems)
        finally:
            self.slots.put(slot)
            db.drop()

    # -- all rounds

    def sweep(self, kind="kill", klass="all", first=1, step=1):
        """Rounds at write first, first + step, ... until some in a row have met no fault. Returns all
        rounds; fails with those that lost something.
        """
        done, n = [], first
        with futures.ThreadPoolExecutor(WIDTH) as pool:
            while True:
                batch = range(n, n + WIDTH * 4 * step, step)
                n = batch.stop
                done += pool.map(lambda at: self.round(at, kind, klass), batch)
                if any(r.problems for r in done) or all("call " not in r.call for r in done[-BEYOND:]):
                    break
        self.judge(done)
        return [r for r in done if r.call.startswith("call ")]

    def judge(self, rounds):
        bad = [r for r in rounds if r.problems]
        text = "\n".join(
            f"--- {r.kind} at write {r.n} ({r.call}), exit {r.code}; again: PLMAINT_CRASH_AT={r.n}"
            f" PLMAINT_CRASH_KIND={r.kind} pytest tests/crash/test_kill_every_write.py\n"
            + "\n".join(r.problems[:20])
            for r in bad[:3]
        )
        assert not bad, f"{len(bad)} of {len(rounds)} rounds of {' '.join(self.words)} failed\n{text}"


def _one(table, key, row):
    return {table: {key: row}}
