# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases of ranges and of the coordinator's seat, between two sessions (leases.c)."""

from drivers import built


def test_leases_between_two_sessions(cluster, pg_db):
    conninfo = cluster.conninfo(pg_db.name, "postgres")
    assert built.passes("../batch/leases", {"PLMAINT_TEST_CONNINFO": conninfo}) == 8
