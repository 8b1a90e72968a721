# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration against W: the same three writes as single statements from prepared rows.

W knows every value beforehand and reads no file: UPDATE of the manifests, DELETE of the links,
UPDATE of the artifacts' protection time, in one transaction. plmaint reads, verifies and
classifies 2 files a row, keeps its ledger, guards and cache debt, and commits in batches.
"""
import contextlib
import itertools
import pathlib
import tempfile

from harness import cli, pg
from harness.pulpdata import Site

from . import measure

LEVEL = "0043"
SERVER = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",  # both sides alike; a worker that wakes up in one round would be noise
    "log_statement": "none",
    "track_io_timing": "off",
}
COLUMNS = "data, annotations, labels, is_bootable, is_flatpak, type, architecture, os, compressed_image_size"
# The steps that are told apart, and the one after them.
STEPS = ("pulp-manifests-fill", "pulp-manifests-detach", "pulp-cache-debt")
W = (
    f"UPDATE container_manifest m SET ({COLUMNS}) = (p.{COLUMNS.replace(', ', ', p.')})"
    " FROM bench_prepared p WHERE p.content_ptr_id = m.content_ptr_id",
    "DELETE FROM core_contentartifact c USING bench_prepared p WHERE p.content_ptr_id = c.content_id",
    "UPDATE core_artifact a SET timestamp_of_interest = now() FROM bench_prepared p WHERE p.artifact_id = a.pulp_id",
)


class Bench:
    """A cluster and a template database of n ordinary images, with the prepared rows in it."""

    def __init__(self, n, directory):
        self.n = n
        self.directory = pathlib.Path(directory)
        self.media = self.directory / "media"
        self.media.mkdir()
        self.cluster = pg.Cluster(fsync=True, settings=SERVER)
        self.cluster.__enter__()
        self.runs = 0

    def close(self):
        self.cluster.close()

    def prepare(self):
        plain = self.cluster.database(LEVEL)
        conn = plain.connect()
        Site(conn, self.media, LEVEL).bulk_images(self.n)
        conn.commit()
        conn.close()
        migrated = plain.clone()
        result = self.tool(migrated).run("pre-migrate", "run", seconds=900)
        assert result.code == 0, result
        rows = self.directory / "prepared.copy"
        with contextlib.closing(migrated.connect()) as done, open(rows, "wb") as out:
            done.cursor().copy_expert(f"COPY (SELECT content_ptr_id, {COLUMNS} FROM container_manifest) TO STDOUT (FORMAT binary)", out)
        with contextlib.closing(plain.connect()) as conn, open(rows, "rb") as source:
            cur = conn.cursor()
            cur.execute(f"CREATE TABLE bench_prepared AS SELECT content_ptr_id, {COLUMNS}, NULL::uuid AS artifact_id"
                        " FROM container_manifest WITH NO DATA")
            cur.copy_expert(f"COPY bench_prepared (content_ptr_id, {COLUMNS}) FROM STDIN (FORMAT binary)", source)
            cur.execute("UPDATE bench_prepared p SET artifact_id = c.artifact_id FROM core_contentartifact c"
                        " WHERE c.content_id = p.content_ptr_id")
            cur.execute("CREATE UNIQUE INDEX ON bench_prepared (content_ptr_id)")
        rows.unlink()
        migrated.drop()
        with contextlib.closing(plain.connect()) as conn:
            conn.cursor().execute("VACUUM (FULL, ANALYZE) bench_prepared")
            conn.cursor().execute("VACUUM (ANALYZE)")
        self.template = plain

    def fresh(self):
        """A clone, flushed and read into memory, so that no round pays for another."""
        db = self.template.clone()
        self.cluster.admin("CHECKPOINT")
        with contextlib.closing(db.connect()) as conn:
            cur = conn.cursor()
            for table in ("container_manifest", "core_contentartifact", "core_artifact", "bench_prepared"):
                cur.execute(f"SELECT count(t.*::text) FROM {table} t")
        return db

    def tool(self, db, settings=None):
        self.runs += 1
        return cli.Plmaint(self.directory / f"tool{self.runs}", db.conninfo(), self.media, settings=settings)

    def w(self):
        db = self.fresh()
        with measure.Timed(self.cluster) as t, contextlib.closing(db.connect(autocommit=False)) as conn:
            cur = conn.cursor()
            for statement in W:
                cur.execute(statement)
            conn.commit()
        db.drop()
        return t

    def together(self, programs):
        """One run shared by so many programs of one writer each, as several hosts would; from the
        start of the first to the end of the last."""
        db = self.fresh()
        tools = [self.tool(db, {"pre-migrate.writers": 1}) for _ in range(programs)]
        with measure.Timed(self.cluster) as t:
            at_work = [tool.start("pre-migrate", "run") for tool in tools]
            results = [running.wait(900) for running in at_work]
        assert all(result.code == 0 for result in results), results
        with contextlib.closing(db.connect()) as conn:
            cur = conn.cursor()
            cur.execute("SELECT count(*) FROM container_manifest WHERE data IS NULL OR data = ''")
            assert cur.fetchone() == (0,)
        t.rows = [sum(e.get("rows", 0) for e in r.of("step.end", label=STEPS[0])) for r in results]
        db.drop()
        return t

    def cpu_at(self, running, label):
        """CPU seconds of client and server when this step begins."""
        running.wait_for("step.start", label=label, seconds=900)
        return measure.process_cpu(running.pid), measure.server_cpu(self.cluster)

    def plmaint(self, settings=None):
        """One whole run; t.steps has the seconds of each step, t.cpu those of client and server in
        the ones told apart; the second run is measured too."""
        db = self.fresh()
        tool = self.tool(db, settings)
        with measure.Timed(self.cluster) as t:
            running = tool.start("pre-migrate", "run")
            used = [self.cpu_at(running, label) for label in STEPS]
            result = running.wait(900)
        assert result.code == 0, result
        t.cpu = [(b[0] - a[0], b[1] - a[1]) for a, b in itertools.pairwise(used)]
        t.steps = {e["label"]: e["seconds"] for e in result.of("step.end")}
        # What W does too: the vacuum that follows is told apart.
        t.vacuum = t.steps["pulp-manifests-vacuum"]
        with measure.Timed(self.cluster) as t.second:
            again = tool.run("pre-migrate", "run", seconds=900)
        assert again.code == 0 and not again.one("run.end").get("rows"), again
        db.drop()
        return t


def run(n, rounds, out):
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory:
        bench = Bench(n, directory)
        try:
            bench.prepare()
            out(f"\n## Migration of {n} manifests, level {LEVEL}, no services online, {rounds} rounds, interleaved, medians\n")
            ws, ps = [], []
            for _ in range(rounds):
                ws.append(bench.w())
                ps.append(bench.plmaint())
            report(n, ws, ps, out)
        finally:
            bench.close()


def report(n, ws, ps, out):
    med = measure.median
    w = med([t.wall for t in ws])
    whole = med([t.wall for t in ps])
    lean = med([t.wall - t.vacuum for t in ps])
    out("| what | wall s | x W | rows/s | client CPU s | server CPU s |")
    out("|---|---|---|---|---|---|")
    out(f"| W: three statements, prepared rows | {w:.2f} | 1.00 | {n / w:.0f} | | {med([t.server for t in ws]):.2f} |")
    client, server = med([t.client for t in ps]), med([t.server for t in ps])
    out(f"| plmaint, everything but the vacuum afterwards | {lean:.2f} | **{lean / w:.2f}** | {n / lean:.0f} | | |")
    for i, label in enumerate(STEPS[:2]):
        wall, client_cpu, server_cpu = (
            med([t.steps[label] for t in ps]), med([t.cpu[i][0] for t in ps]), med([t.cpu[i][1] for t in ps])
        )
        out(f"| of it {label.rpartition('-')[2]} | {wall:.2f} | {wall / w:.2f} | {n / wall:.0f} | {client_cpu:.2f} | {server_cpu:.2f} |")
    out(f"| plmaint with the vacuum | {whole:.2f} | {whole / w:.2f} | {n / whole:.0f} | {client:.2f} | {server:.2f} |")
    out(f"| second run | {med([t.second.wall for t in ps]):.3f} | | | | |")
    out(f"\nAll rounds, wall s: W {' '.join(f'{t.wall:.2f}' for t in ws)}; plmaint without vacuum"
        f" {' '.join(f'{t.wall - t.vacuum:.2f}' for t in ps)}.")
