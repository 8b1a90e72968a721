# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon an operator's wish is felt: from the commit of a pause to the moment at which no session
of a writer is left and none of the run's sessions has a transaction open; with the notification, and
with it lost.
"""
import contextlib
import pathlib
import statistics
import tempfile
import time

from harness import cli, pg, process, redisd
from harness.pulpdata import Site

from .migrate import LEVEL, SERVER

DONE = "SELECT coalesce(sum(done), 0) FROM plmaint.range"
BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'plmaint:%'"
    " AND (xact_start IS NOT NULL OR application_name LIKE 'plmaint:%:w%')"
)
ROWS_A_PAUSE = 3000  # it goes on between two until it has committed
PAUSE = "INSERT INTO plmaint.knob (name, value, actor) VALUES ('paused', 'yes', 'bench')"


def felt(conn, sql):
    """Milliseconds from the commit to the last transaction."""
    with conn.cursor() as cur:
        cur.execute(sql)
        conn.commit()
        began = time.monotonic()
        while True:
            cur.execute(BUSY)
            busy = cur.fetchone()[0]
            conn.commit()
            if not busy:
                return 1000 * (time.monotonic() - began)


def resume(conn, running):
    """Until it has committed something since: what is measured is a pause in the middle of batches."""
    with conn.cursor() as cur:

        def done():
            cur.execute(DONE)
            found = cur.fetchone()[0]
            conn.commit()
            return found

        before = done()
        cur.execute("DELETE FROM plmaint.knob")
        cur.execute("NOTIFY plmaint")
        conn.commit()
        process.wait_until(
            lambda: done() > before or running.proc.poll() is not None, 30, "it goes on"
        )


def measured(conn, running, sql, rounds):
    times = []
    while len(times) < rounds and running.proc.poll() is None:
        times.append(felt(conn, sql))
        resume(conn, running)
    return times


def run(rows, rounds, out):
    rows = max(rows, ROWS_A_PAUSE * 8 * rounds)
    out(f"\n### An operator's pause, felt ({rows} rows, {4 * rounds} pauses each)\n")
    table = ["| a pause is felt | batch | pauses | median | 90 % | at most |", "|---|---|---|---|---|---|"]
    for line in table:
        out(line)

    def row(line):
        out(line)
        table.append(line)

    for batch in (500, 80):
        one_size(rows, rounds, batch, row)
    return table


def one_size(rows, rounds, batch, row):
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory, contextlib.ExitStack() as stack:
        media = pathlib.Path(directory) / "media"
        media.mkdir()
        cluster = stack.enter_context(pg.Cluster(fsync=True, settings=SERVER))
        db = cluster.database(LEVEL)
        conn = stack.enter_context(contextlib.closing(db.connect()))
        site = Site(conn, media, LEVEL)
        site.bulk_images(rows)
        site.sql("ANALYZE")
        conn.commit()
        tool = cli.Plmaint(pathlib.Path(directory) / "tool", db.conninfo(), media)
        cache = stack.enter_context(redisd.Redis())  # what it is owed is not looked for while one waits
        tool.configure({"pre-migrate.batch_rows": batch, "redis.url": cache.url("unix")})
        stack.callback(tool.close)
        running = tool.start("pre-migrate", "run", "--keep-links")
        running.wait_for("progress", when=lambda e: e["done"] > 0)
        for words, sql in (
            ("with its notification", PAUSE + "; NOTIFY plmaint"),
            ("notification lost", PAUSE),
        ):
            times = sorted(measured(conn, running, sql, 4 * rounds))
            if len(times) < 2:
                row(f"| {words} | {batch} rows | the run ended too soon: more ROWS | | | |")
                continue
            ninety = times[min(len(times) - 1, int(0.9 * len(times)))]
            row(
                f"| {words} | {batch} rows | {len(times)} | {statistics.median(times):.0f} ms | {ninety:.0f} ms | {times[-1]:.0f} ms |"
            )
