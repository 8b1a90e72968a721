# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of a site and the way back, against what foreman-maintain runs (GNU tar of the media, then
one pg_dump -Fc; tar again) and against what the machine allows (cp -a, then pg_dump -Fd -j2). Every
time ends with a sync; all are of the same bytes and interleaved. Beside the peer, and in a `backup
offline`, services are stopped, and how long nobody answers is measured from outside.

ARTIFACTS, DATABASE_MB and LAYER_KB choose the size of the site: 20000, 128 and 100; the goals are of
200000 and 1024. Every arm that reads the media begins with them read once, so that of each as much is
in the page cache as fits; CACHE=cold empties it before each time, which root may.

The media and one copy more have to fit below TMPDIR, with a tenth to spare, and the database: 10 GB
for the goals, and 70 GB with layers of 1500 KB. What an arm has written stays until a later one needs
its room. tar goes back over the media as soon as it has made its archive, while both have the same
files; so nobody needs what another arm has made.

ext4 without a journal, as throwaway machines have it, does not use the inode of a removed file again
for a minute, or six where its block is to be written, and looks at each of them for each new file:
after 50,000 were removed as many new ones took ten times as long. Whoever
removes many files on that disk has to wait as long before this is begun. Where it will have to remove
some itself, it waits before every arm: rented disks write the faster, the longer they had nothing to
write, and none may have rested longer than another. What a new file takes is told before each.
"""

import contextlib
import datetime
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from harness import bulk, cli, pg
from harness.backups import SETTLED
from harness.peak import peak
from harness.pulpdata import Site

from . import measure
from .migrate import LEVEL, SERVER
from .services import Services

COLD = os.environ.get("CACHE") == "cold"
LAYER_KB = 100  # every tenth artifact is a layer, the others are manifests and configurations
CHANGED = 0.01
FORGET = 370  # seconds until removed files slow nobody, see above
ARMS = 3  # of a round
SPARE = 1.1  # times what an arm is foretold to write
TABLES = 4  # that fill the database up: those of a site are several of about one size
ONLY = ("--features", "plmaint")  # the configuration of this machine is no part of it
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
    "peer_silent": "the peer's: nobody answers",
    "silent": "`backup offline` after a change of 1 %: nobody answers",
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
    if COLD:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def run_it(argv):
    """Seconds that it takes."""
    began = time.monotonic()
    subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def sync():
    """Seconds until all is on the disk."""
    began = time.monotonic()
    os.sync()
    return time.monotonic() - began


def seconds(*commands):
    settle()
    return sum(run_it(argv) for argv in commands) + sync()


def usage(directory):
    """Files below it, and the bytes of disk that they take."""
    sizes = [
        os.lstat(os.path.join(at, name)).st_blocks * 512
        for at, _, names in os.walk(directory)
        for name in names
    ]
    return len(sizes), sum(sizes)


def to_remove(kept, free, needed):
    """The oldest of [(path, files, bytes)] that have to go for so many bytes to be free; None where
    that is not enough."""
    for n in range(len(kept) + 1):
        if free + sum(size for _, _, size in kept[:n]) >= needed:
            return kept[:n]
    return None


class Bench:
    def __init__(self, directory, cluster, artifacts, megabytes, arms, out):
        self.directory, self.artifacts, self.memory = directory, artifacts, 0
        self.megabytes, self.out = megabytes, out
        self.kept = []  # directories of arms that are done, oldest first
        self.numbers = itertools.count()
        self.media = directory / "media"
        self.media.mkdir()
        self.db = cluster.database(LEVEL)
        self.conn = self.db.connect()
        self.site = Site(self.conn, self.media, LEVEL)
        self.services = Services(directory, self.db.conninfo())
        add(self.site, artifacts)
        fill(self.db, self.conn, megabytes)
        os.sync()
        self.pause = FORGET if self.free() < arms * self.needed() else 0

    def close(self):
        self.conn.close()
        self.services.close()

    def settings(self):
        return {"restore.conninfo": self.db.cluster.conninfo("postgres", "postgres")}

    def tool(self):
        return cli.Plmaint(
            self.directory / "tool", self.db.conninfo(), self.media, settings=self.settings()
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

    def change(self):
        self.site.made_at = datetime.datetime.now(datetime.timezone.utc)
        add(self.site, int(self.artifacts * CHANGED))
        time.sleep(SETTLED + 0.5)

    def stand_still(self, store, out):
        """The next backup, with the services stopped for as short as it can."""
        settle()
        with contextlib.closing(self.services.tool(self.settings())) as tool:
            with self.services.silence() as silence:
                done = tool.run(
                    "backup", "offline", self.services.machine.inside(store), *ONLY, code=0, seconds=1800
                )
        out["silent"] = silence.seconds
        self.out(f"- backup offline says {done.one('backup', state='whole')['downtime']:.2f} s.")

    def free(self):
        return shutil.disk_usage(self.directory).free

    def needed(self):
        """Of one copy more of the media and of the database."""
        return SPARE * (usage(self.media)[1] + self.megabytes * 1e6)

    def make_room(self):
        free, needed = self.free(), self.needed()
        gone = to_remove([(path, *usage(path)) for path in self.kept], free, needed)
        if gone is None:
            sys.exit(f"{self.directory} has {free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB are needed")
        for path, files, size in gone:
            self.out(f"- {path.name} is removed: {files} files, {size / 1e9:.1f} GB.")
            shutil.rmtree(path)
            self.kept.remove(path)
        os.sync()
        if self.pause:
            self.out(f"- {self.pause} s of waiting.")
            time.sleep(self.pause)

    def arm(self, name):
        """A directory of its own; the media have been read, and have not changed lately."""
        self.make_room()
        n = next(self.numbers)
        path, probe = (self.directory / f"{word}.{n}" for word in (name, "probe"))
        path.mkdir()
        probe.mkdir()
        self.kept.append(path)
        self.out(f"- {path.name}: a new small file takes {measure.new_file_us(probe):.0f} us.")
        if not COLD:
            subprocess.run(
                ["find", self.media, "-type", "f", "-exec", "cat", "{}", "+"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        time.sleep(SETTLED + 0.5)
        return path

    def peer(self, out):
        """Its services start again before all is on the disk, since it does not wait for that. And the
        way back, while the media have what the archive has: of what has come since, tar would leave
        nothing."""
        d = self.arm("peer")
        tar = [*TAR, f"--listed-incremental={d}/.pulp.snar", "-f", d / "pulp.tar"]
        settle()
        with self.services.silence() as silence:
            self.services.stop()
            out["tar"] = run_it([*tar, "-C", self.media, "."])
            dump = run_it(self.dump("-Fc", "-f", d / "pulp.dump"))
            self.services.start()
        out["peer"] = out["tar"] + dump + sync()
        out["peer_silent"] = silence.seconds
        out["untar"] = seconds([*UNTAR, "-f", d / "pulp.tar", "-C", self.media])

    def bound(self, out):
        d = self.arm("bound")
        out["bound"] = seconds(
            ["cp", "-a", self.media, d / "media"],
            self.dump("-Fd", "-j2", "-f", d / "pulp"),
        )

    def ours(self, tool, out):
        store = self.arm("store")
        self.back_up(tool, store, out, "full")
        out["put_back"] = seconds(
            tool.argv("procedure", "run", "restore-media", "--param", f"dir={store}")
        )
        self.change()
        self.back_up(tool, store, out, "incremental")
        self.change()
        self.stand_still(store, out)

    def round(self, tool):
        took = {}
        for part in (self.peer, self.bound, lambda took: self.ours(tool, took)):
            before = set(took)
            part(took)
            self.out("- " + ", ".join(f"{k} {took[k]:.2f}" for k in took if k not in before) + " s.")
        return took


def report(bench, m, rounds, out):
    out("\n| | seconds, median |\n|---|---|")
    for what, words in ROWS.items():
        out(f"| {words} | {m[what]:.2f} |")
    goals = (
        ("full against cp -a and pg_dump -j2", "bound", "full", 0.9),
        ("full against the peer", "peer", "full", 1.5),
        ("incremental against the peer's full", "peer", "incremental", 50),
        ("of it, artifacts against the peer's tar", "tar", "incremental_content", None),
        ("seconds without services against the peer's", "peer_silent", "silent", None),
        ("restore over content that is there against untar", "untar", "put_back", 20),
    )
    out("\n| | times as fast | goal |\n|---|---|---|")
    for words, theirs, ours, goal in goals:
        out(f"| {words} | {m[theirs] / m[ours]:.2f} | {goal or ''} |")
    out(f"\nPeak memory {bench.memory / 1e6:.1f} MB (bound 64); medians of {rounds} rounds.")


def run(rows, rounds, out):
    artifacts = int(os.environ.get("ARTIFACTS", "20000"))
    megabytes = int(os.environ.get("DATABASE_MB", "128"))
    cold = "from the disk" if COLD else "in the page cache as far as they fit"
    if os.geteuid() != 0:
        sys.exit("ONLY=backup stops services of a machine that it makes: only root can")
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plmaint-bench-")))
        directory.chmod(0o755)  # the server has its files there, and is not root
        (directory / "server").mkdir()
        cluster = stack.enter_context(pg.Cluster(True, SERVER, directory / "server"))
        bench = Bench(directory, cluster, artifacts, megabytes, ARMS * rounds, out)
        stack.callback(bench.close)
        with contextlib.closing(bench.tool()) as tool:
            size = float(bench.db.value("SELECT sum(size) FROM core_artifact")) / 1e9
            out(
                f"\n## Backup of {artifacts} artifacts of {size:.1f} GB, {cold}, and a database of {megabytes} MB,"
                f" {rounds} rounds\n"
            )
            all_rounds = [bench.round(tool) for _ in range(rounds)]
            middle = {k: measure.median([r[k] for r in all_rounds]) for k in all_rounds[0]}
            report(bench, middle, rounds, out)
