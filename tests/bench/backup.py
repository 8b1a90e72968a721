# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of a site, against what foreman-maintain runs (GNU tar of the media, then one pg_dump -Fc)
and against what the machine allows (cp -a, then pg_dump -Fd -j2), each with a sync at its end.

FILES and DB_MB choose the size of the site (200000 and 1024).
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from harness import cli, pg
from harness.peak import peak
from harness.pulpdata import Site

from . import measure
from .migrate import LEVEL, SERVER

LAYER, SMALL = 100_000, 2_000  # bytes; every tenth is a layer
CHANGED = 0.01
ONLY = ("--features", "plmaint")  # the configuration of this machine is no part of it


def add(site, n):
    for i in range(n):
        site.artifact(os.urandom(LAYER if i % 10 == 0 else SMALL))
    site.conn.commit()


def fill(conn, megabytes):
    """Rows that compress as those of a real site do: digests and repeated words."""
    with conn.cursor() as cur:
        cur.execute(
            "CREATE TABLE filler AS SELECT g AS id, sha256(g::text::bytea)::text AS digest,"
            " repeat('application/vnd.oci.image.layer ', 20) AS words FROM generate_series(1, %s) g",
            (megabytes * 1000,),
        )
    conn.commit()


def seconds(*commands, **options):
    began = time.monotonic()
    for argv in commands:
        subprocess.run(list(map(str, argv)), check=True, **options)
    os.sync()
    return time.monotonic() - began


def made(directory, cluster, files, megabytes):
    media = directory / "media"
    media.mkdir()
    db = cluster.database(LEVEL)
    conn = db.connect()
    site = Site(conn, media, LEVEL)
    add(site, files)
    fill(conn, megabytes)
    os.sync()
    return site, db


def dump(db, *words):
    return [pg.bindir() / "pg_dump", "-d", db.conninfo(), *words]


def one_round(site, db, tool, directory):
    """Seconds of the peer, of the bound, of a full backup and of an incremental one."""
    for name in ("peer", "bound", "store"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / "peer").mkdir()
    (directory / "bound").mkdir()
    out = {}
    out["peer"] = seconds(
        ["tar", "-S", "-cf", directory / "peer/pulp.tar", "-C", site.media_root, "."],
        dump(db, "-Fc", "-f", directory / "peer/pulp.dump"),
    )
    out["bound"] = seconds(
        ["cp", "-a", site.media_root, directory / "bound/media"],
        dump(db, "-Fd", "-j2", "-f", directory / "bound/pulp"),
    )
    words = tool.argv("backup", "online", directory / "store", *ONLY)
    out["full"] = seconds(words, stdout=subprocess.DEVNULL)
    return out


def run(rows, rounds, out):
    files, megabytes = int(os.environ.get("FILES", "200000")), int(os.environ.get("DB_MB", "1024"))
    out(f"\n## Backup of {files} artifacts and a database of {megabytes} MB, {rounds} rounds\n")
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as name, pg.Cluster(
        fsync=True, settings=SERVER
    ) as cluster:
        directory = pathlib.Path(name)
        site, db = made(directory, cluster, files, megabytes)
        with contextlib.closing(
            cli.Plmaint(directory / "tool", db.conninfo(), site.media_root, settings={"backup.nice": 0})
        ) as tool:
            all_rounds = []
            for _ in range(rounds):
                one = one_round(site, db, tool, directory)
                add(site, int(files * CHANGED))
                words = tool.argv("backup", "online", directory / "store", *ONLY)
                one["incremental"] = seconds(words, stdout=subprocess.DEVNULL)
                all_rounds.append(one)
            largest, _ = peak(tool, "peak", "backup", "online", directory / "fresh", *ONLY, code=0)
        middle = {k: measure.median([r[k] for r in all_rounds]) for k in all_rounds[0]}
        out("| | seconds, median |\n|---|---|")
        for what, words in {
            "peer": "GNU tar, then pg_dump -Fc",
            "bound": "cp -a, then pg_dump -Fd -j2",
            "full": "backup online, the first",
            "incremental": f"backup online after {100 * CHANGED:.0f} % change",
        }.items():
            out(f"| {words} | {middle[what]:.2f} |")
        out(
            f"\nFull: {middle['bound'] / middle['full']:.2f} of the bound (goal 0.9),"
            f" {middle['peer'] / middle['full']:.2f} times the peer (goal 1.5);"
            f" incremental: {middle['peer'] / middle['incremental']:.1f} times the peer's full (goal 50);"
            f" peak {largest / 1e6:.1f} MB (bound 64)."
        )
        site.conn.close()
