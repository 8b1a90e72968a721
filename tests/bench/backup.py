# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of a site and the way back, against what foreman-maintain runs (GNU tar of the media, then
one pg_dump -Fc; tar again) and against what the machine allows (cp -a, then pg_dump -Fd -j2). Every
time ends with a sync; all are of the same bytes and interleaved.

ARTIFACTS, DATABASE_MB and LAYER_KB choose the size of the site: 20000, 128 and 100; the goals are of
200000 and 1024, which take about 14 GB below TMPDIR. BRIEF=1 leaves out cp and the way back, so that
twice the media are room enough for large ones, as those of a site are. CACHE=cold empties the page
cache before each time, which root may.

Nothing is removed before all is measured. ext4 without a journal, as throwaway machines have it, does
not use the inode of a removed file again for a minute, or six where its block is to be written, and
looks at each of them for each new file: after 50,000 were removed as many new ones took ten times as
long. Whoever removes many files on that disk has to wait as long before this is begun.
"""

import contextlib
import datetime
import itertools
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness import bulk, cli, pg
from harness.peak import peak
from harness.pulpdata import Site

from . import measure
from .migrate import LEVEL, SERVER

BRIEF = os.environ.get("BRIEF") == "1"
LAYER_KB = 100  # every tenth artifact is a layer, the others are manifests and configurations
CHANGED = 0.01
FORGET = 370  # seconds until removed files slow nobody, see above
TABLES = 4  # that fill the database up: those of a site are several of about one size
ONLY = ("--features", "plmaint")  # the configuration of this machine is no part of it
STANDSTILL = ("backup-databases", "backup-media", "backup-config")  # while the services are stopped
# As foreman-maintain runs it, but for --selinux, which not every machine can.
TAR = ("tar", "--create", "--sparse", "--no-check-device", "--exclude=./tmp", "--exclude=./exports")
UNTAR = ("tar", "--extract", "--overwrite", "--sparse", "--listed-incremental=/dev/null")
ROWS = {
    "tar": "GNU tar of the media",
    "peer": "the same, then pg_dump -Fc",
    "bound": "cp -a, then pg_dump -Fd -j2",
    "full": "`backup online`, the first",
    "full_content": "of it, artifacts",
    "full_dump": "of it, dump",
    "incremental": "`backup online` after a change of 1 %",
    "incremental_content": "of it, artifacts",
    "incremental_dump": "of it, dump",
    "standstill": "steps of `backup offline` while the services are stopped",
    "untar": "GNU tar back over the media",
    "put_back": "`restore-media` over the media",
}


def add(site, n):
    bulk.bulk_artifacts(site, n // 10, int(os.environ.get("LAYER_KB", LAYER_KB)) * 1000)
    site.bulk_images((n - n // 10) // 2)


def fill(db, conn, megabytes):
    """Rows that compress as those of a real site do: digests and repeated words."""
    left = megabytes * 1_000_000 - db.value("SELECT pg_database_size(current_database())")
    with conn.cursor() as cur:
        for i in range(TABLES):
            cur.execute(
                f"CREATE TABLE filler{i} AS SELECT g AS id, sha256((g::text || '{i}')::bytea)::text AS digest,"
                " repeat('application/vnd.oci.image.layer ', 20) AS words FROM generate_series(1, %s) g",
                (max(1, left // TABLES // 820),),
            )
    conn.commit()
    db.query("VACUUM ANALYZE")


def settle():
    """Nothing is left to be written; where it is to be cold, nothing is left in memory."""
    os.sync()
    if os.environ.get("CACHE") == "cold":
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def seconds(*commands):
    settle()
    began = time.monotonic()
    for argv in commands:
        subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.DEVNULL)
    os.sync()
    return time.monotonic() - began


class Bench:
    def __init__(self, directory, cluster, artifacts, megabytes):
        self.directory, self.artifacts, self.memory = directory, artifacts, 0
        self.rooms = itertools.count()
        self.media = directory / "media"
        self.media.mkdir()
        self.db = cluster.database(LEVEL)
        self.conn = self.db.connect()
        self.site = Site(self.conn, self.media, LEVEL)
        add(self.site, artifacts)
        fill(self.db, self.conn, megabytes)
        os.sync()

    def tool(self):
        settings = {"restore.conninfo": self.db.cluster.conninfo("postgres", "postgres")}
        return cli.Plmaint(
            self.directory / "tool", self.db.conninfo(), self.media, settings=settings
        )

    def dump(self, *words):
        return [pg.bindir() / "pg_dump", "-d", self.db.conninfo(), *words]

    def back_up(self, tool, store, out, name):
        """Seconds of the whole and of its steps."""
        settle()
        largest, done = peak(
            tool, "peak", "backup", "online", store, *ONLY, code=0, seconds=1800
        )
        ended = time.monotonic()
        os.sync()
        out[name] = done.seconds + time.monotonic() - ended
        self.memory = max(self.memory, largest)
        took = {e["label"]: e["seconds"] for e in done.of("step.end")}
        out[f"{name}_content"], out[f"{name}_dump"] = took["backup-content"], took["backup-databases"]
        return took

    @contextlib.contextmanager
    def room(self, name):
        """A directory for a while."""
        path = self.directory / f"{name}.{next(self.rooms)}"
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def peer(self, d, out):
        tar = [*TAR, f"--listed-incremental={d}/.pulp.snar", "-f", d / "pulp.tar"]
        out["tar"] = seconds([*tar, "-C", self.media, "."])
        out["peer"] = out["tar"] + seconds(self.dump("-Fc", "-f", d / "pulp.dump"))

    def bound(self, d, out):
        out["bound"] = seconds(
            ["cp", "-a", self.media, d / "media"],
            self.dump("-Fd", "-j2", "-f", d / "pulp"),
        )

    def way_back(self, tool, peer, bound, store, out):
        """Over a copy: what has come since the archive was made is no business of tar's."""
        out["untar"] = seconds([*UNTAR, "-f", peer / "pulp.tar", "-C", bound / "media"])
        out["put_back"] = seconds(
            tool.argv("procedure", "run", "restore-media", "--param", f"dir={store}")
        )

    def round(self, tool, kept):
        out = {}
        peer = kept.enter_context(self.room("peer"))
        self.peer(peer, out)
        if BRIEF:
            kept.close()
        else:
            bound = kept.enter_context(self.room("bound"))
            self.bound(bound, out)
        store = kept.enter_context(self.room("store"))
        self.back_up(tool, store, out, "full")
        if not BRIEF:
            self.way_back(tool, peer, bound, store, out)
        self.site.made_at = datetime.datetime.now(datetime.timezone.utc)
        add(self.site, int(self.artifacts * CHANGED))
        took = self.back_up(tool, store, out, "incremental")
        out["standstill"] = sum(took[label] for label in STANDSTILL)
        return out

    def all_rounds(self, tool, n):
        """Where there is room for one round only, the next waits."""
        done = []
        with contextlib.ExitStack() as to_the_end:
            while len(done) < n:
                if BRIEF and done:
                    time.sleep(FORGET)
                with contextlib.ExitStack() as kept:
                    done.append(self.round(tool, kept))
                    if not BRIEF:
                        to_the_end.enter_context(kept.pop_all())
        return done


