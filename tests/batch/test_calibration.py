# SPDX-License-Identifier: GPL-3.0-or-later
"""What was foretold and what came, in a real ledger (calibration.c)."""

from drivers import built


def test_calibration_in_a_ledger(cluster, pg_db):
    conninfo = cluster.conninfo(pg_db.name, "postgres")
    assert built.passes("../batch/calibration", {"PLMAINT_TEST_CONNINFO": conninfo}) == 3
