# SPDX-License-Identifier: GPL-3.0-or-later
"""A database server that is stopped without warning while plmaint migrates and orphan cleanup runs
all the time with no protection time at all.

Stopping at once loses what was committed with synchronous_commit off and not yet written. That is
less than one page, as the WAL writer is woken for every full one; so the WAL writer is held, and
what nobody waited for stays in memory until the end. The cleanup commits without waiting and
removes files right after its commit: the harshest neighbour there can be.
"""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import tempfile
import threading

import psycopg2

from harness import brake, cli, manifests, pg, process, pulpdata

LEVEL = "0043"
# The cluster is in memory, fsync or not: a process that ends keeps what it gave to the kernel, and
# loses what it kept in its own WAL buffers. A power cut is not what this can show.
SETTINGS = {
    "wal_writer_delay": "10s",
    "wal_buffers": "64MB",  # or what is committed goes out when they are full
    "autovacuum": "off",  # its commits would flush ours
    "bgwriter_lru_maxpages": "0",  # so would a page that it writes
    "log_checkpoints": "off",
}
# Content in no repository goes first, as in pulpcore's orphan_cleanup, then artifacts without link.
# No temporary table: a commit that drops a file flushes, and would make durable what is not.
CONTENT = """SELECT m.content_ptr_id FROM container_manifest m
    WHERE NOT EXISTS (SELECT FROM core_repositorycontent r WHERE r.content_id = m.content_ptr_id)
    AND NOT EXISTS (SELECT FROM container_manifestlistmanifest l WHERE l.manifest_list_id = m.content_ptr_id)
    AND NOT EXISTS (SELECT FROM container_tag t WHERE t.tagged_manifest_id = m.content_ptr_id)"""
BY_CONTENT = (
    ("container_manifestlistmanifest", "image_manifest_id"),
    ("container_blobmanifest", "manifest_id"),
    ("core_contentartifact", "content_id"),
    ("container_manifest", "content_ptr_id"),
    ("core_content", "pulp_id"),
)
ARTIFACTS = """DELETE FROM core_artifact a WHERE NOT EXISTS
    (SELECT FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id) RETURNING a.file"""


def cluster(commit="on"):
    """commit: the server's own synchronous_commit; a site may have it off for all."""
    base = tempfile.mkdtemp(prefix="pldy", dir=pg.roomy_memory())
    settings = {**SETTINGS, "synchronous_commit": commit}
    return pg.Cluster(fsync=True, settings=settings, base=base)


class Cleanup(threading.Thread):
    """Orphan cleanup over and over until told to end; a lost server is waited for."""

    def __init__(self, db, media):
        super().__init__(daemon=True)
        self.db, self.media, self.over, self.removed = db, media, threading.Event(), 0

    def _once(self, conn):
        with conn, conn.cursor() as cur:
            cur.execute("SET LOCAL synchronous_commit TO off")
            cur.execute(CONTENT)
            ids = [row[0] for row in cur]
            for table, column in BY_CONTENT if ids else ():
                cur.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s::uuid[])", (ids,))
        with conn:
            with conn.cursor() as cur:
                cur.execute("SET LOCAL synchronous_commit TO off")
                cur.execute(ARTIFACTS)
                files = [row[0] for row in cur]
        for name in files:  # after the commit, and only when it was said to be done
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.media / name)
        self.removed += len(files)

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(psycopg2.Error):
                with contextlib.closing(self.db.connect(autocommit=False)) as conn:
                    while not self.over.is_set():
                        with contextlib.suppress(psycopg2.errors.ForeignKeyViolation):
                            self._once(conn)
                        self.over.wait(0.005)
            self.over.wait(0.02)

    def stop(self):
        self.over.set()
        self.join(30)


