# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that does not move says so, with the reason, from any terminal; and moves on by itself."""

import contextlib

from harness import after

FILL = "pulp-manifests-fill"


def test_a_table_lock_of_somebody_is_named(site, pg_db, plmaint):
    site.bulk_images(200, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.stall_after": "1s", "pre-migrate.batch_rows": "20"})
    with contextlib.closing(pg_db.connect(autocommit=False)) as other:
        cur = other.cursor()
        cur.execute("SET application_name TO 'nightly-report'; LOCK TABLE container_manifest IN SHARE MODE")
        running = plmaint.start("pre-migrate", "run", "--keep-links")
        seen = running.wait_for("progress", lambda e: e["stalled"], seconds=60, label=FILL)
        assert "nothing was committed for" in seen["reason"] and seen["eta"]["p50"] > 0
        running.wait_for("progress", lambda e: "(nightly-report)" in (e["reason"] or ""), label=FILL)
        told = plmaint.run("pre-migrate", "status", code=0)
        assert any(e.get("stalled") for e in told.of("progress"))
        other.rollback()
    running.wait_for("progress", lambda e: not e["stalled"] and e["done"] > 0, label=FILL)
    ran = running.wait()
    assert ran.code in (0, 75), ran
    if ran.code:  # rows that were passed over while they were locked
        plmaint.run("pre-migrate", "run", "--keep-links", code=0)
    assert after.pending(site) == 0
