# SPDX-License-Identifier: GPL-3.0-or-later
"""What was foretold on the way is kept beside what came, and can be asked for."""

FILL, DETACH = "pulp-manifests-fill", "pulp-manifests-detach"


def test_what_was_foretold_is_held_against_what_came(site, pg_db, plmaint):
    assert not plmaint.run("pre-migrate", "calibration", code=0).of("calibration")
    site.bulk_images(2500, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", code=0)
    kept = pg_db.query(
        "SELECT job, share, p10 <= p50 AND p50 <= p90, actual >= 0 FROM plmaint.calibration"
        " WHERE what = 'eta' ORDER BY id"
    )
    assert {row[0] for row in kept} == {FILL, DETACH}
    for job in (FILL, DETACH):
        shares = [share for label, share, _, _ in kept if label == job]
        assert shares == sorted(shares) and len(shares) == 4 and shares[0] >= 0.1 - 1e-6
    assert all(row[2] and row[3] for row in kept)
    told = plmaint.run("pre-migrate", "calibration", code=0).of("calibration")
    assert {e["label"] for e in told} <= {FILL, DETACH}
    assert all(e["runs"] >= 1 and 0 <= e["held"] <= 1 and e["error"] >= abs(e["bias"]) - 1e-9 for e in told)


def test_numbers_that_cannot_be_are_left_out(site, pg_db, plmaint):
    site.bulk_images(10, repos=1, own_config=False)
    plmaint.run("pre-migrate", "run", code=0)
    pg_db.query("DELETE FROM plmaint.calibration")
    for p50, actual in (("'NaN'", "1"), ("1", "0"), ("-5", "1"), ("1", "'Infinity'")):
        pg_db.query(
            "INSERT INTO plmaint.calibration (run, job, host, version, what, share, p10, p50, p90, actual)"
            f" VALUES (1, 'x', 'h', '1', 'eta', 0.5, 0, {p50}, 1e6, {actual})"
        )
    assert not plmaint.run("pre-migrate", "calibration", code=0).of("calibration")
    pg_db.query(
        "INSERT INTO plmaint.calibration (run, job, host, version, what, share, p10, p50, p90, actual)"
        " VALUES (1, 'x', 'h', '1', 'eta', 0.5, 8, 12, 15, 10)"
    )
    [one] = plmaint.run("pre-migrate", "calibration", code=0).of("calibration")
    assert (one["share"], one["runs"], one["held"]) == (0.5, 1, 1)
    assert abs(one["error"] - 0.2) < 1e-9 and abs(one["bias"] - 0.2) < 1e-9