class Yard:
    """A cluster with fsync, a prepared site, and rounds on clones of it."""

    def __init__(self, cluster, images=500, seed=1):
        self.cluster, self.rng = cluster, random.Random(seed)
        # Hard links need one file system.
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="pldying"))
        self.media = self.base / "media"
        self.media.mkdir()
        self.template = cluster.database(LEVEL)
        with contextlib.closing(self.template.connect()) as conn:
            site = pulpdata.Site(conn, self.media, LEVEL, seed)
            site.bulk_images(images, layers=2)
            for made in site.every_kind(30):
                assert made.repo
            for kind in manifests.KINDS:
                site.image(kind)  # in no repository: the cleanup may take it at any time
            conn.commit()
        self.raw = {
            str(pk): (self.media / file).read_bytes()
            for pk, file in self.template.query(
                "SELECT m.content_ptr_id, a.file FROM container_manifest m"
                " JOIN core_contentartifact c ON c.content_id = m.content_ptr_id"
                " JOIN core_artifact a ON a.pulp_id = c.artifact_id"
            )
        }
        self.kept = {
            str(row[0]) for row in self.template.query("SELECT content_id FROM core_repositorycontent")
        } & set(self.raw)
        self.count = 0

    def close(self):
        shutil.rmtree(self.base, ignore_errors=True)

    def lost(self, db, media):
        """Manifests that nobody can serve any more, each with the reason."""
        rows = db.query(
            "SELECT m.content_ptr_id::text, m.data, a.file FROM container_manifest m"
            " LEFT JOIN core_contentartifact c ON c.content_id = m.content_ptr_id"
            " LEFT JOIN core_artifact a ON a.pulp_id = c.artifact_id"
        )
        out, seen = [], set()
        for pk, data, file in rows:
            seen.add(pk)
            if pk not in self.kept:
                continue  # its deletion may come back, without the file: the cleanup's own doing
            raw = self.raw[pk]
            if data:
                if data.encode() != raw:
                    out.append(f"{pk}: its data is not what its digest says")
            elif file is None:
                out.append(f"{pk}: neither data nor link")
            elif not (media / file).exists():
                out.append(f"{pk}: no data, and its file is gone")
            elif (media / file).read_bytes() != raw:
                out.append(f"{pk}: no data, and its file is another")
        return out + [f"{pk}: the row is gone" for pk in sorted(self.kept - seen)]

    def _wal_writer(self):
        for pid in process.children(self.cluster.proc.pid):
            with contextlib.suppress(FileNotFoundError):  # a session that has just ended
                if b"walwriter" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        raise AssertionError("there is no WAL writer")

    def _stop(self, how):
        """immediate: a server process dies, at which the postmaster stops all others at once."""
        if how == "kill9":
            self.cluster.kill9()
            return
        os.kill(self._wal_writer(), signal.SIGKILL)
        self.cluster.proc.wait(30)
        self.cluster.proc = None

    @staticmethod
    def _reach(tool, label):
        """A run that has come to this step. One that ends before it has passed over a row that the
        cleanup held at the time: the same command goes on.
        """
        while True:
            running = tool.start("pre-migrate", "run")
            with contextlib.suppress(AssertionError):
                running.wait_for("step.start", label=label)
                return running
            ended = running.wait()
            assert ended.code == 75, ended

    def round(self, number):
        """One run, one crash. Returns what was lost (nothing, one hopes) and a line about it."""
        rng = self.rng
        how = rng.choice(("immediate", "immediate", "kill9"))
        late, survives = rng.random() < 0.6, rng.random() < 0.4
        pause = rng.uniform(0.0, 0.8)
        media = self.base / f"m{number}"
        shutil.copytree(self.media, media, copy_function=os.link)
        db = self.template.clone()
        tool = cli.Plmaint(
            self.base / f"p{number}",
            db.conninfo(),
            media,
            settings={"pre-migrate.batch_rows": 10, "pre-migrate.detach_rows": 10},
        )
        # Either phase takes longer than the longest pause, so that there is something to hit.
        slow = brake.Brake(db, seconds=0.004, on=(brake.FILL, brake.DETACH))
        os.kill(self._wal_writer(), signal.SIGSTOP)
        cleanup = Cleanup(db, media)
        cleanup.start()
        try:
            label = "pulp-manifests-detach" if late else "pulp-manifests-fill"
            running = self._reach(tool, label)
            cleanup.over.wait(pause)  # a random moment, not a synchronisation
            self._stop(how)
            at = _place(running.events)
            if not survives:
                running.kill9()
            self.cluster.start()
            slow.let_go()
            lost = [f"after the crash: {x}" for x in self.lost(db, media)] if not survives else []
            if survives:
                # It goes on with what it was at, wherever its sessions were lost.
                ended = running.wait()
                if ended.code not in (0, 78):
                    lost.append(f"it did not go on: {ended}")
            again = tool.run("pre-migrate", "run")
            if again.code not in (0, 78):
                lost.append(f"the rerun: {again}")
            cleanup.stop()
            lost += [f"after the rerun: {x}" for x in self.lost(db, media)]
            left = db.value("SELECT count(*) FROM container_manifest WHERE data IS NULL OR data = ''")
            if left:
                lost.append(f"{left} rows without data after the rerun")
            line = f"{number}: {how} {pause:.3f} s into {label}, died in {at}, {cleanup.removed} files cleaned up"
            return lost, line + (f", plmaint lived on and ended with {ended.code}" if survives else "")
        finally:
            cleanup.stop()
            tool.close()
            with contextlib.suppress(Exception):
                # Where the server did not die: DROP DATABASE waits for every process of it.
                os.kill(self._wal_writer(), signal.SIGCONT)
                db.drop()
            shutil.rmtree(media, ignore_errors=True)

    def rounds(self, n):
        lines = []
        for number in range(n):
            lost, line = self.round(number)
            lines.append(line)
            assert not lost, f"{line}\n" + "\n".join(lost[:20]) + f"\n({len(lost)} in all)"
        return lines


def _place(events):
    """Where a run was, from what it has said."""
    if any(e["event"] == "run.end" for e in events):
        return "the end"
    labels = [e["label"] for e in events if e["event"] == "step.start"]
    return labels[-1].removeprefix("pulp-manifests-") if labels else "the beginning"
