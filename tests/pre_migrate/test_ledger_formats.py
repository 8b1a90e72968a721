# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger that another plmaint has made."""

import pytest

from harness import after

pytestmark = pytest.mark.slow


def test_a_ledger_of_the_older_format_is_brought_up(site, pg_db, plmaint):
    """In place, with the runs that it remembers and its owner."""
    site.bulk_images(40, repos=1)
    plmaint.run("pre-migrate", "run", "--max-rows", "20", code=75)
    pg_db.query("DROP TABLE plmaint.knob, plmaint.event, plmaint.program, plmaint.calibration")
    pg_db.query("ALTER TABLE plmaint.range DROP COLUMN size")
    pg_db.query("UPDATE plmaint.meta SET format = 1")
    assert plmaint.run("pre-migrate", "status", code=0).of("ledger.run")
    assert plmaint.run("pre-migrate", "tune", code=0).of("knob")
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.of("join"), "the open run is gone on with"
    assert pg_db.value("SELECT format FROM plmaint.meta") == 4
    owners = pg_db.query(
        "SELECT DISTINCT relowner FROM pg_class WHERE relnamespace = 'plmaint'::regnamespace"
    )
    assert len(owners) == 1
    assert not pg_db.query(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'plmaint'::regnamespace AND relkind = 'r'"
        " AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"
    ), "every table has a primary key"


def test_a_ledger_of_a_newer_format_is_refused(site, pg_db, plmaint):
    site.image("oci", site.repository())
    plmaint.run("pre-migrate", "run", code=0)
    pg_db.query("UPDATE plmaint.meta SET format = 99")
    image = site.image("oci", site.repository())
    before = after.ledger(pg_db)
    end = plmaint.run("pre-migrate", "run", code=1).one("step.end", result="failed")
    assert "made by a newer plmaint (format 99)" in end["message"]
    assert "pre-migrate reset" in end["hint"]
    assert after.ledger(pg_db) == before
    assert after.columns(site, image)["data"] is None and after.links(site, image) == 1


def test_verdicts_of_other_rules_are_void(site, pg_db, plmaint):
    site.fill(site.image("oci", site.repository(), labels={}), detach=True)
    verdict = "SELECT run FROM plmaint.verdict WHERE effect = 'examined'"

    def refill():
        ran = plmaint.run("pre-migrate", "run", "--refill", code=0)
        result = ran.one("step.end", label="pulp-manifests-fill")["result"]
        return result, pg_db.value(verdict)

    done, first = refill()
    assert done == "ok" and refill() == ("not-needed", first)
    pg_db.query("UPDATE plmaint.meta SET classifier = 0")
    done, second = refill()
    assert done == "ok" and second > first
    assert refill() == ("not-needed", second)
