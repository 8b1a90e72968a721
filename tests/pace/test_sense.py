# SPDX-License-Identifier: GPL-3.0-or-later
"""What the throttle asks a server, and what it makes of the answers (sense.c)."""

from drivers import built


def test_what_a_server_is_asked(cluster, pg_db):
    conninfo = cluster.conninfo(pg_db.name, "postgres")
    assert built.passes("../pace/sense", {"PLMAINT_TEST_CONNINFO": conninfo}) == 2
