# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run left behind: a manifest's columns, rows that have nothing, and whether anything was
written or opened at all.
"""

import contextlib
import re

from harness import process

COLUMNS = (
    "annotations labels is_bootable is_flatpak data type architecture os compressed_image_size"
).split()


def columns(site, manifest):
    """The nine columns of a manifest, those that the level has."""
    names = [n for n in COLUMNS if n in site.columns["container_manifest"]]
    row = site.sql(
        f"SELECT {', '.join(names)} FROM container_manifest WHERE content_ptr_id = %s",
        (manifest.pk,),
    )[0]
    return dict(zip(names, row))


def links(site, manifest):
    """How many content artifacts a manifest has."""
    return site.sql(
        "SELECT count(*) FROM core_contentartifact WHERE content_id = %s", (manifest.pk,)
    )[0][0]


def with_nothing(site):
    """Digests of manifests that have neither data nor a link: what must never become more."""
    empty = "coalesce(m.data, '') = '' AND" if site.has_data else ""
    return {
        digest
        for (digest,) in site.sql(
            f"SELECT digest FROM container_manifest m WHERE {empty} NOT EXISTS"
            " (SELECT FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id)"
        )
    }


def pending(site):
    """How many manifests have no data."""
    return site.sql("SELECT count(*) FROM container_manifest WHERE coalesce(data, '') = ''")[0][0]


def written(db):
    """How many rows were ever inserted, updated or deleted in this database, the ledger's too.

    A session's counts arrive when it ends, so it is to be asked between runs; a moment after the
    program is gone the server may still be about to end its sessions.
    """
    process.wait_until(
        lambda: not db.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'plmaint%'"
        ),
        30,
        "plmaint's sessions have ended",
    )
    with contextlib.closing(db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute("SELECT pg_stat_force_next_flush()")
        cur.execute(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables"
        )
        return cur.fetchone()[0]


def ledger(db):
    """Every row of the ledger's tables, as text; None while there is no ledger."""
    if db.value("SELECT to_regclass('plmaint.meta') IS NULL"):
        return None
    return {
        table: sorted(r[0] for r in db.query(f"SELECT t::text FROM plmaint.{table} t"))
        for table in ("meta", "run", "range", "verdict", "debt")
    }


STRACE = ("strace", "-f", "-qq", "-e", "trace=open,openat,openat2", "-o")


def opened_artifacts(trace):
    """Names of artifact files that were opened to be read, from the output of strace. O_PATH only
    looks whether a file that could not be read has changed.
    """
    lines = trace.read_text(errors="replace").splitlines()
    return re.findall(
        r'"([^"]*artifact/[^"]*)"', "\n".join(line for line in lines if "O_PATH" not in line)
    )
