# SPDX-License-Identifier: GPL-3.0-or-later
"""What is pending by stratum, counted and estimated (strata.c)."""

from drivers import built


def test_counts_by_stratum(site, pg_db):
    site.bulk_images(5000, repos=10, own_config=False, files=False)
    assert built.passes("../pulp/strata", {"PLMAINT_TEST_CONNINFO": pg_db.conninfo()}) == 2