def report(bench, m, rounds, out):
    out("| | seconds, median |\n|---|---|")
    for what, words in ROWS.items():
        if what in m:
            out(f"| {words} | {m[what]:.2f} |")
    goals = (
        ("full against cp -a and pg_dump -j2", "bound", "full", 0.9),
        ("full against the peer", "peer", "full", 1.5),
        ("incremental against the peer's full", "peer", "incremental", 50),
        ("of it, artifacts against the peer's tar", "tar", "incremental_content", None),
        ("standstill against the peer's", "peer", "standstill", None),
        ("restore over content that is there against untar", "untar", "put_back", 20),
    )
    out("\n| | times as fast | goal |\n|---|---|---|")
    for words, theirs, ours, goal in goals:
        if theirs in m:
            out(f"| {words} | {m[theirs] / m[ours]:.2f} | {goal or ''} |")
    out(f"\nPeak memory {bench.memory / 1e6:.1f} MB (bound 64); medians of {rounds} rounds.")


def run(rows, rounds, out):
    artifacts = int(os.environ.get("ARTIFACTS", "20000"))
    megabytes = int(os.environ.get("DATABASE_MB", "128"))
    cold = "from the disk" if os.environ.get("CACHE") == "cold" else "in the page cache"
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as name, pg.Cluster(
        fsync=True, settings=SERVER
    ) as cluster:
        bench = Bench(pathlib.Path(name), cluster, artifacts, megabytes)
        with contextlib.closing(bench.conn), contextlib.closing(bench.tool()) as tool:
            size = float(bench.db.value("SELECT sum(size) FROM core_artifact")) / 1e9
            out(
                f"\n## Backup of {artifacts} artifacts of {size:.1f} GB, {cold}, and a database of {megabytes} MB,"
                f" {rounds} rounds; a new small file took {measure.new_file_us(bench.directory):.0f} us\n"
            )
            all_rounds = bench.all_rounds(tool, rounds)
            middle = {k: measure.median([r[k] for r in all_rounds]) for k in all_rounds[0]}
            report(bench, middle, rounds, out)
